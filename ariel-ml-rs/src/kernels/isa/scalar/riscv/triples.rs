//! The loop over six pixels and four channels for RISC-V: LLVM cannot keep its sixteen sums in registers.

use super::super::ending::Outputs;
use core::arch::naked_asm;

/// Multiplies the four words of an element, in t0 to t3, with the weight of one channel.
macro_rules! channel {
    ($weight:literal, $a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "lb t4, ",
            $weight,
            "(a1)\n",
            "mul t5, t0, t4\n",
            "mul t6, t1, t4\n",
            "add ",
            $a,
            ", ",
            $a,
            ", t5\n",
            "add ",
            $b,
            ", ",
            $b,
            ", t6\n",
            "mul t5, t2, t4\n",
            "mul t6, t3, t4\n",
            "add ",
            $c,
            ", ",
            $c,
            ", t5\n",
            "add ",
            $d,
            ", ",
            $d,
            ", t6",
        )
    };
}

/// Sums for six pixels and four channels in s0 to s3, s4 to s7, s8 to s11 and a4 to a7.
macro_rules! sums {
    () => {
        concat!(
            "li s0, 0\nli s1, 0\nli s2, 0\nli s3, 0\nli s4, 0\nli s5, 0\nli s6, 0\nli s7, 0\n",
            "li s8, 0\nli s9, 0\nli s10, 0\nli s11, 0\nli a4, 0\nli a5, 0\nli a6, 0\nli a7, 0\n",
            "slli a2, a2, 3\n",
            "add a2, a2, a1\n",
            "beq a1, a2, 3f\n",
            "2:\n",
            element!("0", "4", "8", "12", "0", "1", "2", "3"),
            element!("16", "20", "24", "28", "4", "5", "6", "7"),
            "addi a0, a0, 32\n",
            "addi a1, a1, 8\n",
            "bne a1, a2, 2b\n",
            "3:",
        )
    };
}

/// Saves what the caller wants back (`sw`), or gives it back (`lw`).
macro_rules! saved {
    ($move:literal) => {
        concat!(
            $move,
            " s0, 0(sp)\n",
            $move,
            " s1, 4(sp)\n",
            $move,
            " s2, 8(sp)\n",
            $move,
            " s3, 12(sp)\n",
            $move,
            " s4, 16(sp)\n",
            $move,
            " s5, 20(sp)\n",
            $move,
            " s6, 24(sp)\n",
            $move,
            " s7, 28(sp)\n",
            $move,
            " s8, 32(sp)\n",
            $move,
            " s9, 36(sp)\n",
            $move,
            " s10, 40(sp)\n",
            $move,
            " s11, 44(sp)",
        )
    };
}

/// Multiplies the words of an element with the weights of four channels.
macro_rules! element {
    ($p:literal, $q:literal, $r:literal, $s:literal, $a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "lw t0, ",
            $p,
            "(a0)\n",
            "lw t1, ",
            $q,
            "(a0)\n",
            "lw t2, ",
            $r,
            "(a0)\n",
            "lw t3, ",
            $s,
            "(a0)\n",
            channel!($a, "s0", "s1", "s2", "s3"),
            "\n",
            channel!($b, "s4", "s5", "s6", "s7"),
            "\n",
            channel!($c, "s8", "s9", "s10", "s11"),
            "\n",
            channel!($d, "a4", "a5", "a6", "a7"),
            "\n",
        )
    };
}

/// Takes two words apart (see `super::super::triples::apart`): the sums come in `$a`, `$b` and `$first`.
macro_rules! parts {
    ($first:literal, $second:literal, $a:literal, $b:literal, $data:literal) => {
        concat!(
            "slli ", $a, ", ", $first, ", 11\n", "srai ", $a, ", ", $a, ", 11\n", "sub ", $first, ", ", $first, ", ",
            $a, "\n", "srai ", $data, ", ", $first, ", 11\n", "sub ", $second, ", ", $second, ", ", $data, "\n",
            "slli ", $b, ", ", $second, ", 11\n", "srai ", $b, ", ", $b, ", 11\n", "sub ", $second, ", ", $second,
            ", ", $b, "\n", "srai ", $second, ", ", $second, ", 10\n", "srai ", $first, ", ", $first, ", 21\n", "add ",
            $first, ", ", $first, ", ", $second,
        )
    };
}

/// Stores the three sums of two words.
macro_rules! apart {
    ($first:literal, $second:literal, $a:literal, $b:literal, $c:literal) => {
        concat!(
            parts!($first, $second, "t0", "t1", "t2"),
            "\n",
            "sw t0, ",
            $a,
            "(a3)\n",
            "sw t1, ",
            $b,
            "(a3)\n",
            "sw ",
            $first,
            ", ",
            $c,
            "(a3)",
        )
    };
}

/// Requantises a sum and stores it; `$below` is code that comes after the multiplication, `$next` the one that finds the place
/// of the next pixel.
macro_rules! store {
    ($sum:literal, $sign:expr, $below:expr, $next:literal) => {
        concat!(
            $sign,
            "slli ",
            $sum,
            ", ",
            $sum,
            ", 2\n",
            "mulh ",
            $sum,
            ", ",
            $sum,
            ", t4\n",
            $below,
            "add ",
            $sum,
            ", ",
            $sum,
            ", t5\n",
            "sra ",
            $sum,
            ", ",
            $sum,
            ", s1\n",
            "bge ",
            $sum,
            ", s3, 12f\n",
            "mv ",
            $sum,
            ", s3\n",
            "12:\n",
            "bge t6, ",
            $sum,
            ", 13f\n",
            "mv ",
            $sum,
            ", t6\n",
            "13:\n",
            "sb ",
            $sum,
            ", 0(a1)\n",
            $next,
        )
    };
}

/// Stores a sum that is not negative where the reference treats negative ones otherwise.
macro_rules! plain {
    ($sum:literal, $next:literal) => {
        store!($sum, "", "", $next)
    };
}

/// Stores a sum of either sign: two less is added to the high word where it is negative.
macro_rules! signed {
    ($sum:literal, $next:literal) => {
        store!(
            $sum,
            concat!("srai a2, ", $sum, ", 31\nandi a2, a2, -2\n"),
            concat!("add ", $sum, ", ", $sum, ", a2\n"),
            $next
        )
    };
}

/// `super::super::triples::sum6`: 79 instructions for 48 products, 150 for a call.
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn sum6(words: *const i32, weights: *const i8, steps: usize, sums: *mut i32) {
    naked_asm!(
        // Link-time optimisation assembles this without the target's features.
        ".option push",
        ".option arch, +m",
        "addi sp, sp, -48",
        saved!("sw"),
        sums!(),
        apart!("s0", "s1", "0", "4", "8"),
        apart!("s2", "s3", "12", "16", "20"),
        apart!("s4", "s5", "24", "28", "32"),
        apart!("s6", "s7", "36", "40", "44"),
        apart!("s8", "s9", "48", "52", "56"),
        apart!("s10", "s11", "60", "64", "68"),
        apart!("a4", "a5", "72", "76", "80"),
        apart!("a6", "a7", "84", "88", "92"),
        saved!("lw"),
        "addi sp, sp, 48",
        "ret",
        ".option pop",
    )
}

/// Sums of products of four pixels of int16 with four channels, `sums[channel][pixel]`: 79 instructions for 32 products.
///
/// # Safety
/// There are four words and four weights for each element of `steps` steps of two, and room for the sums.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn sum4(words: *const i32, weights: *const i8, steps: usize, sums: *mut i32) {
    naked_asm!(
        ".option push",
        ".option arch, +m",
        "addi sp, sp, -48",
        saved!("sw"),
        sums!(),
        "sw s0, 0(a3)\nsw s1, 4(a3)\nsw s2, 8(a3)\nsw s3, 12(a3)",
        "sw s4, 16(a3)\nsw s5, 20(a3)\nsw s6, 24(a3)\nsw s7, 28(a3)",
        "sw s8, 32(a3)\nsw s9, 36(a3)\nsw s10, 40(a3)\nsw s11, 44(a3)",
        "sw a4, 48(a3)\nsw a5, 52(a3)\nsw a6, 56(a3)\nsw a7, 60(a3)",
        saved!("lw"),
        "addi sp, sp, 48",
        "ret",
        ".option pop",
    )
}

/// Sums as [`sum6`] and stores up to four channels of four, five or six pixels: 16 instructions an output.
///
/// The sums of a channel are taken to s0 to s3. Then t4, t5 and s1 hold multiplier, rounding and shift, s3 and t6 the limits, a0
/// the constants, a1 the place, a2 from a pixel to the next, a3 `outputs`. On the stack: 52 `outputs`, 56 the channel's first
/// place, 60 the channels to go.
///
/// # Safety
/// As for [`sum6`]; the outputs are the caller's own.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn store6(
    words: *const i32,
    weights: *const i8,
    steps: usize,
    outputs: &Outputs,
) {
    naked_asm!(
        ".option push",
        ".option arch, +m",
        "addi sp, sp, -64",
        saved!("sw"),
        "sw ra, 48(sp)",
        "lw t0, 4(a3)",
        "lw t1, 8(a3)",
        "sw t0, 56(sp)",
        "sw t1, 60(sp)",
        sums!(),
        "lw a0, 0(a3)",
        "jal 5f",
        "mv s0, s4",
        "mv s1, s5",
        "mv s2, s6",
        "mv s3, s7",
        "jal 5f",
        "mv s0, s8",
        "mv s1, s9",
        "mv s2, s10",
        "mv s3, s11",
        "jal 5f",
        "mv s0, a4",
        "mv s1, a5",
        "mv s2, a6",
        "mv s3, a7",
        "jal 5f",
        // Not reached: the last channel ends the function.
        // A channel: the sums of its pixels are t0, t1, s0, t2, t3 and s2.
        "5:",
        parts!("s0", "s1", "t0", "t1", "t6"),
        parts!("s2", "s3", "t2", "t3", "t6"),
        // The shift is in the lowest bits of s1, and no other counts.
        "lw t4, 0(a0)",
        "lw s1, 4(a0)",
        "lw t5, 36(a3)",
        "lw t6, 40(a3)",
        "addi a0, a0, 8",
        "sll t5, t5, s1",
        "srai t5, t5, 1",
        "add t5, t5, t6",
        "srai a2, s1, 8",
        "add t0, t0, a2",
        "add t1, t1, a2",
        "add s0, s0, a2",
        "add t2, t2, a2",
        "add t3, t3, a2",
        "add s2, s2, a2",
        "lw s3, 24(a3)",
        "lw t6, 28(a3)",
        "lw a2, 32(a3)",
        "lw a1, 56(sp)",
        "bnez a2, 6f",
        "lw a2, 12(a3)",
        plain!("t0", "add a1, a1, a2"),
        plain!("t1", "add a1, a1, a2"),
        plain!("s0", "add a1, a1, a2"),
        plain!("t2", "lw a2, 16(a3)\nadd a1, a1, a2"),
        plain!("t3", "lw a2, 20(a3)\nadd a1, a1, a2"),
        plain!("s2", ""),
        "7:",
        "lw a1, 56(sp)",
        "lw a2, 60(sp)",
        "addi a1, a1, 1",
        "addi a2, a2, -1",
        "sw a1, 56(sp)",
        "sw a2, 60(sp)",
        "beqz a2, 8f",
        "ret",
        "6:",
        signed!("t0", "lw a2, 12(a3)\nadd a1, a1, a2"),
        signed!("t1", "lw a2, 12(a3)\nadd a1, a1, a2"),
        signed!("s0", "lw a2, 12(a3)\nadd a1, a1, a2"),
        signed!("t2", "lw a2, 16(a3)\nadd a1, a1, a2"),
        signed!("t3", "lw a2, 20(a3)\nadd a1, a1, a2"),
        signed!("s2", ""),
        "j 7b",
        "8:",
        "lw ra, 48(sp)",
        saved!("lw"),
        "addi sp, sp, 64",
        "ret",
        ".option pop",
    )
}
