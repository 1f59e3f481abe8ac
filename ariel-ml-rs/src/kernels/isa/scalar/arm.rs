//! The loop over six pixels of int8, or four of int16, and four channels for Arm, a channel at a time: its four sums are in r8 to r11, which Cortex-M0
//! adds to and multiplies nothing into.

use core::arch::naked_asm;

/// Multiplies a word with the weight in r7 and adds the product to a sum.
#[cfg(not(thumb2))]
macro_rules! product {
    ($word:literal, $sum:literal) => {
        concat!("muls ", $word, ", r7, ", $word, "\nadd ", $sum, ", ", $word)
    };
}

/// Multiplies a word with the weight in r7 and adds the product to a sum.
#[cfg(thumb2)]
macro_rules! product {
    ($word:literal, $sum:literal) => {
        concat!("mla ", $sum, ", ", $word, ", r7, ", $sum)
    };
}

/// Multiplies the four words of an element with its weight.
macro_rules! element {
    () => {
        concat!(
            "ldmia r0!, {{r3, r4, r5, r6}}\n",
            "ldrsb r7, [r1, r2]\n",
            product!("r3", "r8"),
            "\n",
            product!("r4", "r9"),
            "\n",
            product!("r5", "r10"),
            "\n",
            product!("r6", "r11"),
            "\n",
            "adds r2, r2, #4",
        )
    };
}

/// Stores the three sums of two words at r2 (see `super::triples::apart`).
macro_rules! apart {
    ($first:literal, $second:literal) => {
        concat!(
            "mov r3, ",
            $first,
            "\n",
            "mov r4, ",
            $second,
            "\n",
            "lsls r5, r3, #11\n",
            "asrs r5, r5, #11\n",
            "subs r3, r3, r5\n",
            "asrs r6, r3, #11\n",
            "subs r4, r4, r6\n",
            "lsls r6, r4, #11\n",
            "asrs r6, r6, #11\n",
            "subs r4, r4, r6\n",
            "asrs r4, r4, #10\n",
            "asrs r3, r3, #21\n",
            "adds r7, r3, r4\n",
            "stmia r2!, {{r5, r6, r7}}",
        )
    };
}

/// Stores four sums at r2.
#[cfg(not(thumb2))]
macro_rules! whole {
    () => {
        "mov r3, r8\nmov r4, r9\nmov r5, r10\nmov r6, r11\nstmia r2!, {{r3, r4, r5, r6}}"
    };
}

/// Sums of the words of four channels, `$stored` at r2.
///
/// On the stack: 0 words, 4 bytes of weights, negative, 8 sums, 12 channels to go.
macro_rules! sums {
    ($stored:expr) => {
        naked_asm!(
            save!(),
            "lsls r2, r2, #3",
            "adds r1, r1, r2",
            "rsbs r2, r2, #0",
            "movs r4, #4",
            "sub sp, sp, #16",
            "str r0, [sp, #0]",
            "str r2, [sp, #4]",
            "str r3, [sp, #8]",
            "str r4, [sp, #12]",
            "2:",
            "ldr r0, [sp, #0]",
            "ldr r2, [sp, #4]",
            "movs r3, #0",
            "mov r8, r3",
            "mov r9, r3",
            "mov r10, r3",
            "mov r11, r3",
            "3:",
            element!(),
            element!(),
            "bne 3b",
            "ldr r2, [sp, #8]",
            $stored,
            "str r2, [sp, #8]",
            "adds r1, r1, #1",
            "ldr r3, [sp, #12]",
            "subs r3, r3, #1",
            "str r3, [sp, #12]",
            "bne 2b",
            "add sp, sp, #16",
            restore!(),
        )
    };
}

/// `super::triples::sum6`: 23 instructions for 12 products on Cortex-M0, 15 on those with MLA, and 50 for each channel.
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn sum6(words: *const i32, weights: *const i8, steps: usize, sums: *mut i32) {
    sums!(concat!(apart!("r8", "r9"), "\n", apart!("r10", "r11")))
}

/// Sums of products of four pixels of int16 with four channels, `sums[channel][pixel]`: 23 instructions for 8 products.
///
/// # Safety
/// There are four words and four weights for each element of `steps` steps of two, and room for the sums.
#[cfg(not(thumb2))]
#[unsafe(naked)]
pub(super) unsafe extern "C" fn sum4(words: *const i32, weights: *const i8, steps: usize, sums: *mut i32) {
    sums!(whole!())
}
