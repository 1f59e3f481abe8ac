//! Depthwise convolution, channel by channel: nine taps and six inputs in registers.

use super::super::plane::Plane;
use core::arch::naked_asm;

/// Adds the products of a column of the window, in three registers, with its weights to t6.
macro_rules! column {
    ($a:literal, $b:literal, $c:literal, $u:literal, $v:literal, $w:literal) => {
        concat!(
            "mul ra, ",
            $a,
            ", ",
            $u,
            "\n",
            "add t6, t6, ra\n",
            "mul ra, ",
            $b,
            ", ",
            $v,
            "\n",
            "add t6, t6, ra\n",
            "mul ra, ",
            $c,
            ", ",
            $w,
            "\n",
            "add t6, t6, ra",
        )
    };
}

/// Reads a column of the window.
macro_rules! load {
    ($a:literal, $b:literal, $c:literal) => {
        concat!(
            "lb ",
            $a,
            ", 0(a0)\n",
            "lb ",
            $b,
            ", 0(a1)\n",
            "lb ",
            $c,
            ", 0(a2)\n",
            "add a0, a0, a3\n",
            "add a1, a1, a3\n",
            "add a2, a2, a3",
        )
    };
}

/// Requantises t6 and stores it.
macro_rules! store {
    () => {
        concat!(
            "mulh t6, t6, a6\n",
            "add t6, t6, a7\n",
            "sra t6, t6, s9\n",
            "bge t6, s10, 12f\n",
            "mv t6, s10\n",
            "12:\n",
            "bge s11, t6, 13f\n",
            "mv t6, s11\n",
            "13:\n",
            "sb t6, 0(a4)\n",
            "add a4, a4, a5",
        )
    };
}

/// An output whose first column is in `$a` to `$c` and whose second is in `$d` to `$f`; the third takes the first one's place.
macro_rules! output {
    ($a:literal, $b:literal, $c:literal, $d:literal, $e:literal, $f:literal) => {
        concat!(
            "lw t6, 36(sp)\n",
            column!($a, $b, $c, "s0", "s3", "s6"),
            "\n",
            load!($a, $b, $c),
            "\n",
            column!($d, $e, $f, "s1", "s4", "s7"),
            "\n",
            column!($a, $b, $c, "s2", "s5", "s8"),
            "\n",
            store!(),
        )
    };
}

/// The last output of a line, whose third column is padding.
macro_rules! last {
    ($a:literal, $b:literal, $c:literal, $d:literal, $e:literal, $f:literal) => {
        concat!(
            "lw t6, 40(sp)\n",
            column!($a, $b, $c, "s0", "s3", "s6"),
            "\n",
            column!($d, $e, $f, "s1", "s4", "s7"),
            "\n",
            store!(),
        )
    };
}

/// `super::super::plane::plane`: an output of a line takes 35 instructions at a stride of 1, and 38 at 2.
///
/// Registers: s0 to s8 four times the weights, s9 shift in its lowest bits, s10 and s11 limits, a0 to a2 inputs, a3 from one to the next, a4
/// output, a5 from one to the next, a6 multiplier, a7 rounding, t0 to t5 inputs, t6 sum, ra products. On the stack: 0 to 12 the
/// channel's inputs and output, 16 to 28 those of the line, 32 the end of its output, 36 the bias, 40 the same with the
/// products of a column of padding behind the image, 44 lines and 48 channels to go, then what does not change.
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn plane(plane: &Plane) {
    naked_asm!(
        // Link-time optimisation assembles this without the target's features.
        ".option push",
        ".option arch, +m",
        "addi sp, sp, -144",
        "sw ra, 88(sp)",
        "sw s0, 92(sp)",
        "sw s1, 96(sp)",
        "sw s2, 100(sp)",
        "sw s3, 104(sp)",
        "sw s4, 108(sp)",
        "sw s5, 112(sp)",
        "sw s6, 116(sp)",
        "sw s7, 120(sp)",
        "sw s8, 124(sp)",
        "sw s9, 128(sp)",
        "sw s10, 132(sp)",
        "sw s11, 136(sp)",
        "lw t0, 0(a0)",
        "lw t1, 4(a0)",
        "lw t2, 8(a0)",
        "lw t3, 12(a0)",
        "sw t0, 0(sp)",
        "sw t1, 4(sp)",
        "sw t2, 8(sp)",
        "sw t3, 12(sp)",
        "lw t0, 16(a0)",
        "lw t1, 20(a0)",
        "lw t2, 24(a0)",
        "lw t3, 28(a0)",
        // weights, constants, channels, lines
        "sw t0, 52(sp)",
        "sw t1, 56(sp)",
        "sw t2, 48(sp)",
        "sw t3, 72(sp)",
        "lw t0, 32(a0)",
        "lw t1, 36(a0)",
        "lw t2, 40(a0)",
        "lw t3, 44(a0)",
        "lw t4, 48(a0)",
        // from a line to the next, bytes of the outputs in front of the last column, flags, zero point
        "sw t0, 60(sp)",
        "sw t1, 64(sp)",
        "sw t2, 68(sp)",
        "sw t3, 76(sp)",
        "sw t4, 80(sp)",
        "lw a3, 52(a0)",
        "lw a5, 56(a0)",
        "lw s10, 60(a0)",
        "lw s11, 64(a0)",
        "lw t0, 72(a0)",
        "lw t1, 76(a0)",
        // what rounds
        "sw t0, 84(sp)",
        "sw t1, 140(sp)",
        // A channel: its weights, ...
        "2:",
        "lw t0, 52(sp)",
        "lb s0, 0(t0)",
        "lb s1, 1(t0)",
        "lb s2, 2(t0)",
        "lb s3, 3(t0)",
        "lb s4, 4(t0)",
        "lb s5, 5(t0)",
        "lb s6, 6(t0)",
        "lb s7, 7(t0)",
        "lb s8, 8(t0)",
        "addi t0, t0, 9",
        "sw t0, 52(sp)",
        "slli s0, s0, 2",
        "slli s1, s1, 2",
        "slli s2, s2, 2",
        "slli s3, s3, 2",
        "slli s4, s4, 2",
        "slli s5, s5, 2",
        "slli s6, s6, 2",
        "slli s7, s7, 2",
        "slli s8, s8, 2",
        // ... constants, ...
        "lw t0, 56(sp)",
        "lw a6, 0(t0)",
        "lw s9, 4(t0)",
        "lw a7, 84(sp)",
        "lw t1, 140(sp)",
        "addi t0, t0, 8",
        "sw t0, 56(sp)",
        "sll a7, a7, s9",
        "srai a7, a7, 1",
        "add a7, a7, t1",
        "srai t1, s9, 8",
        "slli t1, t1, 2",
        // ... and what rows and columns of padding add.
        "lw t0, 76(sp)",
        "lw t2, 80(sp)",
        "andi t3, t0, 1",
        "beqz t3, 3f",
        "add t4, s0, s1",
        "add t4, t4, s2",
        "mul t4, t4, t2",
        "add t1, t1, t4",
        "li s0, 0",
        "li s1, 0",
        "li s2, 0",
        "3:",
        "andi t3, t0, 2",
        "beqz t3, 4f",
        "add t4, s6, s7",
        "add t4, t4, s8",
        "mul t4, t4, t2",
        "add t1, t1, t4",
        "li s6, 0",
        "li s7, 0",
        "li s8, 0",
        "4:",
        "sw t1, 36(sp)",
        "add t4, s2, s5",
        "add t4, t4, s8",
        "mul t4, t4, t2",
        "add t1, t1, t4",
        "sw t1, 40(sp)",
        "lw a0, 0(sp)",
        "lw a1, 4(sp)",
        "lw a2, 8(sp)",
        "lw a4, 12(sp)",
        "addi t0, a0, 1",
        "addi t1, a1, 1",
        "addi t2, a2, 1",
        "addi t3, a4, 1",
        "sw t0, 0(sp)",
        "sw t1, 4(sp)",
        "sw t2, 8(sp)",
        "sw t3, 12(sp)",
        "lw t0, 72(sp)",
        "sw t0, 44(sp)",
        // A line.
        "5:",
        "sw a0, 16(sp)",
        "sw a1, 20(sp)",
        "sw a2, 24(sp)",
        "sw a4, 28(sp)",
        "lw t0, 68(sp)",
        "add t0, t0, a4",
        "sw t0, 32(sp)",
        "lw t3, 76(sp)",
        "andi t4, t3, 4",
        "beqz t4, 6f",
        "lw t0, 80(sp)",
        "mv t1, t0",
        "mv t2, t0",
        "j 7f",
        "6:",
        load!("t0", "t1", "t2"),
        "7:",
        "andi t4, t3, 16",
        "bnez t4, 20f",
        // Stride 1.
        load!("t3", "t4", "t5"),
        "8:",
        "lw ra, 32(sp)",
        "beq a4, ra, 9f",
        output!("t0", "t1", "t2", "t3", "t4", "t5"),
        "lw ra, 32(sp)",
        "beq a4, ra, 10f",
        output!("t3", "t4", "t5", "t0", "t1", "t2"),
        "j 8b",
        "10:",
        "lw ra, 76(sp)",
        "andi ra, ra, 8",
        "beqz ra, 30f",
        last!("t3", "t4", "t5", "t0", "t1", "t2"),
        "j 30f",
        "9:",
        "lw ra, 76(sp)",
        "andi ra, ra, 8",
        "beqz ra, 30f",
        last!("t0", "t1", "t2", "t3", "t4", "t5"),
        "j 30f",
        // Stride 2.
        "20:",
        "lw t4, 32(sp)",
        "lw t5, 36(sp)",
        "beq a4, t4, 22f",
        "21:",
        "mul ra, t0, s0",
        "add t6, t5, ra",
        "mul ra, t1, s3",
        "add t6, t6, ra",
        "mul ra, t2, s6",
        "add t6, t6, ra",
        load!("t0", "t1", "t2"),
        column!("t0", "t1", "t2", "s1", "s4", "s7"),
        load!("t0", "t1", "t2"),
        column!("t0", "t1", "t2", "s2", "s5", "s8"),
        store!(),
        "bne a4, t4, 21b",
        "22:",
        "lw ra, 76(sp)",
        "andi ra, ra, 8",
        "beqz ra, 30f",
        load!("t3", "t4", "t5"),
        last!("t0", "t1", "t2", "t3", "t4", "t5"),
        // The next line, ...
        "30:",
        "lw t5, 44(sp)",
        "addi t5, t5, -1",
        "beqz t5, 31f",
        "sw t5, 44(sp)",
        "lw t0, 60(sp)",
        "lw t1, 64(sp)",
        "lw a0, 16(sp)",
        "lw a1, 20(sp)",
        "lw a2, 24(sp)",
        "lw a4, 28(sp)",
        "add a0, a0, t0",
        "add a1, a1, t0",
        "add a2, a2, t0",
        "add a4, a4, t1",
        "j 5b",
        // ... or channel.
        "31:",
        "lw t5, 48(sp)",
        "addi t5, t5, -1",
        "sw t5, 48(sp)",
        "bnez t5, 2b",
        "lw ra, 88(sp)",
        "lw s0, 92(sp)",
        "lw s1, 96(sp)",
        "lw s2, 100(sp)",
        "lw s3, 104(sp)",
        "lw s4, 108(sp)",
        "lw s5, 112(sp)",
        "lw s6, 116(sp)",
        "lw s7, 120(sp)",
        "lw s8, 124(sp)",
        "lw s9, 128(sp)",
        "lw s10, 132(sp)",
        "lw s11, 136(sp)",
        "addi sp, sp, 144",
        "ret",
        ".option pop",
    )
}
