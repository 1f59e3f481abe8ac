//! Activations of int16, which SMLAD takes in pairs as they lie in memory: nothing is widened but weights.
//!
//! A word has the weights of two channels for two elements, `c0k0, c1k0, c0k1, c1k1`: one SXTB16 gives those of c0, one of the
//! word rotated by 8 those of c1. The compiler has proved that sums, with their bias, fit 32 bits, and that the multiplier
//! `rq << (17 + shift)` fits 31: then `SMMULR(sum, multiplier)` is `round(sum * rq / 2^(15 - shift))`, halves up.

use crate::kernels::isa::thumb2::copy;
use crate::quant::Bounds;
use core::arch::naked_asm;

/// Requantises the sums of c0 and c1 with r10 and r11, and packs both into the first.
macro_rules! finish {
    ($c0:literal, $c1:literal, $by0:literal, $by1:literal) => {
        concat!(
            "smmulr ",
            $c0,
            ", ",
            $c0,
            ", ",
            $by0,
            "\nsmmulr ",
            $c1,
            ", ",
            $c1,
            ", ",
            $by1,
            "\nssat ",
            $c0,
            ", #16, ",
            $c0,
            "\nssat ",
            $c1,
            ", #16, ",
            $c1,
            "\npkhbt ",
            $c0,
            ", ",
            $c0,
            ", ",
            $c1,
            ", lsl #16",
        )
    };
}

/// Computes channels, two by two, of four pixels, of which the stream has more weights: `before` bytes in front of those that
/// are multiplied, and `behind` bytes behind them.
///
/// `inputs` are as [`widen4`] writes them: for each two of the depth a word of each pixel. `stream` has for each pair of
/// channels both biases, the words of weights, and both multipliers. Pixel p is stored at `output + p * stride` bytes.
///
/// Registers: r0 inputs, r1 stream, r2-r5 the sums of c0, r6-r9 those of c1, r10-r12 and lr data; all else is on the stack. A
/// step is 1 LDR + 2 LDRD + 2 SXTB16 + 8 SMLAD for 16 MACs, 0.81 a MAC; the loop of eight adds 3 instructions, and a pair of
/// channels 47.
///
/// # Safety
/// `inputs` has `bytes` bytes, a multiple of 16 and not 0; `stream` consists of whole pairs up to `end`; four pixels of twice
/// as many channels as pairs are this call's own to write.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn gemm4_part(
    inputs: *const i16,
    stream: *const i32,
    output: *mut i16,
    stride: usize,
    bytes: usize,
    end: *const i32,
    before: usize,
    behind: usize,
) {
    naked_asm!(
        cpu!(),
        // On the stack: 0 inputs, 4 their end, 8 output, 12 stride, 52 where the loop is entered, 56 end of the stream, 60 before,
        // 64 behind.
        "push {{r0-r11, lr}}",
        "ldr r4, [sp, #52]",
        "add r5, r0, r4",
        "str r5, [sp, #4]",
        // Steps that the first turn of the loop leaves out, 52 bytes of code each.
        "rsb r4, r4, #0",
        "and r4, r4, #16 * 7",
        "lsr r5, r4, #2",
        "add r4, r4, r4, lsl #1",
        "add r4, r4, r5",
        "adr.w r5, 3f",
        "add r4, r4, r5",
        "orr r4, r4, #1",
        "str r4, [sp, #52]",
        "2:",
        "ldrd r2, r6, [r1], #8",
        "ldr r10, [sp, #60]",
        "mov r3, r2",
        "mov r4, r2",
        "mov r5, r2",
        "add r1, r1, r10",
        "mov r7, r6",
        "mov r8, r6",
        "mov r9, r6",
        "ldr pc, [sp, #52]",
        ".p2align 2",
        "3:",
        ".rept 8",
        "ldr r12, [r1], #4",
        "ldrd r10, r11, [r0], #8",
        "sxtb16 lr, r12",
        "sxtb16 r12, r12, ror #8",
        "smlad r2, r10, lr, r2",
        "smlad r6, r10, r12, r6",
        "smlad r3, r11, lr, r3",
        "smlad r7, r11, r12, r7",
        "ldrd r10, r11, [r0], #8",
        "smlad r4, r10, lr, r4",
        "smlad r8, r10, r12, r8",
        "smlad r5, r11, lr, r5",
        "smlad r9, r11, r12, r9",
        ".endr",
        "ldr r10, [sp, #4]",
        "cmp r0, r10",
        "bne.w 3b",
        "ldr r10, [sp, #64]",
        "add r1, r1, r10",
        "ldrd r10, r11, [r1], #8",
        finish!("r2", "r6", "r10", "r11"),
        finish!("r3", "r7", "r10", "r11"),
        finish!("r4", "r8", "r10", "r11"),
        finish!("r5", "r9", "r10", "r11"),
        "ldrd r10, r11, [sp, #8]",
        "add r12, r10, r11, lsl #1",
        "str r2, [r10]",
        "str r3, [r10, r11]",
        "str r4, [r12]",
        "str r5, [r12, r11]",
        "add r10, r10, #4",
        "str r10, [sp, #8]",
        "ldr r0, [sp]",
        "ldr r12, [sp, #56]",
        "cmp r1, r12",
        "bne.w 2b",
        "pop {{r0-r11, pc}}",
    )
}

/// Computes channels, two by two, of four pixels, with all weights of the stream.
///
/// # Safety
/// As for [`gemm4_part`].
#[inline(always)]
pub(in crate::kernels::isa) unsafe fn gemm4(
    inputs: *const i16,
    stream: *const i32,
    output: *mut i16,
    stride: usize,
    bytes: usize,
    end: *const i32,
    _: i32,
) {
    // SAFETY: forwarded to the caller.
    unsafe { gemm4_part(inputs, stream, output, stride, bytes, end, 0, 0) };
}

/// Ends a pair of channels of int16 in [`gemv`](gemv_part).
macro_rules! end16 {
    () => {
        concat!("ldrd r6, r7, [r1], #8\n", finish!("r4", "r5", "r6", "r7"), "\nstr r4, [r2], #4")
    };
}

/// The same of int8, with a requantisation as in [`super::gemv`].
macro_rules! end8 {
    () => {
        concat!(
            "ldm r1!, {{r10, r11, r12}}\n",
            requantize!("r4"),
            "\nldm r1!, {{r10, r11, r12}}\n",
            requantize!("r5"),
            "\nstrb r4, [r2], #1\nstrb r5, [r2], #1"
        )
    };
}

/// Defines a function that computes channels, two by two, of one pixel, or row; the macro `$end` stores those of a pair.
///
/// Registers: r0 inputs, r1 stream, r2 output, r4 and r5 the sums, r6-r9 weights, r10-r12 and lr inputs, r3 data. Eight
/// elements take 2 LDM + 8 SXTB16 + 8 SMLAD for 16 MACs, 1.13 a MAC, and each two that are left 8 instructions; the loop of
/// four times eight adds 3, and a pair of channels 20.
macro_rules! gemv {
    ($(#[$doc:meta])* $name:ident, $element:ty, $end:ident) => {
        $(#[$doc])*
        #[unsafe(naked)]
        pub(in crate::kernels::isa) unsafe extern "C" fn $name(
            inputs: *const i16,
            stream: *const i32,
            output: *mut $element,
            bytes: usize,
            end: *const i32,
            before: usize,
            behind: usize,
        ) {
            naked_asm!(
                cpu!(),
                // On the stack: 0 inputs, 4 the end of those that are no eight, 8 where the loop of eights is entered, 12 the end of all,
                // 52 end of the stream, 56 before, 60 behind.
                "push {{r0-r11, lr}}",
                "and r4, r3, #12",
                "add r4, r0, r4",
                "str r4, [sp, #4]",
                "add r4, r0, r3",
                "str r4, [sp, #12]",
                // Eights that the first turn of the loop leaves out, 72 bytes of code each: all four where there is none.
                "lsrs r5, r3, #4",
                "ite eq",
                "moveq r4, #4",
                "rsbne r4, r5, #0",
                "it ne",
                "andne r4, r4, #3",
                "add r4, r4, r4, lsl #3",
                "adr.w r5, 3f",
                "add r4, r5, r4, lsl #3",
                "orr r4, r4, #1",
                "str r4, [sp, #8]",
                "2:",
                "ldrd r4, r5, [r1], #8",
                "ldr r6, [sp, #56]",
                "ldr r3, [sp, #4]",
                "add r1, r1, r6",
                "cmp r0, r3",
                "beq 5f",
                "4:",
                "ldr r6, [r1], #4",
                "ldr r10, [r0], #4",
                "sxtb16 r7, r6",
                "smlad r4, r10, r7, r4",
                "sxtb16 r6, r6, ror #8",
                "smlad r5, r10, r6, r5",
                "cmp r0, r3",
                "bne 4b",
                "5:",
                "ldr pc, [sp, #8]",
                ".p2align 2",
                "3:",
                ".rept 4",
                "ldm.w r1!, {{r6-r9}}",
                "ldm.w r0!, {{r10, r11, r12, lr}}",
                "sxtb16 r3, r6",
                "sxtb16 r6, r6, ror #8",
                "smlad r4, r10, r3, r4",
                "smlad r5, r10, r6, r5",
                "sxtb16 r3, r7",
                "sxtb16 r7, r7, ror #8",
                "smlad r4, r11, r3, r4",
                "smlad r5, r11, r7, r5",
                "sxtb16 r3, r8",
                "sxtb16 r8, r8, ror #8",
                "smlad r4, r12, r3, r4",
                "smlad r5, r12, r8, r5",
                "sxtb16 r3, r9",
                "sxtb16 r9, r9, ror #8",
                "smlad r4, lr, r3, r4",
                "smlad r5, lr, r9, r5",
                ".endr",
                "ldr r6, [sp, #12]",
                "cmp r0, r6",
                "bne.w 3b",
                "ldr r6, [sp, #60]",
                "add r1, r1, r6",
                $end!(),
                "ldr r0, [sp]",
                "ldr r6, [sp, #52]",
                "cmp r1, r6",
                "bne.w 2b",
                "pop {{r0-r11, pc}}",
            )
        }
    };
}

gemv! {
    /// Computes channels, two by two, of one pixel, or row, of which the stream has more weights, as for [`gemm4_part`].
    ///
    /// # Safety
    /// `bytes` is a multiple of 4 and not 0; otherwise as for [`gemm4_part`], with one pixel.
    gemv_part, i16, end16
}
gemv! {
    /// Computes int8 channels, two by two, of a row that [`super::widen1`] has widened, with any weights of int8: sums of less
    /// than 2^30. A word has the weights of both channels for two elements in their order there; for each of both channels the
    /// stream ends with multiplier, rounding and shift.
    ///
    /// # Safety
    /// As for [`gemv_part`].
    gemv_any, i8, end8
}

/// Computes channels, two by two, of one row, with all weights of the stream.
///
/// # Safety
/// As for [`gemv_part`].
#[inline(always)]
pub(in crate::kernels::isa) unsafe fn gemv(
    inputs: *const i16,
    stream: *const i32,
    output: *mut i16,
    bytes: usize,
    end: *const i32,
    _: i32,
) {
    // SAFETY: forwarded to the caller.
    unsafe { gemv_part(inputs, stream, output, bytes, end, 0, 0) };
}

/// Brings `words` words of four pixels, `stride` bytes apart, together: for each a word of each pixel. Returns the end.
///
/// 11 instructions for two words of each; words may be misaligned.
///
/// # Safety
/// `source + p * stride` has `4 * words` bytes for p < 4, `words` is not 0, and there is room for four times as many words.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn widen4(
    source: *const i8,
    stride: usize,
    to: *mut i16,
    words: usize,
) -> *mut i16 {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "add r4, r0, r1",
        "add r5, r4, r1",
        "add r6, r5, r1",
        "tst r3, #1",
        "beq 2f",
        "ldr r7, [r0], #4",
        "ldr r8, [r4], #4",
        "ldr r9, [r5], #4",
        "ldr r10, [r6], #4",
        "stm r2!, {{r7-r10}}",
        "subs r3, r3, #1",
        "beq 3f",
        "2:",
        "ldr r1, [r0], #4",
        "ldr r7, [r4], #4",
        "ldr r8, [r5], #4",
        "ldr r9, [r6], #4",
        "ldr r10, [r0], #4",
        "ldr r11, [r4], #4",
        "ldr r12, [r5], #4",
        "ldr lr, [r6], #4",
        "stm r2!, {{r1, r7-r12, lr}}",
        "subs r3, r3, #2",
        "bne 2b",
        "3:",
        "mov r0, r2",
        "pop {{r4-r11, pc}}",
    )
}

/// Copies `words` words, and returns the end of what it wrote.
///
/// # Safety
/// Both have them, and do not overlap.
#[inline(always)]
pub(in crate::kernels::isa) unsafe fn widen1(source: *const i8, to: *mut i16, words: usize) -> *mut i16 {
    // SAFETY: forwarded to the caller.
    unsafe { copy(to.cast(), source, 4 * words).cast() }
}

/// Applies bounds, two at a time: `min(max(value, low), high)`, where both halves of a bound are alike.
///
/// # Safety
/// `values` points to `count` values, not none, that are this call's own.
#[unsafe(naked)]
unsafe extern "C" fn clamp_all(values: *mut i16, count: usize, low: u32, high: u32) {
    naked_asm!(
        cpu!(),
        "push {{r4, lr}}",
        "subs r1, r1, #2",
        "blt 3f",
        "2:",
        "ldr r12, [r0]",
        "ssub16 r4, r12, r2",
        "sel r12, r12, r2",
        "ssub16 r4, r3, r12",
        "sel r12, r12, r3",
        "str r12, [r0], #4",
        "subs r1, r1, #2",
        "bge 2b",
        "3:",
        "adds r1, r1, #2",
        "beq 4f",
        "ldrh r12, [r0]",
        "ssub16 r4, r12, r2",
        "sel r12, r12, r2",
        "ssub16 r4, r3, r12",
        "sel r12, r12, r3",
        "strh r12, [r0]",
        "4:",
        "pop {{r4, pc}}",
    )
}

/// Applies bounds that are tighter than those of int16.
///
/// # Safety
/// `values` points to `count` values that are this call's own.
pub(in crate::kernels::isa) unsafe fn clamp(values: *mut i16, count: usize, bounds: &Bounds) {
    if bounds.min > i16::MIN.into() || bounds.max < i16::MAX.into() {
        let spread = |bound: i32| u32::from(bound as u16).wrapping_mul(0x0001_0001);
        // SAFETY: forwarded to the caller.
        unsafe { clamp_all(values, count, spread(bounds.min), spread(bounds.max)) };
    }
}
