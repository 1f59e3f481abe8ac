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

/// Computes blocks of four channels of one pixel, four of them at a time as long as there are as many.
///
/// Registers: r0 where the pixel reads, r2 from a tap to the next, r3 rows and lr taps that are left, r4 weights, r5-r7 those of three
/// blocks more, r8 and r9 data, r10 from the end of a row of taps to the next and r11 the same of weights, r12 the [`Block`]; q0-q3
/// sums, q4-q7 inputs and weights. Of four blocks a tap is 14 instructions for 16 products, a row of taps adds 9, the blocks 45, or
/// 49; of a single one a tap is 5 for 4 products, a row of taps adds 6, the block 26, or 27.
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
        "ldrd r10, r11, [r12, #24]",
        "ldrd r3, r5, [r12, #8]",
        "ldr r9, [sp, #12]",
        "ldr r8, [sp, #4]",
        "ldr r0, [sp, #16]",
        "cmp r9, #4",
        "ldr r2, [r12, #20]",
        "vldrw.u32 q0, [r8], #16",
        "blt 6f",
        // Weights of a block: all rows of taps, and what leads to the next block.
        "add r5, r11, r5, lsl #4",
        "ldr r9, [r12, #36]",
        "vldrw.u32 q1, [r8], #16",
        "mla r5, r3, r5, r9",
        "vldrw.u32 q2, [r8], #16",
        "add r9, r0, #64",
        "vldrw.u32 q3, [r8], #16",
        "str r9, [sp, #16]",
        "add r6, r4, r5, lsl #1",
        "str r8, [sp, #4]",
        "add r7, r6, r5",
        "add r5, r4, r5",
        "3:",
        "ldr r9, [r12, #12]",
        "wls lr, r9, 5f",
        "4:",
        "vldrw.u32 q4, [r0]",
        "vldrw.u32 q5, [r4], #16",
        "vldrw.u32 q6, [r0, #16]",
        "vfma.f32 q0, q4, q5",
        "vldrw.u32 q7, [r5], #16",
        "vldrw.u32 q4, [r0, #32]",
        "vfma.f32 q1, q6, q7",
        "vldrw.u32 q5, [r6], #16",
        "vldrw.u32 q6, [r0, #48]",
        "vfma.f32 q2, q4, q5",
        "vldrw.u32 q7, [r7], #16",
        "add r0, r0, r2",
        "vfma.f32 q3, q6, q7",
        "le lr, 4b",
        "5:",
        "subs r3, r3, #1",
        "add r0, r0, r10",
        "add r4, r4, r11",
        "add r5, r5, r11",
        "add r6, r6, r11",
        "add r7, r7, r11",
        "bne 3b",
        "ldr r11, [r12, #56]",
        "ldr r8, [sp, #12]",
        "ldr r9, [sp, #8]",
        "cmp r11, #0",
        "beq 20f",
        "vmov.i32 q4, #0",
        "vmax.s32 q0, q0, q4",
        "vmax.s32 q1, q1, q4",
        "vmax.s32 q2, q2, q4",
        "vmax.s32 q3, q3, q4",
        "20:",
        "sub r8, r8, #3",
        "vstrw.32 q0, [r9], #16",
        "mov r4, r7",
        "vstrw.32 q1, [r9], #16",
        "str r8, [sp, #12]",
        "vstrw.32 q2, [r9], #16",
        "vstrw.32 q3, [r9], #16",
        "b 9f",
        // A single block.
        "6:",
        "add r9, r0, #16",
        "str r8, [sp, #4]",
        "str r9, [sp, #16]",
        "7:",
        "wls lr, r5, 8f",
        "10:",
        "vldrw.u32 q4, [r0]",
        "vldrw.u32 q5, [r4], #16",
        "add r0, r0, r2",
        "vfma.f32 q0, q4, q5",
        "le lr, 10b",
        "8:",
        "subs r3, r3, #1",
        "add r0, r0, r10",
        "add r4, r4, r11",
        "bne 7b",
        store1!(),
        "9:",
        leave!("8"),
    )
}
