//! Steps of which there are nine, such as of 3x3 windows over 16 channels, with what requantises the sums before woven in.
//!
//! Instructions stand in the order in which a Cortex-M55 waits for few.

/// As [`away_woven`], with all nine steps of the next sums: products leave room for what requantises. r5 is where the biases are that
/// q2 holds, and then where those of the next four are; the last operand is where their first weights are, relative to it, and moves
/// it. Behind the third and the sixth step r3 bytes of the patches are left out.
macro_rules! away_nine {
    ($mult:literal, $rounding:literal, $shift:literal, $first:literal) => {
        concat!(
            "vmov q7[2], q7[0], r8, r12
            vldrb.u8 q1, [r11], #16
            vmov q7[3], q7[1], r10, lr
            vldrb.u8 q0, [r9], #16
            vmov q6[3], q6[1], r2, r6
            vmov q6[2], q6[0], r0, r4\n",
            "vldrw.u32 q5, ",
            $mult,
            "\n",
            "vadd.i32 q6, q6, q2
            vqrdmulh.s32 q6, q6, q5
            vadd.i32 q7, q7, q2
            vqrdmulh.s32 q7, q7, q5\n",
            "vldrw.u32 q2, ",
            $first,
            "\n",
            "vmladav.s8 r8, q1, q2
            vldrw.u32 q3, [r5, #16]!
            vmladav.s8 r10, q1, q3
            vldrw.u32 q4, [r5, #16]!
            vmladav.s8 r0, q0, q2
            vldrw.u32 q2, [r5, #16]!
            vmladav.s8 r6, q0, q2
            vshr.s32 q5, q6, #31
            vmladav.s8 lr, q1, q2
            vadd.i32 q6, q6, q5
            vmladav.s8 r4, q0, q4
            vshr.s32 q5, q7, #31
            vmladav.s8 r2, q0, q3
            vldrb.u8 q0, [r9], #16
            vmladav.s8 r12, q1, q4
            vldrb.u8 q1, [r11], #16
            vadd.i32 q7, q7, q5\n",
            "vldrw.u32 q5, ",
            $rounding,
            "\n",
            "vadd.i32 q6, q6, q5
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r0, q0, q3
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r2, q0, q4
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r12, q1, q2
            vadd.i32 q7, q7, q5
            vmladava.s8 r4, q0, q2\n",
            "vldrw.u32 q5, ",
            $shift,
            "\n",
            "vmladava.s8 r10, q1, q4
            vshl.s32 q7, q7, q5
            vmladava.s8 r8, q1, q3
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r6, q0, q3
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 lr, q1, q3
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r8, q1, q4
            add r11, r11, r3
            vldrb.u8 q0, [r9], #16
            vmladava.s8 r0, q0, q4
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r2, q0, q2
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r4, q0, q3
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r6, q0, q4
            add r9, r9, r3
            vldrb.u8 q0, [r9], #16
            vmladava.s8 r10, q1, q2
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r0, q0, q2
            vshl.s32 q6, q6, q5
            vmladava.s8 lr, q1, q4
            vqmovnb.s32 q7, q7
            vmladava.s8 r12, q1, q3
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r8, q1, q2
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r2, q0, q3
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r4, q0, q4
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 lr, q1, q2
            vqmovnb.s32 q6, q6
            vmladava.s8 r6, q0, q2
            vldrb.u8 q0, [r9], #16
            vmladava.s8 r10, q1, q3
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r0, q0, q3
            vqmovnb.s16 q6, q6
            vmladava.s8 r12, q1, q4
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r2, q0, q4
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r4, q0, q2
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r8, q1, q3
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r10, q1, q4
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r6, q0, q3
            vldrb.u8 q0, [r9], #16
            vmladava.s8 lr, q1, q3
            ldr r1, [sp, #24]
            vmladava.s8 r12, q1, q2
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r0, q0, q4
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r2, q0, q2
            vqmovnb.s16 q7, q7
            vmladava.s8 r4, q0, q3
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r8, q1, q4
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 lr, q1, q4
            add r11, r11, r3
            vmladava.s8 r10, q1, q2
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r6, q0, q4
            add r9, r9, r3
            vldrb.u8 q0, [r9], #16
            vmladava.s8 r0, q0, q2
            add r1, r1, r7
            vmladava.s8 r12, q1, q3
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r8, q1, q2
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r10, q1, q3
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r4, q0, q4
            vstrb.32 q7, [r1]
            vmladava.s8 r2, q0, q3
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r6, q0, q2
            vldrb.u8 q0, [r9], #16
            vmladava.s8 r12, q1, q4
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r0, q0, q3
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r2, q0, q4
            vstrb.32 q6, [r7], #4
            vmladava.s8 lr, q1, q2
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r8, q1, q3
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r12, q1, q2
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r6, q0, q3
            vmladava.s8 r4, q0, q2
            vldrb.u8 q0, [r9], #16
            vmladava.s8 r10, q1, q4
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 lr, q1, q3
            vmladava.s8 r0, q0, q4
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r8, q1, q4
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r2, q0, q2
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r12, q1, q3
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r6, q0, q4
            vmladava.s8 lr, q1, q4
            vmladava.s8 r4, q0, q3
            vmladava.s8 r10, q1, q2
            vldrw.u32 q2, [r5, #16]!\n",
        )
    };
    // Where constants are from r5 on.
    () => {
        away_nine!("[r5, #16]", "[r5, #-80]", "[r5, #-112]", "[r5, #64]!")
    };
}
pub(super) use away_nine;

/// The same with scales of float32 and zero points.
macro_rules! even_nine {
    ($mult:literal, $rounding:literal, $shift:literal, $first:literal) => {
        concat!(
            "vmov q6[2], q6[0], r0, r4
            vldrb.u8 q0, [r9], #16
            vmov q6[3], q6[1], r2, r6\n",
            "vldrw.u32 q5, ",
            $mult,
            "\n",
            "vmov q7[2], q7[0], r8, r12
            vldrb.u8 q1, [r11], #16
            vadd.i32 q6, q6, q2
            vcvt.f32.s32 q6, q6
            vmov q7[3], q7[1], r10, lr
            vmul.f32 q6, q6, q5
            vadd.i32 q7, q7, q2\n",
            "vldrw.u32 q2, ",
            $first,
            "\n",
            "vmladav.s8 r0, q0, q2
            vldrw.u32 q3, [r5, #16]!
            vmladav.s8 r8, q1, q2
            vldrw.u32 q4, [r5, #16]!
            vmladav.s8 r2, q0, q3
            vldrw.u32 q2, [r5, #16]!
            vmladav.s8 r10, q1, q3
            vldrw.u32 q3, [r5, #16]!
            vmladav.s8 r12, q1, q4
            vmladav.s8 r4, q0, q4
            vldrw.u32 q4, [r5, #16]!
            vmladav.s8 r6, q0, q2
            vldrb.u8 q0, [r9], #16
            vmladav.s8 lr, q1, q2
            vldrb.u8 q1, [r11], #16
            vcvt.f32.s32 q7, q7
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r0, q0, q3
            vmladava.s8 r8, q1, q3
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r10, q1, q4
            vmladava.s8 r2, q0, q4
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r4, q0, q2
            vmladava.s8 r12, q1, q2
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 lr, q1, q3
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r6, q0, q3
            vldrb.u8 q0, [r9], #16
            vmul.f32 q7, q7, q5
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r0, q0, q4\n",
            "vldrw.u32 q5, ",
            $rounding,
            "\n",
            "vmladava.s8 r2, q0, q2
            add r11, r11, r3
            vmladava.s8 r8, q1, q4
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r10, q1, q2
            add r9, r9, r3
            vmladava.s8 r12, q1, q3
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r4, q0, q3
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r6, q0, q4
            vldrb.u8 q0, [r9], #16
            vmladava.s8 lr, q1, q4
            vldrw.u32 q4, [r5, #16]!
            vcvtn.s32.f32 q6, q6
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r0, q0, q2
            vqadd.s32 q6, q6, q5
            vcvtn.s32.f32 q7, q7
            ldr r1, [sp, #24]
            vmladava.s8 r8, q1, q2
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r10, q1, q3
            vqadd.s32 q7, q7, q5
            vmladava.s8 r2, q0, q3
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r4, q0, q4
            vqmovnb.s32 q6, q6
            vmladava.s8 r12, q1, q4
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r6, q0, q2
            vldrb.u8 q0, [r9], #16
            vmladava.s8 lr, q1, q2
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r0, q0, q3
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r8, q1, q3
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r10, q1, q4
            vqmovnb.s32 q7, q7
            vmladava.s8 r2, q0, q4
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r12, q1, q2
            vqmovnb.s16 q6, q6
            vmladava.s8 r4, q0, q2
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r6, q0, q3
            vldrb.u8 q0, [r9], #16
            vmladava.s8 lr, q1, q3
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r0, q0, q4
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r2, q0, q2
            add r9, r9, r3
            vmladava.s8 r8, q1, q4
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r10, q1, q2
            add r11, r11, r3
            vmladava.s8 r4, q0, q3
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r12, q1, q3
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r6, q0, q4
            vldrb.u8 q0, [r9], #16
            vmladava.s8 lr, q1, q4
            vqmovnb.s16 q7, q7
            vmladava.s8 r0, q0, q2
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r2, q0, q3
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r8, q1, q2
            add r1, r1, r7
            vmladava.s8 r10, q1, q3
            vstrb.32 q6, [r7], #4
            vmladava.s8 r4, q0, q4
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r12, q1, q4
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 lr, q1, q2
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r6, q0, q2
            vldrb.u8 q0, [r9], #16
            vmladava.s8 r0, q0, q3
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r8, q1, q3
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r2, q0, q4
            vstrb.32 q7, [r1]
            vmladava.s8 r4, q0, q2
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r12, q1, q2
            vmladava.s8 r10, q1, q4
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r6, q0, q3
            vldrb.u8 q0, [r9], #16
            vmladava.s8 lr, q1, q3
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r8, q1, q4
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r0, q0, q4
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r2, q0, q2
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r10, q1, q2
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r4, q0, q3
            vmladava.s8 r12, q1, q3
            vmladava.s8 lr, q1, q4
            vmladava.s8 r6, q0, q4\n",
        )
    };
    // Where constants are from r5 on.
    () => {
        even_nine!("[r5, #16]", "[r5, #-192]", "[r5, #48]", "[r5, #64]!")
    };
}
pub(super) use even_nine;

/// As [`away_nine`], of what fits int16 then.
macro_rules! rectified_nine {
    ($mult:literal, $rounding:literal, $shift:literal, $first:literal) => {
        concat!(
            "vmov q7[3], q7[1], r10, lr
            vmov q6[2], q6[0], r0, r4
            vldrb.u8 q0, [r9], #16
            vmov q6[3], q6[1], r2, r6
            vldrb.u8 q1, [r11], #16
            vmov q7[2], q7[0], r8, r12\n",
            "vldrw.u32 q5, ",
            $mult,
            "\n",
            "vadd.i32 q7, q7, q2
            vqrdmulh.s32 q7, q7, q5
            vadd.i32 q6, q6, q2\n",
            "vldrw.u32 q2, ",
            $first,
            "\n",
            "vmladav.s8 r0, q0, q2
            vldrw.u32 q3, [r5, #16]!
            vmladav.s8 r8, q1, q2
            vldrw.u32 q4, [r5, #16]!
            vmladav.s8 r2, q0, q3
            vldrw.u32 q2, [r5, #16]!
            vmladav.s8 r10, q1, q3
            vldrw.u32 q3, [r5, #16]!
            vmladav.s8 r4, q0, q4
            vmladav.s8 r12, q1, q4
            vldrw.u32 q4, [r5, #16]!
            vmladav.s8 r6, q0, q2
            vldrb.u8 q0, [r9], #16
            vmladav.s8 lr, q1, q2
            vldrb.u8 q1, [r11], #16
            vqrdmulh.s32 q6, q6, q5
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r0, q0, q3\n",
            "vldrw.u32 q5, ",
            $rounding,
            "\n",
            "vmladava.s8 r8, q1, q3
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r2, q0, q4
            vadd.i32 q6, q6, q5
            vmladava.s8 r10, q1, q4
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r4, q0, q2
            vadd.i32 q7, q7, q5
            vmladava.s8 r12, q1, q2
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r6, q0, q3
            vldrb.u8 q0, [r9], #16
            vmladava.s8 lr, q1, q3
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r0, q0, q4
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r8, q1, q4
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r2, q0, q2
            add r9, r9, r3
            vmladava.s8 r10, q1, q2
            add r11, r11, r3
            vmladava.s8 r4, q0, q3
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r12, q1, q3
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r6, q0, q4
            vldrb.u8 q0, [r9], #16
            vmladava.s8 lr, q1, q4
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r0, q0, q2
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r8, q1, q2
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r2, q0, q3\n",
            "vldrw.u32 q5, ",
            $shift,
            "\n",
            "vmladava.s8 r10, q1, q3
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r4, q0, q4
            vshl.s32 q6, q6, q5
            vmladava.s8 r12, q1, q4
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 lr, q1, q2
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r6, q0, q2
            vldrb.u8 q0, [r9], #16
            vmladava.s8 r0, q0, q3
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r8, q1, q3
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r2, q0, q4
            vshl.s32 q7, q7, q5
            vmladava.s8 r10, q1, q4
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r4, q0, q2
            ldr r1, [sp, #24]
            vmladava.s8 r12, q1, q2
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r6, q0, q3
            vldrb.u8 q0, [r9], #16
            vmladava.s8 lr, q1, q3
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r0, q0, q4
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r8, q1, q4
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r2, q0, q2
            add r11, r11, r3
            vmladava.s8 r10, q1, q2
            add r9, r9, r3
            vmladava.s8 r12, q1, q3
            vqmovnb.s16 q6, q6
            vmladava.s8 r4, q0, q3
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r6, q0, q4
            vldrb.u8 q0, [r9], #16
            vmladava.s8 lr, q1, q4
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r0, q0, q2
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r8, q1, q2
            vqmovnb.s16 q7, q7
            vmladava.s8 r2, q0, q3
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r10, q1, q3
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r4, q0, q4
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r12, q1, q4
            add r1, r1, r7
            vmladava.s8 r6, q0, q2
            vldrb.u8 q0, [r9], #16
            vmladava.s8 lr, q1, q2
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r0, q0, q3
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r8, q1, q3
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r10, q1, q4
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r2, q0, q4
            vstrb.32 q6, [r7], #4
            vmladava.s8 r4, q0, q2
            vstrb.32 q7, [r1]
            vmladava.s8 r12, q1, q2
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r6, q0, q3
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 lr, q1, q3
            vldrb.u8 q1, [r11], #16
            vmladava.s8 r8, q1, q4
            vldrb.u8 q0, [r9], #16
            vmladava.s8 r0, q0, q4
            vldrw.u32 q3, [r5, #16]!
            vmladava.s8 r10, q1, q2
            vldrw.u32 q4, [r5, #16]!
            vmladava.s8 r2, q0, q2
            vldrw.u32 q2, [r5, #16]!
            vmladava.s8 r4, q0, q3
            vmladava.s8 r12, q1, q3
            vmladava.s8 r6, q0, q4
            vmladava.s8 lr, q1, q4\n",
        )
    };
    // Where constants are from r5 on.
    () => {
        rectified_nine!("[r5, #16]", "[r5, #-128]", "[r5, #-256]", "[r5, #64]!")
    };
}
pub(super) use rectified_nine;
