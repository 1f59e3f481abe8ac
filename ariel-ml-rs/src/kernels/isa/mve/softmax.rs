//! TFLite's int8 softmax of lines whose elements follow each other, four at a time: what [`crate::kernels::softmax::Int8`] computes.
//!
//! Exponentials are gathered from the table; differences that it does not have are left out by predication, as 0.

use crate::kernels::access::Access;
use crate::kernels::gemmlowp::reciprocal;
use crate::kernels::softmax::Lines;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;
use core::arch::naked_asm;

/// int8 softmax: output scale 1 / 256, zero point -128; tiles are ranges of lines.
#[derive(Clone, Copy)]
pub struct Softmax {
    /// Input.
    pub input: Region,
    /// Output; may be the input.
    pub output: Region,
    /// The lines, with a stride of 1.
    pub lines: Lines,
    /// `e^(-beta * scale * d)` in Q0.31 for the differences d from the greatest that count.
    pub exps: &'static [i32],
}

/// A line: its greatest input, the table, and its length.
#[repr(C)]
struct Exps {
    greatest: i32,
    table: *const i32,
    length: usize,
    /// The inverse of the sum in Q0.31, and by how much products are shifted to the left then, which is not positive.
    factor: i32,
    shift: i32,
}

/// Fractional bits that the sum of exponentials gives up: it is kept in Q12.19.
const ACCUMULATOR_BITS: i32 = 12;

/// The greatest input of a line.
///
/// # Safety
/// The core has Helium, and the line so many elements.
#[unsafe(naked)]
unsafe extern "C" fn greatest(input: *const i8, count: usize) -> i32 {
    naked_asm!(
        cpu!(),
        "push {{r7, lr}}",
        "mvn r2, #127",
        "wlstp.8 lr, r1, 3f",
        "2:",
        "vldrb.u8 q0, [r0], #16",
        "vmaxv.s8 r2, q0",
        "letp lr, 2b",
        "3:",
        "sxtb r0, r2",
        "pop {{r7, pc}}",
    )
}

/// The sum of the exponentials of a line in Q12.19: 7 instructions for four elements.
///
/// # Safety
/// As for [`greatest`]; the table has its length.
#[unsafe(naked)]
unsafe extern "C" fn sum(input: *const i8, count: usize, exps: &Exps) -> i32 {
    naked_asm!(
        cpu!(),
        "push {{r4, lr}}",
        "ldm r2, {{r2-r4}}",
        "vdup.32 q2, r2",
        "movs r2, #0",
        "wlstp.32 lr, r1, 3f",
        "2:",
        "vldrb.s32 q0, [r0], #4",
        "vsub.i32 q0, q2, q0",
        "vpt.s32 lt, q0, r4",
        "vldrwt.u32 q1, [r3, q0, uxtw #2]",
        "vrshr.s32 q1, q1, #12",
        "vaddva.s32 r2, q1",
        "letp lr, 2b",
        "3:",
        "mov r0, r2",
        "pop {{r4, pc}}",
    )
}

/// The exponentials of a line times the inverse of their sum: 11 instructions for four elements.
///
/// # Safety
/// As for [`sum`]; there are as many outputs, which are this call's own, and may be the inputs.
#[unsafe(naked)]
unsafe extern "C" fn share(input: *const i8, output: *mut i8, count: usize, exps: &Exps) {
    naked_asm!(
        cpu!(),
        "push {{r4-r7, r8, lr}}",
        "ldm r3, {{r3-r7}}",
        "vdup.32 q2, r3",
        "mvn r8, #127",
        "wlstp.32 lr, r2, 3f",
        "2:",
        "vldrb.s32 q0, [r0], #4",
        "vsub.i32 q0, q2, q0",
        "vpt.s32 lt, q0, r5",
        "vldrwt.u32 q1, [r4, q0, uxtw #2]",
        "vqrdmulh.s32 q1, q1, r6",
        "vrshl.s32 q1, r7",
        "vadd.i32 q1, q1, r8",
        "vqmovnb.s32 q1, q1",
        "vqmovnb.s16 q1, q1",
        "vstrb.32 q1, [r1], #4",
        "letp lr, 2b",
        "3:",
        "pop {{r4-r7, r8, pc}}",
    )
}

impl Softmax {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where a region is too small, or the elements of a line do not follow each other.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.lines.check::<i8, i8>(arena_bytes, self.input, self.output);
        assert!(self.lines.stride == 1, "elements that do not follow each other");
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Whole;
    /// Which inputs outputs may lie over: a line is read before it is written.
    pub const OVER: &[(&str, &str)] = &[("input", "output")];

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(self.lines.lines as usize)
    }

    /// Computes one tile of the output, a range of its lines.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), the tile lies inside the output, and the core has
    /// Helium.
    #[inline(never)]
    pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
        let count = self.lines.count as usize;
        // SAFETY: the tile's lines lie inside both regions (`check`), and lines do not share elements.
        unsafe {
            let (input, output) = (memory.at::<i8>(self.input).cast_const(), memory.at::<i8>(self.output));
            for line in tile.start()..tile.end() {
                let (input, output) = (input.add(line * count), output.add(line * count));
                let greatest = greatest(input, count);
                let (table, length) = (self.exps.as_ptr(), self.exps.len());
                let mut exps = Exps { greatest, table, length, factor: 0, shift: 0 };
                let (factor, bits) = reciprocal(sum(input, count, &exps), ACCUMULATOR_BITS);
                (exps.factor, exps.shift) = (factor, bits.wrapping_add(23).min(31).wrapping_neg());
                share(input, output, count, &exps);
            }
        }
    }
}
