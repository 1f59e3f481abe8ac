//! Blocks of pixels times blocks of channels, each of which has taps of its own.

use super::gemm::{store1, store4};
use crate::kernels::isa::real::Block;
use core::arch::naked_asm;

/// Adds to four sums the products of four inputs and four weights.
macro_rules! lanes {
    ($a:literal $b:literal $c:literal $d:literal += $i:literal $j:literal $k:literal $l:literal *
     $w:literal $x:literal $y:literal $z:literal) => {
        concat!(
            "vfma.f32 s",
            $a,
            ", s",
            $i,
            ", s",
            $w,
            "\nvfma.f32 s",
            $b,
            ", s",
            $j,
            ", s",
            $x,
            "\nvfma.f32 s",
            $c,
            ", s",
            $k,
            ", s",
            $y,
            "\nvfma.f32 s",
            $d,
            ", s",
            $l,
            ", s",
            $z,
        )
    };
}

/// What begins a function: r4 weights, r7 where the channels of the first pixel read, r8 bias, r9 output, lr blocks.
macro_rules! enter {
    () => {
        concat!(
            "mov r12, r0\n",
            "ldr r4, [r12, #32]\n",
            "ldr r7, [r12]\n",
            "ldrd r8, r9, [r12, #40]\n",
            "ldr lr, [r12, #52]",
        )
    };
}

/// Computes blocks of four channels of four pixels, for any window.
///
/// [`Block::columns`] counts taps, of which each pixel reads the four channels of the block; `input_column` leads from where
/// the last pixel's tap would be followed by another's to the first pixel's next tap, `input_row` from there to the next row.
///
/// Registers: r0 where pixels read, r1 from a pixel to the next, r2 from a tap to the next, r4 weights, r5 taps and r6 rows
/// that are left, r7 where the block reads, r8 bias, r9 output, r10 and r11 data, r12 the [`Block`], lr blocks that are left;
/// s16-s31 sums, s0-s3 weights, s4-s15 inputs. A tap is 27 instructions for 16 products, a row of taps adds 7.
///
/// # Safety
/// The taps of four pixels lie inside one region; the filter has four weights for each tap of a block, the bias four for each
/// block; four channels of four pixels for each block are this call's own to write.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn taps4(block: &Block) {
    naked_asm!(
        fpu!(),
        "push {{r4-r11, lr}}",
        "vpush {{s16-s31}}",
        enter!(),
        // A block of channels.
        "2:",
        "ldrd r0, r1, [r12]",
        "ldr r2, [r12, #20]",
        "ldr r6, [r12, #8]",
        "vldm r8, {{s16-s19}}",
        "vldm r8, {{s20-s23}}",
        "vldm r8, {{s24-s27}}",
        "vldm r8!, {{s28-s31}}",
        "mov r0, r7",
        "add r7, r7, #16",
        // A row of taps.
        "3:",
        "ldr r5, [r12, #12]",
        "4:",
        "vldm r4!, {{s0-s3}}",
        "vldm r0, {{s4-s7}}",
        "add r0, r0, r1",
        "vldm r0, {{s8-s11}}",
        "add r0, r0, r1",
        "vldm r0, {{s12-s15}}",
        "add r0, r0, r1",
        lanes!("16" "17" "18" "19" += "4" "5" "6" "7" * "0" "1" "2" "3"),
        "vldm r0, {{s4-s7}}",
        "add r0, r0, r2",
        lanes!("20" "21" "22" "23" += "8" "9" "10" "11" * "0" "1" "2" "3"),
        lanes!("24" "25" "26" "27" += "12" "13" "14" "15" * "0" "1" "2" "3"),
        lanes!("28" "29" "30" "31" += "4" "5" "6" "7" * "0" "1" "2" "3"),
        "subs r5, r5, #1",
        "bne.w 4b",
        "ldrd r10, r11, [r12, #24]",
        "add r0, r0, r10",
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

/// The products of column `s12-s15` and of the three taps.
macro_rules! column {
    ([$($sums:literal)+] * first) => {
        lanes!($($sums)+ += "12" "13" "14" "15" * "0" "1" "2" "3")
    };
    ([$($sums:literal)+] * second) => {
        lanes!($($sums)+ += "12" "13" "14" "15" * "4" "5" "6" "7")
    };
    ([$($sums:literal)+] * third) => {
        lanes!($($sums)+ += "12" "13" "14" "15" * "8" "9" "10" "11")
    };
}

/// Computes blocks of four channels of four pixels whose windows have three taps along the line, a pixel apart.
///
/// [`Block::rows`] counts lines of three taps, `input_row` leads from six pixels behind a line's first tap to the next line's,
/// `input_column` is the distance of a tap's weights from the next tap's, `filter_row` that from the third tap's to those of
/// the next line's first.
///
/// Registers as in [`taps4`]; s0-s11 weights, s12-s15 inputs. A line of taps is 71 instructions for 48 products.
///
/// # Safety
/// As for [`taps4`].
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn three4(block: &Block) {
    naked_asm!(
        fpu!(),
        "push {{r4-r11, lr}}",
        "vpush {{s16-s31}}",
        enter!(),
        "2:",
        "ldrd r0, r1, [r12]",
        "ldr r2, [r12, #20]",
        "ldr r6, [r12, #8]",
        "vldm r8, {{s16-s19}}",
        "vldm r8, {{s20-s23}}",
        "vldm r8, {{s24-s27}}",
        "vldm r8!, {{s28-s31}}",
        "ldrd r10, r11, [r12, #24]",
        "mov r0, r7",
        "add r7, r7, #16",
        // A line of taps.
        "3:",
        "vldm r4, {{s0-s3}}",
        "vldm r0, {{s12-s15}}",
        "add r4, r4, r2",
        "add r0, r0, r1",
        column!(["16" "17" "18" "19"] * first),
        "vldm r4, {{s4-s7}}",
        "vldm r0, {{s12-s15}}",
        "add r4, r4, r2",
        "add r0, r0, r1",
        column!(["16" "17" "18" "19"] * second),
        column!(["20" "21" "22" "23"] * first),
        "vldm r4, {{s8-s11}}",
        "vldm r0, {{s12-s15}}",
        "add r4, r4, r11",
        "add r0, r0, r1",
        column!(["16" "17" "18" "19"] * third),
        column!(["20" "21" "22" "23"] * second),
        column!(["24" "25" "26" "27"] * first),
        "vldm r0, {{s12-s15}}",
        "add r0, r0, r1",
        column!(["20" "21" "22" "23"] * third),
        column!(["24" "25" "26" "27"] * second),
        column!(["28" "29" "30" "31"] * first),
        "vldm r0, {{s12-s15}}",
        "add r0, r0, r1",
        column!(["24" "25" "26" "27"] * third),
        column!(["28" "29" "30" "31"] * second),
        "vldm r0, {{s12-s15}}",
        "add r0, r0, r1",
        column!(["28" "29" "30" "31"] * third),
        "add r0, r0, r10",
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

/// Computes blocks of four channels of one pixel: a tap is 9 instructions for 4 products.
///
/// Registers as in [`taps4`]; `input_column` leads from a tap to the next.
///
/// # Safety
/// As for [`taps4`], with one pixel.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn taps1(block: &Block) {
    naked_asm!(
        fpu!(),
        "push {{r4-r11, lr}}",
        "vpush {{s16-s19}}",
        enter!(),
        "2:",
        "ldr r2, [r12, #20]",
        "ldr r6, [r12, #8]",
        "vldm r8!, {{s16-s19}}",
        "ldrd r10, r11, [r12, #24]",
        "mov r0, r7",
        "add r7, r7, #16",
        "3:",
        "ldr r5, [r12, #12]",
        "cbz r5, 5f",
        "4:",
        "vldm r4!, {{s0-s3}}",
        "vldm r0, {{s4-s7}}",
        "add r0, r0, r2",
        lanes!("16" "17" "18" "19" += "4" "5" "6" "7" * "0" "1" "2" "3"),
        "subs r5, r5, #1",
        "bne 4b",
        "5:",
        "add r0, r0, r10",
        "add r4, r4, r11",
        "subs r6, r6, #1",
        "bne 3b",
        store1!(),
        "ldr r10, [r12, #36]",
        "add r4, r4, r10",
        "subs lr, lr, #1",
        "bne.w 2b",
        "vpop {{s16-s19}}",
        "pop {{r4-r11, pc}}",
    )
}

/// Computes single channels of one pixel: [`Block::blocks`] counts channels.
///
/// # Safety
/// As for [`taps4`], with one pixel and blocks of one channel.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn tap(block: &Block) {
    naked_asm!(
        fpu!(),
        "push {{r4-r11, lr}}",
        enter!(),
        "2:",
        "ldr r2, [r12, #20]",
        "ldr r6, [r12, #8]",
        "vldm r8!, {{s0}}",
        "ldrd r10, r11, [r12, #24]",
        "mov r0, r7",
        "add r7, r7, #4",
        "3:",
        "ldr r5, [r12, #12]",
        "cbz r5, 5f",
        "4:",
        "vldm r4!, {{s1}}",
        "vldr s2, [r0]",
        "add r0, r0, r2",
        "vfma.f32 s0, s1, s2",
        "subs r5, r5, #1",
        "bne 4b",
        "5:",
        "add r0, r0, r10",
        "add r4, r4, r11",
        "subs r6, r6, #1",
        "bne 3b",
        "ldr r10, [r12, #56]",
        "vmov r11, s0",
        "cmp r10, #0",
        "it ne",
        "usatne r11, #31, r11",
        "str r11, [r9], #4",
        "ldr r10, [r12, #36]",
        "add r4, r4, r10",
        "subs lr, lr, #1",
        "bne 2b",
        "pop {{r4-r11, pc}}",
    )
}
