//! All channels of pixels that lie along lines: blocks of four by four, and what is left one by one.

use super::block::{Block, PIXELS};
use super::clip::Clip;
use super::cores::{Function, Loops};

/// Pixels at equal distances: those of their first taps and of their outputs, in elements.
#[derive(Clone, Copy)]
pub(super) struct Pixels {
    pub count: usize,
    pub input: usize,
    pub output: usize,
    /// Whether they lie in a column of the image.
    pub is_column: bool,
}

/// A naked function, what it reads, and at which channel it begins.
#[derive(Clone, Copy)]
pub(super) struct Kernel {
    pub function: Function,
    pub block: Block,
    /// Elements from a pixel's first input to what is read.
    pub input: usize,
    /// Elements from a pixel's channel 0 to what is written.
    pub output: usize,
}

impl Kernel {
    /// Computes its channels of the pixel, or the pixels, at `input` and `output`.
    ///
    /// # Safety
    /// What the naked function asks for.
    #[inline]
    unsafe fn run(&mut self, input: *const f32, output: *mut f32) {
        if self.block.blocks > 0 {
            (self.block.input, self.block.output) = (input.wrapping_add(self.input), output.wrapping_add(self.output));
            // SAFETY: forwarded to the caller.
            unsafe { (self.function)(&self.block) };
        }
    }
}

/// How the channels of pixels that all read the same taps are computed.
pub(super) struct Sums {
    /// Blocks of channels of four pixels, where there are that many; `one` gives the same.
    pub four: Option<Kernel>,
    /// Blocks of channels of one pixel.
    pub one: Kernel,
    /// Channels of one pixel that are no block.
    pub single: Kernel,
    /// Bounds of the output.
    pub clip: Clip,
    /// Channels of a pixel, from the first that `one` computes on.
    pub channels: usize,
}

impl Sums {
    /// Computes lines of pixels, of which the first has its first tap at `input` and its channel 0 at `output`.
    ///
    /// # Safety
    /// The taps of all pixels lie inside one region, filters and biases have what the naked functions read of them, and the
    /// channels of the pixels are this call's own to write.
    #[inline(never)]
    pub(super) unsafe fn lines<C: Loops>(
        &mut self,
        input: *const f32,
        output: *mut f32,
        (along, below): (Pixels, Pixels),
    ) {
        if let Some(four) = &mut self.four {
            (four.block.pixel, four.block.output_pixel) = (4 * along.input, 4 * along.output);
        }
        // Whether blocks are all that there is to do.
        let is_done = self.single.block.blocks == 0 && !self.clip.is_bounded();
        for line in 0..below.count {
            let mut input = input.wrapping_add(line * below.input);
            let mut output = output.wrapping_add(line * below.output);
            let mut left = along.count;
            while left > 0 {
                // SAFETY: forwarded to the caller.
                unsafe {
                    let mut count = PIXELS;
                    match &mut self.four {
                        Some(four) if left >= PIXELS => four.run(input, output),
                        _ => {
                            count = 1;
                            self.one.run(input, output);
                        }
                    }
                    left -= count;
                    if is_done {
                        input = input.wrapping_add(count * along.input);
                        output = output.wrapping_add(count * along.output);
                        continue;
                    }
                    while count > 0 {
                        self.single.run(input, output);
                        if self.clip.is_bounded() {
                            self.clip.apply::<C>(output.wrapping_add(self.one.output), self.channels);
                        }
                        input = input.wrapping_add(along.input);
                        output = output.wrapping_add(along.output);
                        count -= 1;
                    }
                }
            }
        }
    }
}
