//! One row times pairs of channels, whose sums are left as they are; and what filters keep times weights.

use core::arch::naked_asm;

/// Computes the sums of channels, two by two, of one row.
///
/// `inputs` are int16 as [`super::widen1`] writes them; `stream` has for each pair of channels `bias[c0]`,
/// `256 * bias[c1] + bias[c0]` and the words of weights.
///
/// Registers: r0 inputs, r1 stream, r2 output, r3 where a pair begins, r4 the sum of words, r5 that of c0, r6-r9 weights, r10-r12
/// and lr inputs. Eight elements take 2 LDM + 4 SXTB16 + 8 SMLAD for 16 MACs, 0.88 a MAC, and four more, where there are, 9
/// instructions; the loop of four times eight adds 3, and a pair of channels 12.
///
/// # Safety
/// `inputs` has `bytes` bytes, a multiple of 8 and not 0; `stream` consists of whole pairs up to `end`; twice as many sums as
/// pairs are this call's own to write.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn sums(
    inputs: *const i16,
    stream: *const i32,
    output: *mut i32,
    bytes: usize,
    end: *const i32,
) {
    naked_asm!(
        cpu!(),
        // On the stack: 0 inputs, 4 where the loop is entered, 12 their end, 52 end of the stream.
        "push {{r0-r11, lr}}",
        "add r4, r0, r3",
        "str r4, [sp, #12]",
        // Eights that the first turn of the loop leaves out, 56 bytes of code each: all four where there is none.
        "lsrs r5, r3, #4",
        "ite eq",
        "moveq r4, #4",
        "rsbne r4, r5, #0",
        "it ne",
        "andne r4, r4, #3",
        "rsb r4, r4, r4, lsl #3",
        "adr.w r5, 3f",
        "add r4, r5, r4, lsl #3",
        "orr r4, r4, #1",
        "str r4, [sp, #4]",
        // A pair begins with four elements that are no eight.
        "tst r3, #8",
        "mov r3, r4",
        "beq 2f",
        "adr.w r3, 4f",
        "orr r3, r3, #1",
        "2:",
        "ldrd r5, r4, [r1], #8",
        "bx r3",
        ".p2align 2",
        "4:",
        "ldm r1!, {{r6, r7}}",
        "ldm r0!, {{r10, r11}}",
        "smlad r4, r6, r10, r4",
        "sxtb16 r6, r6",
        "smlad r5, r6, r10, r5",
        "smlad r4, r7, r11, r4",
        "sxtb16 r7, r7",
        "smlad r5, r7, r11, r5",
        "ldr pc, [sp, #4]",
        ".p2align 2",
        "3:",
        ".rept 4",
        "ldm.w r1!, {{r6-r9}}",
        "ldm.w r0!, {{r10, r11, r12, lr}}",
        "smlad r4, r6, r10, r4",
        "sxtb16 r6, r6",
        "smlad r5, r6, r10, r5",
        "smlad r4, r7, r11, r4",
        "sxtb16 r7, r7",
        "smlad r5, r7, r11, r5",
        "smlad r4, r8, r12, r4",
        "sxtb16 r8, r8",
        "smlad r5, r8, r12, r5",
        "smlad r4, r9, lr, r4",
        "sxtb16 r9, r9",
        "smlad r5, r9, lr, r5",
        ".endr",
        "ldr r6, [sp, #12]",
        "cmp r0, r6",
        "bne.w 3b",
        "sub r4, r4, r5",
        "asr r4, r4, #8",
        "strd r5, r4, [r2], #8",
        "ldr r0, [sp]",
        "ldr r6, [sp, #52]",
        "cmp r1, r6",
        "bne.w 2b",
        "pop {{r0-r11, pc}}",
    )
}

/// What requantises a sum: `super::requantize`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Fixed {
    /// Twice the multiplier, less 2^32.
    pub multiplier: i32,
    /// What rounds half of what is shifted: twice the zero point, and 1.
    pub rounding: i32,
    /// Shift to the right, less 1.
    pub shift: u32,
}

/// Units whose filters move on.
#[repr(C)]
pub(super) struct Units {
    /// What filters kept, what they keep, and the weights of time.
    pub old: *const i8,
    pub new: *mut i8,
    pub weights: *const i8,
    /// What comes to each filter, an output and a bias for each unit.
    pub latest: *const i8,
    pub output: *mut i8,
    pub bias: *const i32,
    /// Units, filters of a unit, and words that a filter keeps, none of them 0.
    pub count: usize,
    pub rank: usize,
    pub words: usize,
    pub scale: Fixed,
    /// Zero point of what is kept, which comes to it here.
    pub zero_point: i32,
}

/// Moves what the filters of units keep on by one, and computes the units: the products of all with weights of time.
///
/// Registers: r0 old ones behind the first, r1 new ones, r2 weights, r3 the latest, r4 output, r5 bias, r6 units that are left,
/// r7-r10 data, r11 all arguments, r12 the sum, lr words that are left. 11 instructions for four elements, some of whose words
/// are misaligned, 25 more for a filter, and 12 for a unit.
///
/// # Safety
/// All that the units need is there, new ones and outputs are this call's own; the new ones may be the old. What filters keep is
/// aligned to 4.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn units(units: &Units) {
    naked_asm!(
        cpu!(),
        "push {{r3-r11, lr}}",
        "mov r11, r0",
        "ldm r11, {{r0-r6}}",
        "add r0, r0, #1",
        "2:",
        "ldr r12, [r5], #4",
        "ldr lr, [r11, #28]",
        "3:",
        // Filters of the unit that are left.
        "str lr, [sp]",
        "ldr lr, [r11, #32]",
        "subs lr, lr, #1",
        "beq 5f",
        "4:",
        "ldr r7, [r0], #4",
        "ldr r8, [r2], #4",
        "str r7, [r1], #4",
        "sxtb16 r9, r7",
        "sxtb16 r10, r8",
        "smlad r12, r9, r10, r12",
        "sxtb16 r7, r7, ror #8",
        "sxtb16 r8, r8, ror #8",
        "smlad r12, r7, r8, r12",
        "subs lr, lr, #1",
        "bne 4b",
        "5:",
        "ldr r7, [r0, #-1]",
        "ldrb r9, [r3], #1",
        "ldr r10, [r11, #48]",
        "ldr r8, [r2], #4",
        // It wraps, as in TFLite.
        "add r9, r9, r10",
        "lsr r7, r7, #8",
        "orr r7, r7, r9, lsl #24",
        "str r7, [r1], #4",
        "sxtb16 r9, r7",
        "sxtb16 r10, r8",
        "smlad r12, r9, r10, r12",
        "sxtb16 r7, r7, ror #8",
        "sxtb16 r8, r8, ror #8",
        "smlad r12, r7, r8, r12",
        "ldr lr, [sp]",
        "add r0, r0, #4",
        "subs lr, lr, #1",
        "bne 3b",
        "add r7, r11, #36",
        "ldm r7, {{r8, r9, r10}}",
        "smmlar r12, r12, r8, r12",
        "add r12, r12, r12, asr #31",
        "asr r12, r12, r10",
        "add r12, r12, r9",
        "ssat r12, #8, r12, asr #1",
        "strb r12, [r4], #1",
        "subs r6, r6, #1",
        "bne 2b",
        "pop {{r3-r11, pc}}",
    )
}
