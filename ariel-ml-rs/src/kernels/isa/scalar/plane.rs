//! Lines of a depthwise convolution, channel by channel.

use super::finish::{Channel, Limits};

/// The first row of taps, and the last, are padding.
pub(super) const FIRST_OUTSIDE: u32 = 1;
pub(super) const LAST_OUTSIDE: u32 = 2;
/// The first column of a line's first window is padding, and the last one of its last window.
pub(super) const BEFORE: u32 = 4;
pub(super) const BEHIND: u32 = 8;
/// Windows are two columns apart, not one.
pub(super) const TWO: u32 = 16;

/// Taps of a channel.
pub(super) const TAPS: usize = 9;

/// Lines with the same padding. A line runs along rows or along columns of the image; the window has three taps either way.
#[repr(C)]
pub(super) struct Plane {
    /// The first column inside the image of the first line's first window: each of the three rows of taps.
    pub inputs: [*const i8; 3],
    /// The first output.
    pub output: *mut i8,
    /// Nine weights of each channel, row by row across the line.
    pub weights: *const i8,
    /// Constants of the channels.
    pub constants: *const Channel,
    /// Channels, at least one.
    pub channels: usize,
    /// Lines, at least one.
    pub lines: usize,
    /// Bytes from a line to the next, of the input and of the output.
    pub across: [usize; 2],
    /// Bytes of a line's outputs whose windows end inside the image.
    pub inside: usize,
    /// What is padding.
    pub flags: u32,
    /// What padding reads as.
    pub zero_point: i32,
    /// Bytes from a column of the input to the next, and of the output.
    pub along: [usize; 2],
    /// Limits of the output.
    pub limits: Limits,
}

/// Computes all lines of all channels.
///
/// # Safety
/// All windows lie inside the image but for what `flags` says; outputs are the caller's own; no limit is for negative sums.
#[cfg(not(all(target_arch = "riscv32", target_feature = "m")))]
#[inline(never)]
pub(super) unsafe fn plane(plane: &Plane) {
    let step = if plane.flags & TWO == 0 { 1 } else { 2 };
    let has = |flag: u32| plane.flags & flag != 0;
    let rows = usize::from(has(FIRST_OUTSIDE))..3 - usize::from(has(LAST_OUTSIDE));
    let before = usize::from(has(BEFORE));
    // `along` is not 0 where there is more than one output.
    let inside = plane.inside.checked_div(plane.along[1]).unwrap_or(0);
    for channel in 0..plane.channels {
        // SAFETY: in bounds, as the caller promises.
        unsafe {
            let constants = *plane.constants.add(channel);
            let requantise = constants.step(plane.limits);
            let weights = plane.weights.add(TAPS * channel);
            for line in 0..plane.lines {
                for index in 0..inside + usize::from(has(BEHIND)) {
                    let mut sum = constants.bias();
                    for tap in 0..TAPS {
                        let (row, column) = (tap / 3, (step * index + tap % 3).wrapping_sub(before));
                        let is_outside = !rows.contains(&row)
                            || (index == 0 && before == 1 && tap % 3 == 0)
                            || (index == inside && tap % 3 == 2);
                        let value = if is_outside {
                            plane.zero_point
                        } else {
                            let from = plane.inputs.as_ptr().add(row).read().add(channel + line * plane.across[0]);
                            i32::from(*from.add(column * plane.along[0]))
                        };
                        sum = sum.wrapping_add(value * i32::from(*weights.add(tap)));
                    }
                    let place = plane.output.add(channel + line * plane.across[1] + index * plane.along[1]);
                    place.write(requantise.store(sum, plane.limits));
                }
            }
        }
    }
}

#[cfg(all(target_arch = "riscv32", target_feature = "m"))]
pub(super) use super::riscv::plane;
