//! Frames of a stream: overlapping ones of samples, and the last features side by side.

use crate::kernels::access::Access;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;

/// Frames of `size` samples, `step` apart, of each row: the first of `history` samples kept and those that come.
#[derive(Clone, Copy)]
pub struct Framer {
    /// int16 samples, `frames * step` of each row.
    pub input: Region,
    /// What is kept of each row, `history` samples.
    pub past: Region,
    /// Frames until now, up to `lag`: one int32.
    pub count: Region,
    /// The frames.
    pub output: Region,
    /// Whether all are complete: one byte.
    pub valid: Region,
    /// What is kept then; may be `past`.
    pub kept: Region,
    /// Frames until then, up to `lag`; may be `count`.
    pub counted: Region,
    /// Rows.
    pub rows: u32,
    /// Frames of a row.
    pub frames: u32,
    /// Samples of a frame.
    pub size: u32,
    /// Samples from a frame to the next.
    pub step: u32,
    /// Samples that are kept.
    pub history: u32,
    /// Frames that are not complete at first.
    pub lag: u32,
}

impl Framer {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and sizes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (rows, frames, size) = (self.rows as usize, self.frames as usize, self.size as usize);
        let count = rows.saturating_mul(frames);
        assert!(self.step as usize + self.history as usize >= size, "frames longer than what is kept and comes");
        self.input.check::<i16>(arena_bytes, count.saturating_mul(self.step as usize));
        self.output.check::<i16>(arena_bytes, count.saturating_mul(size));
        self.past.check::<i16>(arena_bytes, rows.saturating_mul(self.history as usize));
        self.kept.check::<i16>(arena_bytes, rows.saturating_mul(self.history as usize));
        self.count.check::<i32>(arena_bytes, 1);
        self.counted.check::<i32>(arena_bytes, 1);
        self.valid.check::<u8>(arena_bytes, 1);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Whole;
    /// Which inputs outputs may lie over.
    pub const OVER: &[(&str, &str)] = &[("past", "kept"), ("count", "counted")];

    /// One unit: little more than copies, and one byte tells of all rows.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(1)
    }

    /// Computes the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), and no other
    /// tile in flight writes what this one reads or writes (memory invariant 2).
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, _: Tile) {
        let memory = memory.into();
        let [frames, size, step, history] = [self.frames, self.size, self.step, self.history].map(|n| n as usize);
        // SAFETY: the regions have room for them (`check`).
        let missing = unsafe {
            let count = (*memory.at::<u32>(self.count)).min(self.lag);
            memory.at::<u32>(self.counted).write(count.saturating_add(self.frames).min(self.lag));
            self.lag - count
        };
        // SAFETY: as above.
        unsafe { memory.at::<u8>(self.valid).write(u8::from(missing == 0)) };
        for row in 0..self.rows as usize {
            // SAFETY: rows and frames lie inside the regions (`check`); a frame ends inside the stream, since `size` is at most
            // `history + step`.
            unsafe {
                let stream = Stream {
                    past: memory.at::<i16>(self.past).add(row * history),
                    kept: history,
                    new: memory.at::<i16>(self.input).add(row * frames * step),
                };
                let output = memory.at::<i16>(self.output).add(row * frames * size);
                for frame in 0..frames {
                    let target = output.add(frame * size);
                    if frame < missing as usize {
                        target.write_bytes(0, size);
                    } else {
                        stream.copy(frame * step, size, target);
                    }
                }
                stream.keep(frames * step, memory.at::<i16>(self.kept).add(row * history));
            }
        }
    }
}

/// The last `left + 1 + right` inputs side by side, anew every `step` inputs; in between, the last ones again.
#[derive(Clone, Copy)]
pub struct Stacker {
    /// int16 features.
    pub input: Region,
    /// The `left + right + step - 1` inputs before.
    pub past: Region,
    /// How many inputs the newest complete stack is behind: one int32, `-1 - right` before the first input.
    pub count: Region,
    /// The stack.
    pub output: Region,
    /// Whether it is new: one byte.
    pub valid: Region,
    /// The inputs before the next one; may be `past`.
    pub kept: Region,
    /// The count then; may be `count`.
    pub counted: Region,
    /// Features of an input.
    pub channels: u32,
    /// Inputs of a stack before the one that it is about.
    pub left: u32,
    /// Inputs of a stack behind it.
    pub right: u32,
    /// Inputs from a stack to the next.
    pub step: u32,
}

impl Stacker {
    const fn frames(&self) -> usize {
        (self.left as usize).saturating_add(self.right as usize).saturating_add(1)
    }

    /// Inputs that are kept.
    const fn history(&self) -> usize {
        self.frames().saturating_add(self.step as usize).saturating_sub(2)
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and sizes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let channels = self.channels as usize;
        assert!(self.step > 0 && self.right < i32::MAX as u32, "stacks without a step");
        self.input.check::<i16>(arena_bytes, channels);
        self.output.check::<i16>(arena_bytes, self.frames().saturating_mul(channels));
        self.past.check::<i16>(arena_bytes, self.history().saturating_mul(channels));
        self.kept.check::<i16>(arena_bytes, self.history().saturating_mul(channels));
        self.count.check::<i32>(arena_bytes, 1);
        self.counted.check::<i32>(arena_bytes, 1);
        self.valid.check::<u8>(arena_bytes, 1);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Whole;
    /// Which inputs outputs may lie over.
    pub const OVER: &[(&str, &str)] = &[("past", "kept"), ("count", "counted")];

    /// One unit: little more than copies, and one byte tells of them all.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(1)
    }

    /// Computes the output.
    ///
    /// # Safety
    /// As for [`Framer::run`].
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, _: Tile) {
        let memory = memory.into();
        let (channels, history, frames) = (self.channels as usize, self.history(), self.frames());
        let start = -1 - self.right.cast_signed();
        let last = self.step.cast_signed() - 1;
        // SAFETY: the regions have room for them (`check`).
        unsafe {
            let before = (*memory.at::<i32>(self.count)).max(start).min(last);
            let (past, new) = (memory.at::<i16>(self.past), memory.at::<i16>(self.input));
            if before == start {
                for frame in 0..history {
                    past.add(frame * channels).copy_from(new, channels);
                }
            }
            let behind = if before < last { before + 1 } else { 0 };
            memory.at::<i32>(self.counted).write(behind);
            memory.at::<u8>(self.valid).write(u8::from(behind == 0));
            let stream = Stream { past, kept: history * channels, new };
            let (output, size) = (memory.at::<i16>(self.output), frames * channels);
            match usize::try_from(last - behind) {
                // 0 <= behind < step: the stack begins inside what is kept.
                Ok(first) if behind >= 0 => stream.copy(first * channels, size, output),
                _ => output.write_bytes(0, size),
            }
            stream.keep(channels, memory.at::<i16>(self.kept));
        }
    }
}

/// Samples that were kept, and those behind them.
#[derive(Clone, Copy)]
struct Stream {
    past: *mut i16,
    kept: usize,
    new: *mut i16,
}

impl Stream {
    /// Copies `size` samples from `start` on.
    ///
    /// # Safety
    /// They are there, and `target` has room for them that is no part of the stream.
    unsafe fn copy(self, start: usize, size: usize, target: *mut i16) {
        let old = self.kept.saturating_sub(start).min(size);
        // SAFETY: as the caller promises.
        unsafe {
            target.copy_from(self.past.wrapping_add(start), old);
            target.add(old).copy_from(self.new.add((start + old).saturating_sub(self.kept)), size - old);
        }
    }

    /// Moves on by `by` samples, which are all the new ones: keeps the last ones in `target`, which may be where they are kept.
    ///
    /// # Safety
    /// There are so many new samples, and `target` has room for as many as are kept.
    unsafe fn keep(self, by: usize, target: *mut i16) {
        let old = self.kept.saturating_sub(by);
        // SAFETY: as the caller promises; `copy_from` lets what it reads and writes overlap, and old samples move before new ones
        // take their place.
        unsafe {
            target.copy_from(self.past.add(self.kept - old), old);
            target.add(old).copy_from(self.new.add(by - (self.kept - old)), self.kept - old);
        }
    }
}
