//! Averages of four channels at a time.

use crate::kernels::isa::packed::Cells;
use crate::kernels::isa::thumb2::divide;
use core::arch::naked_asm;

/// Averages of all groups: 8 instructions for four channels of a cell.
///
/// Registers: r0 row, r1 cell, r2 rows left, r3 cells left, r4 word, r5 and r6 strides, r7 cells, r8-r11 sums, r12 columns.
///
/// # Safety
/// The cells exist and are not none; the outputs are this call's own.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn average(cells: &Cells) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "ldm r0, {{r1-r8}}",
        "push {{r1-r8}}",
        "mov r12, r4",
        "2:",
        "ldr r0, [sp]",
        "ldr r2, [sp, #8]",
        "mov r8, #0",
        "mov r9, #0",
        "mov r10, #0",
        "mov r11, #0",
        "3:",
        "mov r1, r0",
        "mov r3, r12",
        "4:",
        "ldr r4, [r1]",
        "add r1, r1, r6",
        "sxtab r8, r8, r4",
        "sxtab r9, r9, r4, ror #8",
        "sxtab r10, r10, r4, ror #16",
        "sxtab r11, r11, r4, ror #24",
        "subs r3, r3, #1",
        "bne 4b",
        "add r0, r0, r5",
        "subs r2, r2, #1",
        "bne 3b",
        "lsr lr, r7, #1",
        "ldr r0, [sp, #4]",
        divide!("r8"),
        divide!("r9"),
        divide!("r10"),
        divide!("r11"),
        "str r0, [sp, #4]",
        "ldr r0, [sp]",
        "add r0, r0, #4",
        "str r0, [sp]",
        "ldr r4, [sp, #28]",
        "subs r4, r4, #1",
        "str r4, [sp, #28]",
        "bne 2b",
        "add sp, sp, #32",
        "pop {{r4-r11, pc}}",
    )
}
