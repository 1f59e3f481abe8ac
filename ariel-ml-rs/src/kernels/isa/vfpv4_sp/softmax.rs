//! Softmax along the last axis: three loops over a row, each a naked function's.
//!
//! In float32 `e^y = 2^(n / 32) * e^r` with `n = round(32 * y / ln 2)`: what is left is at most `ln 2 / 64`, and
//! `1 + r * (1 + r * (1 / 2 + r / 6))` differs from `e^r` by less than `2^-30`. A table has the 32 powers between 1 and 2.

use crate::kernels::access::Access;
use crate::kernels::isa::real::DefaultNan;
use crate::kernels::softmax::Lines;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;
use core::arch::naked_asm;

/// `2^(k / 32)`.
static POWERS: [f32; 32] = [
    1.0,
    1.021_897_2,
    1.044_273_7,
    1.067_140_5,
    1.090_507_7,
    1.114_386_8,
    1.138_788_6,
    1.163_724_9,
    1.189_207_1,
    1.215_247_4,
    1.241_857_8,
    1.269_051,
    1.296_839_6,
    1.325_236_7,
    1.354_255_6,
    1.383_91,
    core::f32::consts::SQRT_2,
    1.445_180_8,
    1.476_826_2,
    1.509_164_5,
    1.542_210_8,
    1.575_980_9,
    1.610_490_3,
    1.645_755_5,
    1.681_792_9,
    1.718_619_3,
    1.756_252_2,
    1.794_709_1,
    1.834_008_1,
    1.874_167_7,
    1.915_206_6,
    1.957_144_1,
];

/// Constants of [`real`] behind its first, in the order in which they are loaded.
#[repr(C)]
struct Terms {
    /// Factor of the differences from the greatest.
    beta: f32,
    /// `32 / ln 2`.
    steps: f32,
    /// `1.5 * 2^23`: what is added to it is rounded to an integer, which its last bits hold.
    round: f32,
    /// `ln 2 / 32`, and what a float32 leaves of it.
    step: [f32; 2],
    sixth: f32,
    half: f32,
    one: f32,
}

/// Least exponent, negated, whose power is a normal number: what is less gives 0.
const LEAST: f32 = 87.33;

macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident<$element:ty> { $($(#[$field_doc:meta])* $field:ident: $t:ty,)* } |$kernel:ident, $input:ident, $output:ident, $count:ident| $row:expr, $check:expr;)+) => { $(
        $(#[$doc])*
        ///
        /// Tiles are ranges of rows.
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Input.
            pub input: Region,
            /// Output; may be the input.
            pub output: Region,
            /// The rows: lines whose elements follow one another.
            pub lines: Lines,
            $($(#[$field_doc])* pub $field: $t,)*
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions, shapes and constants do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                let $kernel = self;
                self.lines.check::<$element, $element>(arena_bytes, self.input, self.output);
                assert!(self.lines.stride == 1, "elements of a row that do not follow one another");
                $check;
            }

            /// What tiles read.
            pub const ACCESS: Access = Access::Whole;
            /// Which inputs outputs may lie over: an element is read before it is written.
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

            /// Computes one tile of the output.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
                let _mode = DefaultNan::enter();
                let ($kernel, $count) = (self, self.lines.count as usize);
                for row in tile.start()..tile.end() {
                    // SAFETY: the row lies inside both regions (`check`), and is this call's own; its elements are not none.
                    unsafe {
                        let $input = memory.at::<$element>(self.input).cast_const().add(row * $count);
                        let $output = memory.at::<$element>(self.output).add(row * $count);
                        $row;
                    }
                }
            }
        }
    )+ };
}

kernels! {
    /// Softmax in float32.
    Softmax<f32> {
        /// Factor of the input, not negative.
        beta: f32,
    }
    |kernel, input, output, count| {
        let terms = Terms {
            beta: kernel.beta,
            steps: 46.166_24,
            round: 12_582_912.0,
            step: [0.021_660_85, -5.952_044_4e-11],
            sixth: 1.0 / 6.0,
            half: 0.5,
            one: 1.0,
        };
        real(input, output, count, POWERS.as_ptr(), &terms, LEAST.to_bits() | 1 << 31);
    },
    assert!(kernel.beta >= 0.0, "the greatest input would not have the greatest exponential");

    /// int8 softmax of an ONNX model: `rne(softmax / scale) + zero_point`.
    SoftmaxNearest<i8> {
        /// `e^(-scale * d)` for the 256 differences d from the greatest.
        exps: &'static [f32],
        /// Real value of one step of the output.
        scale: f32,
        /// Zero point of the output.
        zero_point: i32,
    }
    |kernel, input, output, count| {
        nearest(input, output, count, kernel.exps.as_ptr(), kernel.scale.to_bits(), kernel.zero_point);
    },
    {
        assert!(kernel.exps.len() == 256, "an exponential for each difference");
        assert!(kernel.zero_point >= -128 && kernel.zero_point <= 127, "a zero point of int8");
    };
}

/// One exponential: from the element at r0 to what is stored at r1 and added to the sum, 27 instructions.
macro_rules! exponential {
    () => {
        "vldm r0!, {{s0}}\n\
         vsub.f32 s0, s0, s6\n\
         vmul.f32 s0, s0, s8\n\
         vmov r4, s0\n\
         vmov.f32 s1, s10\n\
         vfma.f32 s1, s0, s9\n\
         cmp r4, r6\n\
         vmov r4, s1\n\
         vsub.f32 s1, s1, s10\n\
         vfms.f32 s0, s1, s11\n\
         and r5, r4, #31\n\
         lsr r4, r4, #5\n\
         vfms.f32 s0, s1, s12\n\
         ldr r5, [r3, r5, lsl #2]\n\
         vmov.f32 s2, s14\n\
         add r4, r5, r4, lsl #23\n\
         vfma.f32 s2, s0, s13\n\
         vmov.f32 s3, s15\n\
         vmov s4, r4\n\
         vfma.f32 s3, s2, s0\n\
         vmul.f32 s3, s3, s0\n\
         vfma.f32 s4, s4, s3\n\
         it hi\n\
         vmovhi.f32 s4, s5\n\
         vadd.f32 s7, s7, s4\n\
         vstm r1!, {{s4}}"
    };
}

/// Makes s6 the greater of itself and a register; as `<` does, it leaves it where one of them is NaN.
macro_rules! greatest {
    ($value:literal) => {
        concat!("vcmp.f32 ", $value, ", s6\nvmrs APSR_nzcv, fpscr\nit gt\nvmovgt.f32 s6, ", $value)
    };
}

/// A row in float32: 33 instructions an element.
///
/// A difference from the greatest is not above 0, or it is NaN, whose sign is not set ([`DefaultNan`]): as an unsigned integer it is
/// above `least` where it lies further from 0, and nowhere else. What is computed of it is then left for 0.
///
/// Registers: r0 input, r1 output, r2 elements that are left, r3 powers, r4 and r5 data, r6 the bits of the least exponent, r7, r8
/// and r9 where the row begins, and its elements; s0-s4 data, s5 zero, s6 the greatest, s7 the sum, s8-s15 the terms.
///
/// # Safety
/// Input and output have `count` elements, not 0 of them, and are one or do not overlap; there are 32 powers.
#[unsafe(naked)]
unsafe extern "C" fn real(
    input: *const f32,
    output: *mut f32,
    count: usize,
    powers: *const f32,
    terms: &Terms,
    least: u32,
) {
    naked_asm!(
        fpu!(),
        "push {{r4-r9}}",
        "ldrd r4, r6, [sp, #24]",
        "vldm r4, {{s8-s15}}",
        "mov r7, r0",
        "mov r8, r1",
        "mov r9, r2",
        "movs r4, #0",
        "vmov s5, r4",
        "vmov s7, r4",
        "vldr s6, [r0]",
        "subs r2, r2, #4",
        "blt 3f",
        "2:",
        "vldm r0!, {{s0-s3}}",
        greatest!("s0"),
        greatest!("s1"),
        greatest!("s2"),
        greatest!("s3"),
        "subs r2, r2, #4",
        "bge 2b",
        "3:",
        "adds r2, r2, #4",
        "beq 5f",
        "4:",
        "vldm r0!, {{s0}}",
        greatest!("s0"),
        "subs r2, r2, #1",
        "bne 4b",
        "5:",
        "mov r0, r7",
        "mov r2, r9",
        "tst r2, #1",
        "beq 6f",
        exponential!(),
        "subs r2, r2, #1",
        "beq 7f",
        "6:",
        exponential!(),
        exponential!(),
        "subs r2, r2, #2",
        "bne.w 6b",
        "7:",
        "vdiv.f32 s7, s15, s7",
        "subs r2, r9, #4",
        "blt 9f",
        "8:",
        "vldm r8, {{s0-s3}}",
        "vmul.f32 s0, s0, s7",
        "vmul.f32 s1, s1, s7",
        "vmul.f32 s2, s2, s7",
        "vmul.f32 s3, s3, s7",
        "vstm r8!, {{s0-s3}}",
        "subs r2, r2, #4",
        "bge 8b",
        "9:",
        "adds r2, r2, #4",
        "beq 21f",
        "20:",
        "vldr s0, [r8]",
        "vmul.f32 s0, s0, s7",
        "vstm r8!, {{s0}}",
        "subs r2, r2, #1",
        "bne 20b",
        "21:",
        "pop {{r4-r9}}",
        "bx lr",
    )
}

/// Adds the exponential of the element at r0, which goes on: 4 instructions.
macro_rules! sum {
    () => {
        "ldrsb r4, [r0], #1\n\
         sub r4, r3, r4, lsl #2\n\
         vldr s2, [r4]\n\
         vadd.f32 s0, s0, s2"
    };
}

/// Stores the share of the element at r7, which goes on: 11 instructions.
macro_rules! share {
    () => {
        "ldrsb r4, [r7], #1\n\
         sub r4, r3, r4, lsl #2\n\
         vldr s2, [r4]\n\
         vmul.f32 s2, s2, s0\n\
         vdiv.f32 s2, s2, s1\n\
         vcvtr.s32.f32 s2, s2\n\
         vmov r4, s2\n\
         usat r4, #9, r4\n\
         add r4, r4, r6\n\
         ssat r4, #8, r4\n\
         strb r4, [r1], #1"
    };
}

/// A row of int8: 21 instructions an element.
///
/// Registers: r0 input, r1 output, r2 elements that are left, r3 the exponential of 0 less the greatest, r4 data, r5 the greatest,
/// r6 zero point, r7 and r8 where the row begins, and its elements; s0 the sum and its inverse, s1 scale, s2 data. Shares are
/// positive, and of 511 steps or more they are the greatest output whatever the zero point.
///
/// # Safety
/// Input and output have `count` elements, not 0 of them, and are one or do not overlap; there are 256 exponentials.
#[unsafe(naked)]
unsafe extern "C" fn nearest(
    input: *const i8,
    output: *mut i8,
    count: usize,
    exps: *const f32,
    scale: u32,
    zero_point: i32,
) {
    naked_asm!(
        fpu!(),
        "push {{r4-r8}}",
        "ldrd r4, r6, [sp, #20]",
        "vmov s1, r4",
        "mov r7, r0",
        "mov r8, r2",
        "movs r4, #0",
        "vmov s0, r4",
        "mvn r5, #127",
        "2:",
        "ldrsb r4, [r0], #1",
        "cmp r4, r5",
        "it gt",
        "movgt r5, r4",
        "subs r2, r2, #1",
        "bne 2b",
        "add r3, r3, r5, lsl #2",
        "mov r0, r7",
        "mov r2, r8",
        "tst r2, #1",
        "beq 3f",
        sum!(),
        "subs r2, r2, #1",
        "beq 4f",
        "3:",
        sum!(),
        sum!(),
        "subs r2, r2, #2",
        "bne 3b",
        "4:",
        "vmov.f32 s2, #1.0",
        "vdiv.f32 s0, s2, s0",
        "mov r2, r8",
        "tst r2, #1",
        "beq 5f",
        share!(),
        "subs r2, r2, #1",
        "beq 6f",
        "5:",
        share!(),
        share!(),
        "subs r2, r2, #2",
        "bne 5b",
        "6:",
        "pop {{r4-r8}}",
        "bx lr",
    )
}
