//! TFLite's ADD and `LEAKY_RELU` of int16, two elements at a time, for the scales that most models have: the compiler chooses.
//!
//! `SMMLAR(a << 16, m, c)` is `((a * m + 2^15) >> 16) + c`, in which a rounding high multiplication and the constant that rounds
//! the shift behind it are one instruction. That shift rounds halves away from zero: one is taken from what is negative, which
//! a result is where its operand is; where it is 0 that changes nothing.

use super::int16::clamp;
use crate::kernels::access::Access;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;
use core::arch::naked_asm;

/// Constants of [`Add16`].
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Halves {
    /// Multiplier of the left operand.
    pub multiplier: i32,
    /// What rounds its shift: `2^(shift - 1)`.
    pub rounding: i32,
    /// Its shift to the right, not 0.
    pub shift: u32,
    /// Twice the multiplier of the sum, less 2^32.
    pub sum_multiplier: i32,
    /// What rounds the shift of the sum.
    pub sum_rounding: i32,
    /// The shift of the sum to the right, not 0.
    pub sum_shift: u32,
}

/// int16 sum of two tensors of one shape, symmetric: TFLite's ADD, whose right operand has the greater scale.
///
/// `round(m * round(k * (left << 15)) + (right << 14))`: the factor of the operand with the greater scale is 1 / 2.
#[derive(Clone, Copy)]
pub struct Add16 {
    /// Operand with the lesser scale.
    pub left: Region,
    /// Operand with the greater scale.
    pub right: Region,
    /// Output; may be an operand.
    pub output: Region,
    /// Elements of each.
    pub elements: u32,
    /// Multipliers and shifts.
    pub halves: Halves,
    /// Bounds of the output.
    pub bounds: Bounds,
}

/// Adds an element of each operand, which `$left` and `$right` put into the upper half of a register: 11 instructions.
macro_rules! sum {
    ($take_left:literal, $left:literal, $take_right:literal, $right:literal, $to:literal) => {
        concat!(
            $take_left,
            "\nsmmlar lr, ",
            $left,
            ", r4, r5\nadd lr, lr, ",
            $left,
            ", asr #31\nasr lr, lr, r6\n",
            $take_right,
            "\nadd lr, lr, ",
            $right,
            ", asr #2\nsmmlar ",
            $to,
            ", lr, r7, lr\nadd lr, r8, lr, asr #31\nadd ",
            $to,
            ", ",
            $to,
            ", lr\nasr ",
            $to,
            ", ",
            $to,
            ", r9\nssat ",
            $to,
            ", #16, ",
            $to,
        )
    };
}

/// Adds a word of each operand: 26 instructions.
macro_rules! pair {
    () => {
        concat!(
            "ldr r10, [r0], #4\nldr r11, [r1], #4\n",
            sum!("lsl r12, r10, #16", "r12", "lsl r12, r11, #16", "r12", "r12"),
            "\n",
            sum!("bfc r10, #0, #16", "r10", "bfc r11, #0, #16", "r11", "r11"),
            "\npkhbt r12, r12, r11, lsl #16\nstr r12, [r2], #4"
        )
    };
}

/// Adds `count` elements: 54 instructions for four.
///
/// Registers: r0 left, r1 right, r2 output, r3 elements that are left, r4-r9 constants, r10-r12 and lr data.
///
/// # Safety
/// There are as many elements of all three; the output's are this call's own, and may be an operand's.
#[unsafe(naked)]
unsafe extern "C" fn add(left: *const i16, right: *const i16, output: *mut i16, count: usize, halves: &Halves) {
    naked_asm!(
        cpu!(),
        "push {{r4-r12, lr}}",
        "ldr r12, [sp, #40]",
        "ldm r12, {{r4-r9}}",
        "subs r3, r3, #4",
        "blt 3f",
        "2:",
        pair!(),
        pair!(),
        "subs r3, r3, #4",
        "bge 2b",
        "3:",
        "tst r3, #2",
        "beq 5f",
        pair!(),
        "5:",
        "tst r3, #1",
        "beq 4f",
        "ldrh r10, [r0]",
        "ldrh r11, [r1]",
        sum!("lsl r12, r10, #16", "r12", "lsl r12, r11, #16", "r12", "r12"),
        "strh r12, [r2]",
        "4:",
        "pop {{r4-r12, pc}}",
    )
}

/// Where an int16 has one of two factors, by its sign.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Side {
    /// By how much the upper half of a register is shifted to the right: 15 less the shift to the left.
    pub before: u32,
    /// Multiplier.
    pub multiplier: i32,
    /// What rounds the shift: `2^(shift - 1)`, less 1 for negative inputs, or 0 where there is none.
    pub rounding: i32,
    /// Shift to the right.
    pub shift: u32,
}

/// int16 `LEAKY_RELU`, symmetric, with a slope that is not negative.
#[derive(Clone, Copy)]
pub struct LeakyRelu16 {
    /// Input.
    pub input: Region,
    /// Output; may be the input.
    pub output: Region,
    /// Elements.
    pub elements: u32,
    /// What becomes of inputs from 0 on, and of negative ones.
    pub sides: Sides,
    /// Bounds of the output.
    pub bounds: Bounds,
}

/// Both of [`LeakyRelu16`].
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Sides {
    /// Inputs from 0 on.
    pub positive: Side,
    /// Negative inputs.
    pub negative: Side,
}

/// Scales the upper half of a register, the flags of which are set, by its sign: 9 instructions.
macro_rules! scaled {
    ($value:literal) => {
        concat!(
            "itete mi\nasrmi ",
            $value,
            ", ",
            $value,
            ", r7\nasrpl ",
            $value,
            ", ",
            $value,
            ", r3\nsmmlarmi ",
            $value,
            ", ",
            $value,
            ", r8, r9\nsmmlarpl ",
            $value,
            ", ",
            $value,
            ", r4, r5\nite mi\nasrmi ",
            $value,
            ", ",
            $value,
            ", r11\nasrpl ",
            $value,
            ", ",
            $value,
            ", r6\nssat ",
            $value,
            ", #16, ",
            $value,
        )
    };
}

/// Scales `count` elements: 25 instructions for two.
///
/// Registers: r0 input, r1 output, r2 elements that are left, r3-r6 positive, r7-r9 and r11 negative, lr 0xFFFF, r10 and r12
/// data.
///
/// # Safety
/// There are as many elements of both; the output's are this call's own, and may be the input's.
#[unsafe(naked)]
unsafe extern "C" fn leaky(input: *const i16, output: *mut i16, count: usize, sides: &Sides) {
    naked_asm!(
        cpu!(),
        "push {{r4-r12, lr}}",
        "mov r12, r3",
        "ldm r12!, {{r3-r9}}",
        "ldr r11, [r12]",
        "movw lr, #0xFFFF",
        "subs r2, r2, #2",
        "blt 3f",
        "2:",
        "ldr r10, [r0], #4",
        "lsls r12, r10, #16",
        scaled!("r12"),
        "bics r10, r10, lr",
        scaled!("r10"),
        "pkhbt r12, r12, r10, lsl #16",
        "str r12, [r1], #4",
        "subs r2, r2, #2",
        "bge 2b",
        "3:",
        "adds r2, r2, #2",
        "beq 4f",
        "ldrh r10, [r0]",
        "lsls r12, r10, #16",
        scaled!("r12"),
        "strh r12, [r1]",
        "4:",
        "pop {{r4-r12, pc}}",
    )
}

impl Add16 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and the number of elements do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let elements = self.elements as usize;
        self.left.check::<i16>(arena_bytes, elements);
        self.right.check::<i16>(arena_bytes, elements);
        self.output.check::<i16>(arena_bytes, elements);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Elements;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(self.elements as usize)
    }

    /// Computes one tile of the output, a range of its elements.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let (start, count) = (tile.start(), tile.end() - tile.start());
        // SAFETY: the elements of the tile lie inside the regions (`check`) and are this call's own.
        unsafe {
            let left = memory.at::<i16>(self.left).cast_const().add(start);
            let right = memory.at::<i16>(self.right).cast_const().add(start);
            let output = memory.at::<i16>(self.output).add(start);
            add(left, right, output, count, &self.halves);
            clamp(output, count, &self.bounds);
        }
    }
}

impl LeakyRelu16 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where a region is too small.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<i16>(arena_bytes, self.elements as usize);
        self.output.check::<i16>(arena_bytes, self.elements as usize);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Elements;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(self.elements as usize)
    }

    /// Computes one tile of the output, a range of its elements.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let (start, count) = (tile.start(), tile.end() - tile.start());
        // SAFETY: the tile lies inside both regions (`check`).
        unsafe {
            let output = memory.at::<i16>(self.output).add(start);
            leaky(memory.at::<i16>(self.input).cast_const().add(start), output, count, &self.sides);
            clamp(output, count, &self.bounds);
        }
    }
}
