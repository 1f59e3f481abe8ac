//! Sums over taps and input channels, for a group of output channels: what convolutions and dense layers share.

use super::block::{Block, CHANNELS};
use super::clip::Clip;
use super::cores::Loops;
use super::sums::{Kernel, Sums};

/// The filter of a group of channels, packed (`ariel_build/ops/accumulate.py`, `packed`): whole blocks of four channels that
/// take turns, then one channel after another.
#[derive(Clone, Copy)]
pub(super) struct Filter {
    /// The group's weights.
    pub weights: *const f32,
    /// The group's biases.
    pub bias: *const f32,
    /// Channels of the group.
    pub channels: usize,
    /// Weights of a channel.
    pub depth: usize,
}

/// The taps that a pixel reads, and how far apart their inputs lie: distances are in elements.
#[derive(Clone, Copy)]
pub(super) struct Taps {
    /// Rows of taps; none where no tap lies inside the image.
    pub rows: usize,
    /// Runs of a row.
    pub columns: usize,
    /// Elements of a run.
    pub run: usize,
    /// From the start of a run to the next.
    pub input_column: usize,
    /// From the start of a row to the next.
    pub input_row: usize,
    /// Weights of a channel that come first and belong to taps in the padding.
    pub skipped: usize,
    /// Weights of a channel in a row of taps, the ones in the padding included.
    pub filter_row: usize,
}

impl Taps {
    /// All of a row of `depth` elements.
    pub(super) const fn dense(depth: usize) -> Self {
        Self { rows: 1, columns: 1, run: depth, input_column: 0, input_row: 0, skipped: 0, filter_row: depth }
    }
}

/// Prepares channels `first..end` of a group for pixels that all read the same taps; `first` begins a block of channels.
///
/// The naked functions may read the filter's weights and biases of these channels.
#[inline(never)]
pub(super) fn dense<C: Loops>(filter: &Filter, (first, end): (usize, usize), taps: &Taps, clip: Clip) -> Sums {
    let whole = filter.channels / CHANNELS * CHANNELS;
    let middle = end.min(whole).max(first);
    // Where there is nothing to read, an empty run leaves the bias.
    let (rows, columns, run) = if taps.rows == 0 || taps.columns == 0 || taps.run == 0 {
        (1, 1, 0)
    } else {
        (taps.rows, taps.columns, taps.run)
    };
    let block = |channel: usize, blocks: usize, of: usize| Block {
        input: core::ptr::null(),
        pixel: 0,
        rows,
        columns,
        run,
        input_column: 4_usize.wrapping_mul(taps.input_column.wrapping_sub(run)),
        input_row: 4_usize.wrapping_mul(taps.input_row.wrapping_sub(taps.input_column * (columns - 1) + run)),
        filter_row: (4 * of).wrapping_mul(taps.filter_row - run * columns),
        filter: filter.weights.wrapping_add(channel * filter.depth + taps.skipped * of),
        filter_block: 4 * of * (filter.depth - rows * taps.filter_row),
        bias: filter.bias.wrapping_add(channel),
        output: core::ptr::null_mut(),
        output_pixel: 0,
        blocks,
        relu: usize::from(clip.is_relu()),
    };
    let block = |function, channel, blocks, of| Kernel {
        function,
        block: block(channel, blocks, of),
        input: 0,
        output: channel,
    };
    let one = block(C::DENSE1, first, (middle - first) / CHANNELS, CHANNELS);
    let four = Some(Kernel { function: C::DENSE4, ..one });
    Sums { four, one, single: block(C::DENSE, middle, end - middle, 1), clip, channels: end - first }
}
