//! What the loops over taps read: blocks of pixels times blocks of channels.

/// Pixels of a block.
pub(super) const PIXELS: usize = 4;
/// Channels of a block.
pub(super) const CHANNELS: usize = 4;

/// What the naked functions read: distances are in bytes.
///
/// The taps that a pixel reads are `rows` rows of `columns` runs of `run` elements each; the filter has their weights in the
/// same order, and skips those of taps in the padding.
#[derive(Clone, Copy)]
#[repr(C)]
pub(in crate::kernels::isa) struct Block {
    /// First tap of the first pixel.
    pub input: *const f32,
    /// From a pixel to the next.
    pub pixel: usize,
    /// Rows of taps, at least 1.
    pub rows: usize,
    /// Runs of a row, at least 1.
    pub columns: usize,
    /// Elements of a run, which may be none.
    pub run: usize,
    /// From what was read last to the next run of a row.
    pub input_column: usize,
    /// From what was read last to the next row of taps.
    pub input_row: usize,
    /// From the end of a row's weights to those of the next row.
    pub filter_row: usize,
    /// First weight of the first block of channels.
    pub filter: *const f32,
    /// From the end of the weights of a block of channels, a row's distance included, to those of the next.
    pub filter_block: usize,
    /// Bias of the first channel.
    pub bias: *const f32,
    /// First channel of the first pixel.
    pub output: *mut f32,
    /// From a pixel to the next.
    pub output_pixel: usize,
    /// Blocks of channels, at least 1.
    pub blocks: usize,
    /// Not 0 where what is negative becomes 0.
    pub relu: usize,
}
