//! Sums along lines for Armv6-M: those of a block are in r8 to r11, four elements in r3 to r6, their weight in r7.
//!
//! r0 is where elements are read, r1 where weights are, r2 the struct, which lies on the stack too; r12 and lr lead from a tap to
//! the next.

use super::taps::Lines;
use core::arch::naked_asm;

/// Sums for all lines.
///
/// # Safety
/// All elements, weights and sums are there.
pub(super) unsafe fn sum_lines(lines: &mut Lines) {
    // SAFETY: forwarded to the caller.
    unsafe {
        if lines.taps == 3 && lines.rows == 3 {
            sum3x3(lines);
        } else {
            sum_any(lines);
        }
    }
}

/// Multiplies four elements with a weight.
macro_rules! tap {
    () => {
        concat!(
            "ldmia r0!, {{r3, r4, r5, r6}}\n",
            "ldmia r1!, {{r7}}\n",
            "muls r3, r7, r3\n",
            "muls r4, r7, r4\n",
            "muls r5, r7, r5\n",
            "muls r6, r7, r6\n",
            "add r8, r3\n",
            "add r9, r4\n",
            "add r10, r5\n",
            "add r11, r6",
        )
    };
}

/// Goes to the next row.
macro_rules! next_row {
    () => {
        "ldr r3, [r2, #20]\nadds r0, r0, r3"
    };
}

/// Sums of all lines; `$rows` are those of a block.
macro_rules! lines {
    ($($rows:expr),+) => {
        naked_asm!(
            save!(),
            "sub sp, sp, #4",
            "str r0, [sp]",
            "mov r2, r0",
            "ldr r3, [r2, #12]",
            "ldr r4, [r2, #16]",
            "mov r12, r3",
            "mov lr, r4",
            // A line.
            "2:",
            "ldr r0, [r2, #0]",
            "ldr r3, [r2, #24]",
            "str r0, [r2, #52]",
            "str r3, [r2, #48]",
            // A block.
            "3:",
            "ldr r0, [r2, #52]",
            "movs r3, r0",
            "adds r3, r3, #16",
            "str r3, [r2, #52]",
            "ldr r1, [r2, #8]",
            "movs r3, #0",
            "mov r8, r3",
            "mov r9, r3",
            "mov r10, r3",
            "mov r11, r3",
            $($rows,)+
            "mov r3, r8",
            "mov r4, r9",
            "mov r5, r10",
            "mov r6, r11",
            "ldr r7, [r2, #4]",
            "stmia r7!, {{r3, r4, r5, r6}}",
            "str r7, [r2, #4]",
            "ldr r3, [r2, #48]",
            "subs r3, r3, #1",
            "str r3, [r2, #48]",
            "beq 4f",
            "b 3b",
            // The next line.
            "4:",
            "ldr r3, [r2, #44]",
            "adds r7, r7, r3",
            "str r7, [r2, #4]",
            "ldr r0, [r2, #0]",
            "ldr r3, [r2, #40]",
            "adds r0, r0, r3",
            "str r0, [r2, #0]",
            "ldr r3, [r2, #28]",
            "subs r3, r3, #1",
            "str r3, [r2, #28]",
            "beq 5f",
            "b 2b",
            "5:",
            "add sp, sp, #4",
            restore!(),
        )
    };
}

/// Three taps of a row.
macro_rules! row {
    () => {
        concat!(tap!(), "\nadd r0, r12\n", tap!(), "\nadd r0, lr\n", tap!())
    };
}

/// Three rows of three taps: 180 cycles a block, 45 a line.
///
/// # Safety
/// As for [`sum_lines`].
#[unsafe(naked)]
unsafe extern "C" fn sum3x3(lines: &mut Lines) {
    lines!(row!(), next_row!(), row!(), next_row!(), row!())
}

/// Any rows and taps: 20 cycles a tap, 15 a row.
///
/// # Safety
/// As for [`sum_lines`].
#[unsafe(naked)]
unsafe extern "C" fn sum_any(lines: &mut Lines) {
    lines!(
        "ldr r3, [r2, #36]",
        "str r3, [r2, #56]",
        // A row: r2 counts its taps.
        "6:",
        "ldr r2, [r2, #32]",
        "7:",
        tap!(),
        "subs r2, r2, #1",
        "beq 8f",
        "add r0, r12",
        tap!(),
        "subs r2, r2, #1",
        "beq 8f",
        "add r0, lr",
        "b 7b",
        "8:",
        "ldr r2, [sp]",
        "ldr r3, [r2, #56]",
        "subs r3, r3, #1",
        "beq 9f",
        "str r3, [r2, #56]",
        next_row!(),
        "b 6b",
        "9:"
    )
}
