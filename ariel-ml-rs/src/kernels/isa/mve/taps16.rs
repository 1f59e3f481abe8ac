//! Depthwise sums of int16: eight channels of two pixels at a time, tap after tap, read in the image.
//!
//! VMULLB and VMULLT give the products of the channels with even and with odd numbers, in 32 bits; so do sums, biases and multipliers
//! lie. VQMOVNB and VQMOVNT put them together again.

use core::arch::naked_asm;

/// Pixels of a row whose windows have the same taps inside the image, and their channels.
#[repr(C)]
pub(super) struct Taps {
    /// The first channel of the first pixel's first tap that is inside.
    pub source: *const i16,
    /// Bytes from a pixel's window to the next.
    pub ahead: usize,
    /// The weights of that tap: eight int8 for each tap, those of a row of taps one behind the other.
    pub weights: *const i8,
    /// Bytes from a tap to the next, and from the end of a row of taps to the next row: in the image.
    pub tap: usize,
    pub row: usize,
    /// Bytes of weights between rows of taps.
    pub skip: usize,
    /// Rows of taps that are inside, and taps of each: there may be no row.
    pub rows: usize,
    pub columns: usize,
    /// The first channel of the first pixel's output.
    pub output: *mut i16,
    /// Pixels, at least 1.
    pub pixels: usize,
    /// Biases, and multipliers, of eight channels: those with even numbers, and those with odd ones.
    pub constants: *const i32,
    /// Bytes from an output pixel to the next.
    pub stride: usize,
    /// Channels, for those who compute less than eight.
    pub channels: usize,
}

/// Defines a function that computes eight channels of pixels, or with what it begins with and stands before loads and stores, less.
///
/// A tap takes 14 instructions for 16 products, or 15.
///
/// Registers: r1 and r2 inputs of both pixels, r3 weights, r4 bytes from a tap to the next, r5 from a row to the next, r6 of weights
/// between rows, r7 rows, r8 taps of a row, r9 rows that are left, r10 output, r11 pixels that are left, r12 constants. q0 and q1 sums
/// of the first pixel, q2 and q3 of the second.
macro_rules! taps {
    ($(#[$doc:meta])* $name:ident, $begin:literal, $two:literal, $one:literal, $load:literal, $store:literal) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The core has Helium; what `taps` says is there, and the outputs are this call's own.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(taps: &mut Taps) {
            naked_asm!(
                cpu!(),
                "push {{r4-r11, lr}}",
                "vpush {{d8-d15}}",
                "add r12, r0, #12",
                "ldm r12, {{r4-r8, r10-r12}}",
                $begin,
                "2:",
                "ldm r0, {{r1-r3}}",
                "vldrw.u32 q0, [r12]",
                "add r9, r1, r2, lsl #1",
                "vldrw.u32 q1, [r12, #16]",
                "str r9, [r0]",
                // A pixel that is left is computed twice.
                "cmp r11, #1",
                "ite eq",
                "moveq r2, r1",
                "addne r2, r1, r2",
                "vldrw.u32 q2, [r12]",
                "movs r9, r7",
                "vldrw.u32 q3, [r12, #16]",
                "beq 5f",
                "3:",
                "dls lr, r8",
                "4:",
                "vldrb.s16 q4, [r3], #8",
                $two,
                concat!($load, " q5, [r1]"),
                concat!($load, " q6, [r2]"),
                "vmullb.s16 q7, q5, q4",
                "add r1, r1, r4",
                "vmullt.s16 q5, q5, q4",
                "vadd.i32 q0, q0, q7",
                "vmullb.s16 q7, q6, q4",
                "vadd.i32 q1, q1, q5",
                "vmullt.s16 q6, q6, q4",
                "vadd.i32 q2, q2, q7",
                "add r2, r2, r4",
                "vadd.i32 q3, q3, q6",
                "le lr, 4b",
                "add r1, r1, r5",
                "subs r9, r9, #1",
                "add r2, r2, r5",
                "add r3, r3, r6",
                "bne 3b",
                "5:",
                "vldrw.u32 q4, [r12, #32]",
                "vrmulh.s32 q0, q0, q4",
                "vldrw.u32 q5, [r12, #48]",
                "vrmulh.s32 q2, q2, q4",
                "vqmovnb.s32 q0, q0",
                "vrmulh.s32 q1, q1, q5",
                "vqmovnb.s32 q2, q2",
                "vrmulh.s32 q3, q3, q5",
                "vqmovnt.s32 q0, q1",
                "ldr r9, [r0, #44]",
                "vqmovnt.s32 q2, q3",
                $one,
                concat!($store, " q0, [r10]"),
                "add r10, r10, r9",
                "subs r11, r11, #2",
                "blt 6f",
                $one,
                concat!($store, " q2, [r10]"),
                "add r10, r10, r9",
                "bne 2b",
                "6:",
                "vpop {{d8-d15}}",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

taps! {
    /// Computes eight channels of pixels.
    eight, "", "", "", "vldrh.u16", "vstrh.16"
}
taps! {
    /// Computes less than eight channels of pixels.
    some, "ldr r9, [r0, #48]\nvctp.16 r9", "vpstt", "vpst", "vldrht.u16", "vstrht.16"
}
