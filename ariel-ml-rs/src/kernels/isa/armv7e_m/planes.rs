//! Four channels of an image as planes of int16, and 3x3 depthwise sums over them.
//!
//! Pixels along a line lie one behind the other in a plane, with padding as pixels of its own: no line has edges.

use core::arch::naked_asm;

/// Channels that are transposed together.
pub(super) const PLANES: usize = 4;

/// Writes `count` pixels of four channels, `stride` bytes apart, to four planes that are `plane` bytes apart; with an odd
/// count the one behind the last as well, which gets `padding` (four times the zero point).
///
/// 17 instructions for two pixels of four channels: PKHBT and PKHTB exchange the halfwords that SXTB16 gave. Stores may be
/// misaligned.
///
/// # Safety
/// Each pixel has four bytes, and there is room in the planes for the pixels, rounded up to even.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn transpose(
    source: *const i8,
    stride: usize,
    to: *mut i16,
    plane: usize,
    count: usize,
    padding: u32,
) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "ldrd r11, r12, [sp, #36]",
        "add r4, r2, r3, lsl #1",
        "add r5, r4, r3",
        "add r3, r2, r3",
        "subs r11, r11, #2",
        "blt 4f",
        "2:",
        "ldr r6, [r0]",
        "ldr r7, [r0, r1]",
        "add r0, r0, r1, lsl #1",
        "3:",
        "sxtb16 r8, r6",
        "sxtb16 r9, r7",
        "pkhbt r10, r8, r9, lsl #16",
        "str r10, [r2], #4",
        "pkhtb r10, r9, r8, asr #16",
        "str r10, [r4], #4",
        "sxtb16 r8, r6, ror #8",
        "sxtb16 r9, r7, ror #8",
        "pkhbt r10, r8, r9, lsl #16",
        "str r10, [r3], #4",
        "pkhtb r10, r9, r8, asr #16",
        "str r10, [r5], #4",
        "subs r11, r11, #2",
        "bge 2b",
        "4:",
        "adds r11, r11, #2",
        "beq 5f",
        "ldr r6, [r0]",
        "mov r7, r12",
        "mov r11, #0",
        "b 3b",
        "5:",
        "pop {{r4-r11, pc}}",
    )
}

/// Lines of some channels, for [`lines1`] and [`lines2`]: strides are in bytes.
#[repr(C)]
pub(super) struct Lines {
    /// First line of the first plane.
    pub plane: *const i16,
    /// For each channel: bias, for each of three lines of taps the words (w0, w1) and (w1, w2), and its requantisation.
    pub stream: *const i32,
    /// First output of the first channel.
    pub output: *mut i8,
    /// Outputs of a line, at least 1.
    pub length: usize,
    /// From a line of a plane to the next.
    pub pitch: usize,
    /// From the lines that an output line reads to those of the next.
    pub step: usize,
    /// From an output to the next of its line.
    pub stride: usize,
    /// From an output line to the next.
    pub output_line: usize,
    /// Lines, at least 1.
    pub count: usize,
    /// From a plane to the next.
    pub plane_bytes: usize,
    /// Channels, at least 1.
    pub channels: usize,
}

/// Taps of a channel, its bias and its requantisation, in the stream.
pub(super) const CHANNEL_WORDS: usize = 10;

/// Defines a naked function that computes lines of some channels.
///
/// Registers: r0 where a block reads, r1 stream, r2 output, r3 pitch, r4-r7 sums, r8 and r9 taps, r10-r12 data, lr outputs
/// that the line still lacks. All else is on the stack: 0 line, 4 its output, 8 lines left, 12 the fields of [`Lines`].
macro_rules! lines {
    ($(#[$doc:meta])* $name:ident, $short:ident, four: [$($four:expr),+], two: [$($two:expr),+],) => {
        lines!($(#[$doc])* $name, 4, [$($four),+], [$($two),+]);
        lines!(
            /// Less code: two outputs at a time.
            $short, 0, [""], [$($two),+]);
    };
    ($(#[$doc:meta])* $name:ident, $count:literal, [$($four:expr),+], [$($two:expr),+]) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The planes hold what the outputs read, up to an even number of them, on lines aligned to 4; the stream has
        /// [`CHANNEL_WORDS`] for each channel, and the outputs are this call's own.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(lines: &Lines) {
            naked_asm!(
                "push {{r4-r11, lr}}",
                "ldm r0, {{r1-r11}}",
                "push {{r1-r11}}",
                "sub sp, sp, #12",
                "ldr r3, [sp, #28]",
                // A channel.
                "2:",
                "ldr r4, [sp, #12]",
                "ldr r5, [sp, #20]",
                "ldr r6, [sp, #44]",
                "ldr r1, [sp, #16]",
                "strd r4, r5, [sp]",
                "str r6, [sp, #8]",
                // A line of it.
                "3:",
                "ldrd r0, r2, [sp]",
                "ldr lr, [sp, #24]",
                concat!(".if ", $count),
                "subs lr, lr, #4",
                "blt.w 5f",
                "4:",
                $($four,)+
                "ldm r1!, {{r10, r11, r12}}",
                requantize!("r4"),
                requantize!("r5"),
                requantize!("r6"),
                requantize!("r7"),
                "ldr r8, [sp, #36]",
                "sub r1, r1, #40",
                "strb r4, [r2]",
                "strb r5, [r2, r8]",
                "add r2, r2, r8, lsl #1",
                "strb r6, [r2]",
                "strb r7, [r2, r8]",
                "add r2, r2, r8, lsl #1",
                "subs lr, lr, #4",
                "bge.w 4b",
                "5:",
                "adds lr, lr, #4",
                "beq.w 7f",
                ".endif",
                // One or two are left, or three.
                "6:",
                $($two,)+
                "ldm r1!, {{r10, r11, r12}}",
                requantize!("r4"),
                requantize!("r5"),
                "ldr r8, [sp, #36]",
                "sub r1, r1, #40",
                "strb r4, [r2]",
                "cmp lr, #2",
                "it ge",
                "strbge r5, [r2, r8]",
                "add r2, r2, r8, lsl #1",
                "subs lr, lr, #2",
                "bgt.w 6b",
                "7:",
                "ldrd r4, r5, [sp]",
                "ldr r6, [sp, #32]",
                "ldr r7, [sp, #40]",
                "add r4, r4, r6",
                "add r5, r5, r7",
                "strd r4, r5, [sp]",
                "ldr r6, [sp, #8]",
                "subs r6, r6, #1",
                "str r6, [sp, #8]",
                "bne.w 3b",
                "ldr r4, [sp, #12]",
                "ldr r5, [sp, #48]",
                "add r4, r4, r5",
                "str r4, [sp, #12]",
                "ldr r5, [sp, #20]",
                "add r5, r5, #1",
                "str r5, [sp, #20]",
                "add r1, r1, #40",
                "str r1, [sp, #16]",
                "ldr r6, [sp, #52]",
                "subs r6, r6, #1",
                "str r6, [sp, #52]",
                "bne.w 2b",
                "add sp, sp, #56",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

/// Two outputs, one pixel apart, of a line of taps out of the words r10 and r11; sums begin as given.
macro_rules! near2 {
    ($a:literal, $b:literal) => {
        concat!(
            "smlad r4, r10, r8, ",
            $a,
            "\n",
            "smlatb r5, r10, r8, ",
            $b,
            "\n",
            "smlabt r4, r11, r9, r4\n",
            "smlad r5, r11, r9, r5",
        )
    };
}

/// Four outputs, one pixel apart, out of the words r10 to r12.
macro_rules! near4 {
    ($a:literal, $b:literal, $c:literal) => {
        concat!(
            near2!($a, $b),
            "\n",
            "smlad r6, r11, r8, ",
            $c,
            "\n",
            "smlatb r7, r11, r8, r7\n",
            "smlabt r6, r12, r9, r6\n",
            "smlad r7, r12, r9, r7",
        )
    };
}

lines! {
    /// Stride 1: 64 instructions for four outputs of 9 MACs each: 32 for the sums, 20 to requantise them, 6 to store them.
    lines1, lines1_short,
    four: [
        "ldm r1!, {{r7, r8, r9}}",
        "ldm r0, {{r10, r11, r12}}",
        near4!("r7", "r7", "r7"),
        "ldm r1!, {{r8, r9}}",
        "add r10, r0, r3",
        "ldm r10, {{r10, r11, r12}}",
        near4!("r4", "r5", "r6"),
        "ldm r1!, {{r8, r9}}",
        "add r10, r0, r3, lsl #1",
        "ldm r10, {{r10, r11, r12}}",
        near4!("r4", "r5", "r6"),
        "add r0, r0, #8"
    ],
    two: [
        "ldm r1!, {{r7, r8, r9}}",
        "ldrd r10, r11, [r0]",
        near2!("r7", "r7"),
        "ldm r1!, {{r8, r9}}",
        "add r12, r0, r3",
        "ldrd r10, r11, [r12]",
        near2!("r4", "r5"),
        "ldm r1!, {{r8, r9}}",
        "add r12, r0, r3, lsl #1",
        "ldrd r10, r11, [r12]",
        near2!("r4", "r5"),
        "add r0, r0, #4"
    ],
}

/// Two outputs, two pixels apart, of a line of taps at r0; the third word stays in r12.
macro_rules! far2 {
    ($a:literal, $b:literal) => {
        concat!(
            "ldm r0, {{r10, r11, r12}}\n",
            "smlad r4, r10, r8, ",
            $a,
            "\n",
            "smlad r5, r11, r8, ",
            $b,
            "\n",
            "smlabt r4, r11, r9, r4\n",
            "smlabt r5, r12, r9, r5",
        )
    };
}

/// Four outputs, two pixels apart.
macro_rules! far4 {
    ($a:literal, $b:literal, $c:literal) => {
        concat!(
            far2!($a, $b),
            "\n",
            "ldr r10, [r0, #12]\n",
            "ldr r11, [r0, #16]\n",
            "smlad r6, r12, r8, ",
            $c,
            "\n",
            "smlad r7, r10, r8, r7\n",
            "smlabt r6, r10, r9, r6\n",
            "smlabt r7, r11, r9, r7",
        )
    };
}

lines! {
    /// Stride 2: 72 instructions for four outputs of 9 MACs each.
    lines2, lines2_short,
    four: [
        "ldm r1!, {{r7, r8, r9}}",
        far4!("r7", "r7", "r7"),
        "add r0, r0, r3",
        "ldm r1!, {{r8, r9}}",
        far4!("r4", "r5", "r6"),
        "add r0, r0, r3",
        "ldm r1!, {{r8, r9}}",
        far4!("r4", "r5", "r6"),
        "sub r0, r0, r3, lsl #1",
        "add r0, r0, #16"
    ],
    two: [
        "ldm r1!, {{r7, r8, r9}}",
        far2!("r7", "r7"),
        "add r0, r0, r3",
        "ldm r1!, {{r8, r9}}",
        far2!("r4", "r5"),
        "add r0, r0, r3",
        "ldm r1!, {{r8, r9}}",
        far2!("r4", "r5"),
        "sub r0, r0, r3, lsl #1",
        "add r0, r0, #8"
    ],
}
