//! Blocks of pixels times blocks of four channels, which are the lanes of vectors.

use crate::kernels::isa::real::Block;
use core::arch::naked_asm;

/// What begins a function with so many bytes of locals besides 16: at the stack pointer the [`Block`], the bias, the output, and
/// blocks that are left.
macro_rules! enter {
    ($locals:literal) => {
        concat!(
            "push {{r4-r11, lr}}\n",
            "vpush {{d8-d15}}\n",
            "sub sp, sp, #16 + ",
            $locals,
            "\nmov r12, r0\n",
            "ldr r4, [r12, #32]\n",
            "ldrd r8, r9, [r12, #40]\n",
            "ldr r10, [r12, #52]\n",
            "strd r12, r8, [sp]\n",
            "strd r9, r10, [sp, #8]",
        )
    };
}

/// What ends a block of channels, from whose output on r9 points: there is another one at `2:`, or the function returns.
macro_rules! leave {
    ($locals:literal) => {
        concat!(
            "ldr r8, [sp, #12]\n",
            "ldr r10, [r12, #36]\n",
            "str r9, [sp, #8]\n",
            "subs r8, r8, #1\n",
            "add r4, r4, r10\n",
            "str r8, [sp, #12]\n",
            "bne.w 2b\n",
            "add sp, sp, #16 + ",
            $locals,
            "\nvpop {{d8-d15}}\n",
            "pop {{r4-r11, pc}}",
        )
    };
}

/// Stores four pixels of four channels, q0 to q3, and lets r9 point to the next channels.
///
/// As an integer, a float32 with its sign set is negative, and what is greater, it or 0, is 0. NaN has no sign.
macro_rules! store4 {
    () => {
        concat!(
            "ldr r9, [sp, #8]\n",
            "ldr r11, [r12, #56]\n",
            "ldr r10, [r12, #48]\n",
            "cmp r11, #0\n",
            "beq 20f\n",
            "vmov.i32 q4, #0\n",
            "vmax.s32 q0, q0, q4\n",
            "vmax.s32 q1, q1, q4\n",
            "vmax.s32 q2, q2, q4\n",
            "vmax.s32 q3, q3, q4\n",
            "20:\n",
            "add r5, r9, r10\n",
            "add r6, r5, r10\n",
            "vstrw.32 q0, [r9], #16\n",
            "add r7, r6, r10\n",
            "vstrw.32 q1, [r5]\n",
            "vstrw.32 q2, [r6]\n",
            "vstrw.32 q3, [r7]",
        )
    };
}
pub(super) use store4;

/// Stores four channels of a pixel, q0, and lets r9 point to the next ones.
macro_rules! store1 {
    () => {
        concat!(
            "ldr r9, [sp, #8]\n",
            "ldr r11, [r12, #56]\n",
            "cmp r11, #0\n",
            "beq 20f\n",
            "vmov.i32 q4, #0\n",
            "vmax.s32 q0, q0, q4\n",
            "20:\n",
            "vstrw.32 q0, [r9], #16",
        )
    };
}
pub(super) use store1;
pub(super) use {enter, leave};

/// Computes blocks of four channels of four pixels.
///
/// Registers: r0-r3 where the pixels read, r4 weights, r5-r11 and between the loops of a run r12 inputs, lr turns; q0-q3 sums,
/// q4-q7 weights. Elsewhere r12 is the [`Block`]. On the stack, behind what all have: 16 rows, 20 runs that are left.
///
/// A step of four of the depth is 25 instructions for 64 products, 0.39 each; a row of taps adds 23, a block 36, or 37.
///
/// # Safety
/// The core has Helium. The taps of four pixels lie inside one region; the filter has four weights for each element of all runs of
/// a block, the bias four for each block; four channels of four pixels for each block are this call's own to write.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn block4(block: &Block) {
    naked_asm!(
        cpu!(),
        enter!("8"),
        // A block of channels.
        "2:",
        "ldr r8, [sp, #4]",
        "ldrd r0, r11, [r12]",
        "ldr r9, [r12, #8]",
        "vldrw.u32 q0, [r8], #16",
        "add r1, r0, r11",
        "add r2, r1, r11",
        "vmov q1, q0",
        "str r8, [sp, #4]",
        "vmov q2, q0",
        "add r3, r2, r11",
        "vmov q3, q0",
        // A row of taps.
        "3:",
        "ldr r10, [r12, #12]",
        "strd r9, r10, [sp, #16]",
        // A run.
        "4:",
        "ldr r10, [r12, #16]",
        "lsr r11, r10, #2",
        "wls lr, r11, 6f",
        "5:",
        "vldrw.u32 q4, [r4], #16",
        "ldm r0!, {{r5, r6, r8, r9}}",
        "vfma.f32 q0, q4, r5",
        "ldm r1!, {{r7, r10, r11, r12}}",
        "vfma.f32 q1, q4, r7",
        "vldrw.u32 q5, [r4], #16",
        "vfma.f32 q0, q5, r6",
        "vldrw.u32 q6, [r4], #16",
        "vfma.f32 q1, q5, r10",
        "vfma.f32 q0, q6, r8",
        "vldrw.u32 q7, [r4], #16",
        "vfma.f32 q1, q6, r11",
        "vfma.f32 q0, q7, r9",
        "ldm r2!, {{r5, r6, r8, r9}}",
        "vfma.f32 q1, q7, r12",
        "vfma.f32 q2, q4, r5",
        "ldm r3!, {{r7, r10, r11, r12}}",
        "vfma.f32 q3, q4, r7",
        "vfma.f32 q2, q5, r6",
        "vfma.f32 q3, q5, r10",
        "vfma.f32 q2, q6, r8",
        "vfma.f32 q3, q6, r11",
        "vfma.f32 q2, q7, r9",
        "vfma.f32 q3, q7, r12",
        "le lr, 5b",
        "ldr r12, [sp]",
        "ldr r10, [r12, #16]",
        "6:",
        "ands r10, r10, #3",
        "beq 8f",
        "dls lr, r10",
        "7:",
        "vldrw.u32 q4, [r4], #16",
        "ldr r6, [r1], #4",
        "ldr r5, [r0], #4",
        "vfma.f32 q1, q4, r6",
        "ldr r8, [r3], #4",
        "vfma.f32 q0, q4, r5",
        "ldr r7, [r2], #4",
        "vfma.f32 q3, q4, r8",
        "vfma.f32 q2, q4, r7",
        "le lr, 7b",
        "8:",
        "ldrd r9, r10, [sp, #16]",
        "subs r10, r10, #1",
        "beq 9f",
        "ldr r11, [r12, #20]",
        "str r10, [sp, #20]",
        "add r0, r0, r11",
        "add r1, r1, r11",
        "add r2, r2, r11",
        "add r3, r3, r11",
        "b 4b",
        "9:",
        "ldrd r10, r11, [r12, #24]",
        "subs r9, r9, #1",
        "add r0, r0, r10",
        "add r1, r1, r10",
        "add r2, r2, r10",
        "add r3, r3, r10",
        "add r4, r4, r11",
        "bne.w 3b",
        store4!(),
        leave!("8"),
    )
}

/// Computes blocks of four channels of one pixel, with four sums that take turns.
///
/// Registers: r0 where the pixel reads, r4 weights, r5-r12 inputs, lr turns; q0-q3 sums, q4-q7 weights. On the stack as in [`block4`].
/// A step of eight of the depth is 18 instructions for 32 products, 0.56 each.
///
/// # Safety
/// As for [`block4`], with one pixel.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn block1(block: &Block) {
    naked_asm!(
        cpu!(),
        enter!("8"),
        "2:",
        "ldr r8, [sp, #4]",
        "ldr r0, [r12]",
        "ldr r9, [r12, #8]",
        "vldrw.u32 q0, [r8], #16",
        "vmov.i32 q1, #0",
        "str r8, [sp, #4]",
        "vmov.i32 q2, #0",
        "vmov.i32 q3, #0",
        "3:",
        "ldr r10, [r12, #12]",
        "strd r9, r10, [sp, #16]",
        "4:",
        "ldr r10, [r12, #16]",
        "lsr r11, r10, #3",
        "wls lr, r11, 6f",
        "5:",
        "ldm r0!, {{r5-r12}}",
        "vldrw.u32 q4, [r4], #16",
        "vfma.f32 q0, q4, r5",
        "vldrw.u32 q5, [r4], #16",
        "vfma.f32 q1, q5, r6",
        "vldrw.u32 q6, [r4], #16",
        "vfma.f32 q2, q6, r7",
        "vldrw.u32 q7, [r4], #16",
        "vfma.f32 q3, q7, r8",
        "vldrw.u32 q4, [r4], #16",
        "vfma.f32 q0, q4, r9",
        "vldrw.u32 q5, [r4], #16",
        "vfma.f32 q1, q5, r10",
        "vldrw.u32 q6, [r4], #16",
        "vfma.f32 q2, q6, r11",
        "vldrw.u32 q7, [r4], #16",
        "vfma.f32 q3, q7, r12",
        "le lr, 5b",
        "ldr r12, [sp]",
        "ldr r10, [r12, #16]",
        "6:",
        "lsls r11, r10, #29",
        "bpl 7f",
        "ldm r0!, {{r5-r8}}",
        "vldrw.u32 q4, [r4], #16",
        "vfma.f32 q0, q4, r5",
        "vldrw.u32 q5, [r4], #16",
        "vfma.f32 q1, q5, r6",
        "vldrw.u32 q6, [r4], #16",
        "vfma.f32 q2, q6, r7",
        "vldrw.u32 q7, [r4], #16",
        "vfma.f32 q3, q7, r8",
        "7:",
        "ands r10, r10, #3",
        "beq 8f",
        "dls lr, r10",
        "10:",
        "ldr r5, [r0], #4",
        "vldrw.u32 q4, [r4], #16",
        "vfma.f32 q0, q4, r5",
        "le lr, 10b",
        "8:",
        "ldrd r9, r10, [sp, #16]",
        "subs r10, r10, #1",
        "beq 9f",
        "ldr r11, [r12, #20]",
        "str r10, [sp, #20]",
        "add r0, r0, r11",
        "b 4b",
        "9:",
        "ldrd r10, r11, [r12, #24]",
        "subs r9, r9, #1",
        "add r0, r0, r10",
        "add r4, r4, r11",
        "bne.w 3b",
        "vadd.f32 q0, q0, q1",
        "vadd.f32 q2, q2, q3",
        "vadd.f32 q0, q0, q2",
        store1!(),
        leave!("8"),
    )
}
