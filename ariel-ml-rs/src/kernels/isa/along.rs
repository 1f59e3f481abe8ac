//! An image and its windows along one of the two axes, for kernels whose lines may be rows or columns.

use crate::kernels::window::Window;
use crate::memory::Image;

/// One of the two axes of an image: its extents, the window, where that begins, and how far it moves.
#[derive(Clone, Copy)]
pub(super) struct Along {
    /// Pixels of the input.
    pub extent: usize,
    /// Pixels of the output.
    pub outputs: usize,
    /// From an input pixel to the next, as the image counts.
    pub input: usize,
    /// From an output pixel to the next, as the image counts.
    pub output: usize,
    /// Taps of the window.
    pub taps: usize,
    /// Input pixels from a window to the next.
    pub stride: usize,
    /// Input pixels of padding before the image.
    pub pad: usize,
}

impl Along {
    /// The axes along a line and across, of lines that are columns where they are `vertical`.
    pub const fn axes(input: &Image, output: &Image, window: &Window, vertical: bool) -> (Self, Self) {
        let down = Self {
            extent: input.height as usize,
            outputs: output.height as usize,
            input: input.row as usize,
            output: output.row as usize,
            taps: window.height as usize,
            stride: window.stride_h as usize,
            pad: window.pad_top as usize,
        };
        let right = Self {
            extent: input.width as usize,
            outputs: output.width as usize,
            input: input.pixel as usize,
            output: output.pixel as usize,
            taps: window.width as usize,
            stride: window.stride_w as usize,
            pad: window.pad_left as usize,
        };
        if vertical { (down, right) } else { (right, down) }
    }
}
