//! One row times pairs of channels, whose sums are left as they are; and the memory of a filter times weights.

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

/// Moves `words` times four elements on by one, to which `latest` comes, and returns their products with weights.
///
/// Registers: r0 the old ones, r1 the new ones, r2 weights, r3 words, r4 the last element, r5-r8 data, r12 the sum. 11
/// instructions for four elements, some of whose words are misaligned.
///
/// # Safety
/// There are as many elements of all three, aligned to 4 and not none; the new ones are this call's own, and may be the old.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn memory(
    old: *const i8,
    new: *mut i8,
    weights: *const i8,
    words: usize,
    latest: i32,
) -> i32 {
    naked_asm!(
        cpu!(),
        "push {{r4-r8, lr}}",
        "ldr r4, [sp, #24]",
        "mov r12, #0",
        "add r0, r0, #1",
        "b 3f",
        "2:",
        "ldr r5, [r0], #4",
        "ldr r6, [r2], #4",
        "str r5, [r1], #4",
        "sxtb16 r7, r5",
        "sxtb16 r8, r6",
        "smlad r12, r7, r8, r12",
        "sxtb16 r5, r5, ror #8",
        "sxtb16 r6, r6, ror #8",
        "smlad r12, r5, r6, r12",
        "3:",
        "subs r3, r3, #1",
        "bne 2b",
        "ldr r5, [r0, #-1]",
        "ldr r6, [r2]",
        "lsr r5, r5, #8",
        "orr r5, r5, r4, lsl #24",
        "str r5, [r1]",
        "sxtb16 r7, r5",
        "sxtb16 r8, r6",
        "smlad r12, r7, r8, r12",
        "sxtb16 r5, r5, ror #8",
        "sxtb16 r6, r6, ror #8",
        "smlad r0, r5, r6, r12",
        "pop {{r4-r8, pc}}",
    )
}
