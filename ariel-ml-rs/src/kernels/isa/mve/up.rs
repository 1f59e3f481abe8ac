//! How sums become int16: as TFLite rounds, where sums and multipliers fit 32 bits.
//!
//! `(sum * rq + 2^(14 - shift)) >> (15 - shift)` is `(sum * m + 2^31) >> 32` for `m = rq << (17 + shift)`: VRMULH.

/// Makes q6 and q7 of the sums of two pixels, four channels each, adds their biases and multiplies them, where the first two operands
/// are, saturates and stores them at r7, which moves on, and as far behind as the stack says; r1 is free. In between it computes the
/// first step of the next sums, whose weights lie at the other operands, as do those of the step behind, which are loaded into q2.
/// Instructions stand in the order in which a Cortex-M55 waits for few.
macro_rules! up_woven {
    ($bias:literal, $mult:literal, $first:literal, $second:literal, $third:literal, $fourth:literal, $next:literal) => {
        concat!(
            "vmov q6[2], q6[0], r0, r4\n",
            "vldrw.u32 q2, ",
            $bias,
            "\n",
            "vmov q6[3], q6[1], r2, r6\n",
            "vldrw.u32 q3, ",
            $mult,
            "\n",
            "vmov q7[2], q7[0], r8, r12
            vadd.i32 q6, q6, q2
            vmov q7[3], q7[1], r10, lr
            vldrb.u8 q0, [r9], #16
            vadd.i32 q7, q7, q2
            vrmulh.s32 q6, q6, q3\n",
            "vldrb.s16 q4, ",
            $third,
            "\n",
            "ldr r1, [sp, #24]
            vrmulh.s32 q7, q7, q3\n",
            "vldrb.s16 q5, ",
            $fourth,
            "\n",
            "vmladav.s16 r4, q0, q4
            vldrb.u8 q1, [r11], #16
            vmladav.s16 r6, q0, q5
            vqmovnb.s32 q6, q6
            vmladav.s16 r12, q1, q4\n",
            "vldrb.s16 q2, ",
            $first,
            "\n",
            "vmladav.s16 lr, q1, q5
            add r1, r1, r7
            vmladav.s16 r0, q0, q2\n",
            "vldrb.s16 q3, ",
            $second,
            "\n",
            "vmladav.s16 r8, q1, q2
            vqmovnb.s32 q7, q7
            vmladav.s16 r2, q0, q3
            vstrh.32 q6, [r7], #8
            vmladav.s16 r10, q1, q3\n",
            "vldrb.s16 q2, ",
            $next,
            "\n",
            "vstrh.32 q7, [r1]\n",
        )
    };
}
pub(super) use up_woven;

/// The same without the next sums, of so many channels as the stack says; constants lie before and behind r5.
macro_rules! up_drained {
    () => {
        "vmov q6[2], q6[0], r0, r4
        vldrw.u32 q2, [r5, #-8]
        vmov q6[3], q6[1], r2, r6
        vldrw.u32 q3, [r5, #8]
        vmov q7[2], q7[0], r8, r12
        vadd.i32 q6, q6, q2
        vmov q7[3], q7[1], r10, lr
        ldr r0, [sp, #48]
        vadd.i32 q7, q7, q2
        vrmulh.s32 q6, q6, q3
        ldr r1, [sp, #24]
        vrmulh.s32 q7, q7, q3
        add r1, r1, r7
        vqmovnb.s32 q6, q6
        vctp.32 r0
        vqmovnb.s32 q7, q7
        vpstt
        vstrht.32 q6, [r7], #8
        vstrht.32 q7, [r1]"
    };
}
pub(super) use up_drained;
