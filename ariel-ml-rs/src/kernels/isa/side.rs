//! A window along one side of an image, for kernels that tell pixels apart by which of their taps are inside of it.

use crate::kernels::window::Window;
use crate::memory::Image;

/// A window along one side of an image.
#[derive(Clone, Copy)]
pub(super) struct Side {
    /// Pixels of the input.
    pub extent: usize,
    /// Taps of the window.
    pub taps: usize,
    /// Pixels from a window to the next.
    pub stride: usize,
    /// Pixels from a tap to the next.
    pub dilation: usize,
    /// Pixels of padding before the image.
    pub pad: usize,
}

impl Side {
    /// Down the rows of an image, and across its columns.
    #[inline(always)]
    pub const fn both(input: &Image, window: &Window) -> (Self, Self) {
        let down = Self {
            extent: input.height as usize,
            taps: window.height as usize,
            stride: window.stride_h as usize,
            dilation: window.dilation_h as usize,
            pad: window.pad_top as usize,
        };
        let across = Self {
            extent: input.width as usize,
            taps: window.width as usize,
            stride: window.stride_w as usize,
            dilation: window.dilation_w as usize,
            pad: window.pad_left as usize,
        };
        (down, across)
    }
}
