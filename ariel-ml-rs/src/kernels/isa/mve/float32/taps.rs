//! Blocks of pixels times blocks of four channels, each of which has taps of its own.

use super::gemm::{enter, leave, store1, store4};
use crate::kernels::isa::real::Block;
use core::arch::naked_asm;

/// Begins a block of four channels of four pixels: r0 input, r1 from a pixel to the next, r2 from a tap to the next, r3 rows, q0-q3
/// sums. On the stack behind what all have: 16 where the channels of the first pixel read.
macro_rules! begin4 {
    () => {
        concat!(
            "ldr r8, [sp, #4]\n",
            "ldr r0, [sp, #16]\n",
            "ldr r3, [r12, #8]\n",
            "vldrw.u32 q0, [r8], #16\n",
            "ldr r1, [r12, #4]\n",
            "str r8, [sp, #4]\n",
            "add r8, r0, #16\n",
            "vmov q1, q0\n",
            "ldr r2, [r12, #20]\n",
            "vmov q2, q0\n",
            "str r8, [sp, #16]\n",
            "vmov q3, q0\n",
            "ldrd r10, r11, [r12, #24]",
        )
    };
}

/// Computes blocks of four channels of four pixels, for any window.
///
/// [`Block::columns`] counts taps, of which each pixel reads the four channels of the block; `input_column` leads from where
/// the last pixel's tap would be followed by another's to the first pixel's next tap, `input_row` from there to the next row.
///
/// Registers: r0 where pixels read, r1 from a pixel to the next, r2 from the last pixel to the next tap, r3 rows that are left, r4
/// weights, lr taps that are left, r10 from the end of a row of taps to the next and r11 the same of weights, r12 the [`Block`];
/// q0-q3 sums, q4 weights, q5-q7 inputs. A tap is 14 instructions for 16 products, a row of taps adds 6, a block 38, or 39.
///
/// # Safety
/// The core has Helium. The taps of four pixels lie inside one region; the filter has four weights for each tap of a block, the bias
/// four for each block; four channels of four pixels for each block are this call's own to write.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn taps4(block: &Block) {
    naked_asm!(
        cpu!(),
        enter!("8"),
        "ldr r8, [r12]",
        "str r8, [sp, #16]",
        "2:",
        begin4!(),
        "3:",
        "ldr r5, [r12, #12]",
        "dls lr, r5",
        "4:",
        "vldrw.u32 q5, [r0]",
        "add r0, r0, r1",
        "vldrw.u32 q4, [r4], #16",
        "vfma.f32 q0, q5, q4",
        "vldrw.u32 q6, [r0]",
        "add r0, r0, r1",
        "vfma.f32 q1, q6, q4",
        "vldrw.u32 q7, [r0]",
        "add r0, r0, r1",
        "vfma.f32 q2, q7, q4",
        "vldrw.u32 q5, [r0]",
        "vfma.f32 q3, q5, q4",
        "add r0, r0, r2",
        "le lr, 4b",
        "add r0, r0, r10",
        "add r4, r4, r11",
        "subs r3, r3, #1",
        "bne 3b",
        store4!(),
        leave!("8"),
    )
}

/// Computes blocks of four channels of four pixels whose windows have three taps along the line, a pixel apart.
///
/// [`Block::rows`] counts lines of three taps, `input_row` leads from six pixels behind a line's first tap to the next line's,
/// `input_column` is the distance of a tap's weights from the next tap's, `filter_row` that from the third tap's to those of
/// the next line's first.
///
/// Registers as in [`taps4`], but r2 from a tap's weights to the next; q4-q6 weights, q7 inputs. A line of taps is 31 instructions
/// for 48 products, 0.65 each.
///
/// # Safety
/// As for [`taps4`].
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn three4(block: &Block) {
    naked_asm!(
        cpu!(),
        enter!("8"),
        "ldr r8, [r12]",
        "str r8, [sp, #16]",
        "2:",
        begin4!(),
        "add r10, r10, r1",
        "dls lr, r3",
        // A line of taps.
        "3:",
        "vldrw.u32 q4, [r4]",
        "add r4, r4, r2",
        "vldrw.u32 q7, [r0]",
        "add r0, r0, r1",
        "vfma.f32 q0, q7, q4",
        "vldrw.u32 q7, [r0]",
        "add r0, r0, r1",
        "vldrw.u32 q5, [r4]",
        "vfma.f32 q1, q7, q4",
        "add r4, r4, r2",
        "vldrw.u32 q6, [r4]",
        "vfma.f32 q0, q7, q5",
        "vldrw.u32 q7, [r0]",
        "vfma.f32 q2, q7, q4",
        "add r4, r4, r11",
        "vfma.f32 q1, q7, q5",
        "add r0, r0, r1",
        "vfma.f32 q0, q7, q6",
        "vldrw.u32 q7, [r0]",
        "vfma.f32 q2, q7, q5",
        "add r0, r0, r1",
        "vfma.f32 q3, q7, q4",
        "vfma.f32 q1, q7, q6",
        "vldrw.u32 q7, [r0]",
        "vfma.f32 q3, q7, q5",
        "add r0, r0, r1",
        "vfma.f32 q2, q7, q6",
        "vldrw.u32 q7, [r0]",
        "vfma.f32 q3, q7, q6",
        "add r0, r0, r10",
        "le lr, 3b",
        store4!(),
        leave!("8"),
    )
}

/// Computes blocks of four channels of one pixel: two taps are 9 instructions for 8 products, another one 4.
///
/// Registers as in [`taps4`], `input_column` leads from a tap to the next; q0 and q1 sums that take turns.
///
/// # Safety
/// As for [`taps4`], with one pixel.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn taps1(block: &Block) {
    naked_asm!(
        cpu!(),
        enter!("8"),
        "ldr r8, [r12]",
        "str r8, [sp, #16]",
        "2:",
        "ldr r8, [sp, #4]",
        "ldr r0, [sp, #16]",
        "ldrd r3, r5, [r12, #8]",
        "vldrw.u32 q0, [r8], #16",
        "lsr r6, r5, #1",
        "str r8, [sp, #4]",
        "add r8, r0, #16",
        "and r5, r5, #1",
        "vmov.i32 q1, #0",
        "ldr r2, [r12, #20]",
        "str r8, [sp, #16]",
        "ldrd r10, r11, [r12, #24]",
        "3:",
        "wls lr, r6, 5f",
        "4:",
        "vldrw.u32 q6, [r0]",
        "add r0, r0, r2",
        "vldrw.u32 q7, [r0]",
        "add r0, r0, r2",
        "vldrw.u32 q4, [r4], #16",
        "vfma.f32 q0, q6, q4",
        "vldrw.u32 q5, [r4], #16",
        "vfma.f32 q1, q7, q5",
        "le lr, 4b",
        "5:",
        "cbz r5, 6f",
        "vldrw.u32 q6, [r0]",
        "add r0, r0, r2",
        "vldrw.u32 q4, [r4], #16",
        "vfma.f32 q0, q6, q4",
        "6:",
        "add r0, r0, r10",
        "add r4, r4, r11",
        "subs r3, r3, #1",
        "bne 3b",
        "vadd.f32 q0, q0, q1",
        store1!(),
        leave!("8"),
    )
}
