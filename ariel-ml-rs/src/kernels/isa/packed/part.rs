//! The part of an output that a tile is: some pixels of all channels, or some channels of all pixels.

use super::loops::Products;
use crate::memory::Image;
use crate::quant::Bounds;
use crate::tile::Tile;

/// Pixels and channels, from the first up to, not including, the end.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub pixel: usize,
    pub end: usize,
    pub channel: usize,
    pub channels: usize,
}

impl Part {
    /// The part of `output` that `tile` is.
    pub(super) const fn new(output: &Image, tile: Tile, by_channels: bool) -> Self {
        if by_channels {
            let pixels = output.height as usize * output.width as usize;
            Self { pixel: 0, end: pixels, channel: tile.start(), channels: tile.end() - tile.start() }
        } else {
            Self { pixel: tile.start(), end: tile.end(), channel: 0, channels: output.channels as usize }
        }
    }

    /// Applies bounds to the part of an image whose pixels follow each other.
    ///
    /// # Safety
    /// The image begins at `first`, and the part is this call's own.
    pub(super) unsafe fn clamp<L: Products>(&self, first: *mut L::Element, output: &Image, bounds: &Bounds) {
        let pixel = output.pixel as usize;
        // SAFETY: forwarded to the caller.
        unsafe {
            if pixel == self.channels {
                L::clamp(first.add(self.pixel * pixel), (self.end - self.pixel) * pixel, bounds);
            } else {
                for index in self.pixel..self.end {
                    L::clamp(first.add(index * pixel + self.channel), self.channels, bounds);
                }
            }
        }
    }
}
