//! Blocks of pixels times blocks of channels: sums of products of float32, in registers.

use crate::kernels::isa::real::Block;
use core::arch::naked_asm;

/// Stores four channels of a pixel, r10 bytes before the next one at r11, by way of r0 to r3 where negative ones become 0.
///
/// As an integer, a float32 with its sign set is negative: USAT makes it 0. NaN has no sign (`real::mode`).
macro_rules! store_relu {
    ($a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "vmov r0, r1, s",
            $a,
            ", s",
            $b,
            "\nvmov r2, r3, s",
            $c,
            ", s",
            $d,
            "\nusat r0, #31, r0\n",
            "usat r1, #31, r1\n",
            "usat r2, #31, r2\n",
            "usat r3, #31, r3\n",
            "stm r11, {{r0-r3}}\n",
            "add r11, r11, r10",
        )
    };
}
pub(super) use store_relu;

/// Stores four pixels of four channels, s16 to s31, at r9, which goes on to the next channels; r12 points to the [`Block`].
macro_rules! store4 {
    () => {
        concat!(
            "ldr r0, [r12, #56]\n",
            "ldr r10, [r12, #48]\n",
            "mov r11, r9\n",
            "add r9, r9, #16\n",
            "cmp r0, #0\n",
            "beq 20f\n",
            $crate::kernels::isa::vfpv4_sp::gemm::store_relu!("16", "17", "18", "19"),
            "\n",
            $crate::kernels::isa::vfpv4_sp::gemm::store_relu!("20", "21", "22", "23"),
            "\n",
            $crate::kernels::isa::vfpv4_sp::gemm::store_relu!("24", "25", "26", "27"),
            "\n",
            $crate::kernels::isa::vfpv4_sp::gemm::store_relu!("28", "29", "30", "31"),
            "\nb 21f\n",
            "20:\n",
            "vstm r11, {{s16-s19}}\n",
            "add r11, r11, r10\n",
            "vstm r11, {{s20-s23}}\n",
            "add r11, r11, r10\n",
            "vstm r11, {{s24-s27}}\n",
            "add r11, r11, r10\n",
            "vstm r11, {{s28-s31}}\n",
            "21:",
        )
    };
}
pub(super) use store4;

/// Stores one pixel of four channels, s16 to s19, at r9, which goes on to the next channels; r12 points to the [`Block`].
macro_rules! store1 {
    () => {
        concat!(
            "ldr r0, [r12, #56]\n",
            "mov r11, r9\n",
            "add r9, r9, #16\n",
            "cmp r0, #0\n",
            "beq 20f\n",
            $crate::kernels::isa::vfpv4_sp::gemm::store_relu!("16", "17", "18", "19"),
            "\nb 21f\n",
            "20:\n",
            "vstm r11, {{s16-s19}}\n",
            "21:",
        )
    };
}
pub(super) use store1;

/// Adds to four sums the products of one input and four weights.
macro_rules! fma4 {
    ($input:literal: $a:literal $b:literal $c:literal $d:literal += $w:literal $x:literal $y:literal $z:literal) => {
        concat!(
            "vfma.f32 s",
            $a,
            ", s",
            $input,
            ", s",
            $w,
            "\nvfma.f32 s",
            $b,
            ", s",
            $input,
            ", s",
            $x,
            "\nvfma.f32 s",
            $c,
            ", s",
            $input,
            ", s",
            $y,
            "\nvfma.f32 s",
            $d,
            ", s",
            $input,
            ", s",
            $z,
        )
    };
}

/// Four pixels of two of the depth: 5 loads for 32 products.
macro_rules! step2 {
    () => {
        concat!(
            "vldm r4!, {{s0-s7}}\n",
            "vldm r0!, {{s8-s9}}\n",
            "vldm r1!, {{s10-s11}}\n",
            "vldm r2!, {{s12-s13}}\n",
            "vldm r3!, {{s14-s15}}\n",
            fma4!("8": "16" "17" "18" "19" += "0" "1" "2" "3"),
            "\n",
            fma4!("10": "20" "21" "22" "23" += "0" "1" "2" "3"),
            "\n",
            fma4!("12": "24" "25" "26" "27" += "0" "1" "2" "3"),
            "\n",
            fma4!("14": "28" "29" "30" "31" += "0" "1" "2" "3"),
            "\n",
            fma4!("9": "16" "17" "18" "19" += "4" "5" "6" "7"),
            "\n",
            fma4!("11": "20" "21" "22" "23" += "4" "5" "6" "7"),
            "\n",
            fma4!("13": "24" "25" "26" "27" += "4" "5" "6" "7"),
            "\n",
            fma4!("15": "28" "29" "30" "31" += "4" "5" "6" "7"),
        )
    };
}

/// Computes blocks of four channels of four pixels.
///
/// Registers: r0-r3 where the pixels read, r4 weights, r5 what is left of a run, r6 rows and r7 runs that are left, r8 bias,
/// r9 output, r10 and r11 data, r12 the [`Block`], lr blocks that are left; s16-s31 sums, s0-s7 weights, s8-s15 inputs.
/// A step of four of the depth is 76 instructions for 64 products, 1.19 each; a row of taps adds 15, a block 32, or 57.
///
/// # Safety
/// The taps of four pixels lie inside one region; the filter has four weights for each element of all runs of a block, the
/// bias four for each block; four channels of four pixels for each block are this call's own to write.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn block4(block: &Block) {
    naked_asm!(
        fpu!(),
        "push {{r4-r11, lr}}",
        "vpush {{s16-s31}}",
        "mov r12, r0",
        "ldr r4, [r12, #32]",
        "ldrd r8, r9, [r12, #40]",
        "ldr lr, [r12, #52]",
        // A block of channels.
        "2:",
        "ldrd r0, r11, [r12]",
        "ldr r6, [r12, #8]",
        "vldm r8, {{s16-s19}}",
        "vldm r8, {{s20-s23}}",
        "vldm r8, {{s24-s27}}",
        "vldm r8!, {{s28-s31}}",
        "add r1, r0, r11",
        "add r2, r1, r11",
        "add r3, r2, r11",
        // A row of taps.
        "3:",
        "ldrd r7, r5, [r12, #12]",
        // A run.
        "4:",
        "subs r5, r5, #4",
        "blt.w 6f",
        "5:",
        step2!(),
        step2!(),
        "subs r5, r5, #4",
        "bge.w 5b",
        "6:",
        "adds r5, r5, #4",
        "beq 8f",
        "7:",
        "vldm r4!, {{s0-s3}}",
        "vldm r0!, {{s8}}",
        "vldm r1!, {{s10}}",
        "vldm r2!, {{s12}}",
        "vldm r3!, {{s14}}",
        fma4!("8": "16" "17" "18" "19" += "0" "1" "2" "3"),
        fma4!("10": "20" "21" "22" "23" += "0" "1" "2" "3"),
        fma4!("12": "24" "25" "26" "27" += "0" "1" "2" "3"),
        fma4!("14": "28" "29" "30" "31" += "0" "1" "2" "3"),
        "subs r5, r5, #1",
        "bne 7b",
        "8:",
        "subs r7, r7, #1",
        "beq 9f",
        "ldrd r5, r10, [r12, #16]",
        "add r0, r0, r10",
        "add r1, r1, r10",
        "add r2, r2, r10",
        "add r3, r3, r10",
        "b 4b",
        "9:",
        "ldrd r10, r11, [r12, #24]",
        "add r0, r0, r10",
        "add r1, r1, r10",
        "add r2, r2, r10",
        "add r3, r3, r10",
        "add r4, r4, r11",
        "subs r6, r6, #1",
        "bne.w 3b",
        store4!(),
        "ldr r10, [r12, #36]",
        "add r4, r4, r10",
        "subs lr, lr, #1",
        "bne.w 2b",
        "vpop {{s16-s31}}",
        "pop {{r4-r11, pc}}",
    )
}

/// One pixel of four of the depth, from the given four inputs: 17 instructions for 16 products.
macro_rules! quad {
    ($a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "vldm r4!, {{s0-s15}}\n",
            fma4!($a: "16" "17" "18" "19" += "0" "1" "2" "3"),
            "\n",
            fma4!($b: "16" "17" "18" "19" += "4" "5" "6" "7"),
            "\n",
            fma4!($c: "16" "17" "18" "19" += "8" "9" "10" "11"),
            "\n",
            fma4!($d: "16" "17" "18" "19" += "12" "13" "14" "15"),
        )
    };
}

/// Computes blocks of four channels of one pixel.
///
/// Registers as in [`block4`]; s16-s19 sums, s0-s15 weights, s20-s27 inputs. A step of eight of the depth is 37 instructions
/// for 32 products, 1.16 each.
///
/// # Safety
/// As for [`block4`], with one pixel.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn block1(block: &Block) {
    naked_asm!(
        fpu!(),
        "push {{r4-r11, lr}}",
        "vpush {{s16-s27}}",
        "mov r12, r0",
        "ldr r4, [r12, #32]",
        "ldrd r8, r9, [r12, #40]",
        "ldr lr, [r12, #52]",
        "2:",
        "ldr r0, [r12]",
        "ldr r6, [r12, #8]",
        "vldm r8!, {{s16-s19}}",
        "3:",
        "ldrd r7, r5, [r12, #12]",
        "4:",
        "subs r5, r5, #8",
        "blt 6f",
        "5:",
        "vldm r0!, {{s20-s27}}",
        quad!("20", "21", "22", "23"),
        quad!("24", "25", "26", "27"),
        "subs r5, r5, #8",
        "bge 5b",
        "6:",
        "adds r5, r5, #4",
        "blt 7f",
        "vldm r0!, {{s20-s23}}",
        quad!("20", "21", "22", "23"),
        "sub r5, r5, #4",
        "7:",
        "adds r5, r5, #4",
        "beq 22f",
        "8:",
        "vldm r0!, {{s20}}",
        "vldm r4!, {{s0-s3}}",
        fma4!("20": "16" "17" "18" "19" += "0" "1" "2" "3"),
        "subs r5, r5, #1",
        "bne 8b",
        "22:",
        "subs r7, r7, #1",
        "beq 9f",
        "ldrd r5, r10, [r12, #16]",
        "add r0, r0, r10",
        "b 4b",
        "9:",
        "ldrd r10, r11, [r12, #24]",
        "add r0, r0, r10",
        "add r4, r4, r11",
        "subs r6, r6, #1",
        "bne.w 3b",
        store1!(),
        "ldr r10, [r12, #36]",
        "add r4, r4, r10",
        "subs lr, lr, #1",
        "bne.w 2b",
        "vpop {{s16-s27}}",
        "pop {{r4-r11, pc}}",
    )
}

/// Computes single channels of one pixel: [`Block::blocks`] counts channels.
///
/// Registers as in [`block4`]; s16-s19 sums that take turns, s0-s7 inputs, s8-s15 weights. A step of eight of the depth is 12
/// instructions for 8 products.
///
/// # Safety
/// As for [`block4`], with one pixel and blocks of one channel.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn single(block: &Block) {
    naked_asm!(
        fpu!(),
        "push {{r4-r11, lr}}",
        "vpush {{s16-s19}}",
        "mov r12, r0",
        "ldr r4, [r12, #32]",
        "ldrd r8, r9, [r12, #40]",
        "ldr lr, [r12, #52]",
        "2:",
        "ldr r0, [r12]",
        "ldr r6, [r12, #8]",
        "mov r1, #0",
        "vldm r8!, {{s16}}",
        "vmov s17, r1",
        "vmov s18, r1",
        "vmov s19, r1",
        "3:",
        "ldrd r7, r5, [r12, #12]",
        "4:",
        "subs r5, r5, #8",
        "blt 6f",
        "5:",
        "vldm r0!, {{s0-s7}}",
        "vldm r4!, {{s8-s15}}",
        "vfma.f32 s16, s0, s8",
        "vfma.f32 s17, s1, s9",
        "vfma.f32 s18, s2, s10",
        "vfma.f32 s19, s3, s11",
        "vfma.f32 s16, s4, s12",
        "vfma.f32 s17, s5, s13",
        "vfma.f32 s18, s6, s14",
        "vfma.f32 s19, s7, s15",
        "subs r5, r5, #8",
        "bge 5b",
        "6:",
        "adds r5, r5, #8",
        "beq 8f",
        "7:",
        "vldm r0!, {{s0}}",
        "vldm r4!, {{s8}}",
        "vfma.f32 s16, s0, s8",
        "subs r5, r5, #1",
        "bne 7b",
        "8:",
        "subs r7, r7, #1",
        "beq 9f",
        "ldrd r5, r10, [r12, #16]",
        "add r0, r0, r10",
        "b 4b",
        "9:",
        "ldrd r10, r11, [r12, #24]",
        "add r0, r0, r10",
        "add r4, r4, r11",
        "subs r6, r6, #1",
        "bne 3b",
        "vadd.f32 s16, s16, s17",
        "vadd.f32 s18, s18, s19",
        "vadd.f32 s16, s16, s18",
        "ldr r10, [r12, #56]",
        "vmov r11, s16",
        "cmp r10, #0",
        "it ne",
        "usatne r11, #31, r11",
        "str r11, [r9], #4",
        "ldr r10, [r12, #36]",
        "add r4, r4, r10",
        "subs lr, lr, #1",
        "bne 2b",
        "vpop {{s16-s19}}",
        "pop {{r4-r11, pc}}",
    )
}
