//! 3x3 depthwise sums over lines of planes: the skeleton that the instruction sets share.

/// Lines of some channels, for [`super::loops::Loops::lines1`] and `lines2`: strides are in bytes.
#[repr(C)]
pub(in crate::kernels::isa) struct Lines {
    /// First line of the first plane.
    pub plane: *const i16,
    /// For each channel: for each of three lines of taps a word w0, w1, w1, w2, its multiplier, and its bias and shift, or of
    /// int16 its bias.
    pub stream: *const i32,
    /// First output of the first channel.
    pub output: *mut u8,
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
    /// What all channels have in common when they are requantised.
    pub rounding: i32,
}

/// Words of a channel in the stream.
pub(in crate::kernels::isa) const CHANNEL_WORDS: usize = 5;

/// Copies a channel to r1 on, for blocks: its bias out of `$bias` and a shift, taps in words of pairs, multiplier, rounding, shift.
/// They are in r4, r6 and r8, in r10, r11 and r12.
#[cfg(armv7e_m)]
macro_rules! spread {
    ($bias:literal) => {
        concat!(
            $bias,
            "\nsxtb16 r5, r4, ror #8\nsxtb16 r4, r4\n",
            "sxtb16 r7, r6, ror #8\nsxtb16 r6, r6\n",
            "sxtb16 r9, r8, ror #8\nsxtb16 r8, r8\n",
            "stm r1, {{r2, r4-r12}}",
        )
    };
}
#[cfg(armv7e_m)]
pub(in crate::kernels::isa) use spread;

/// Defines a naked function that computes lines of some channels, of blocks that the instruction set gives; the macro
/// `$requantize` may use r8 and r9. `$store` stores an output, and takes `$bytes` of it. `$copy` makes `$size` bytes of a channel
/// for blocks, out of its taps in r4, r6 and r8, r10 multiplier, r11 rounding and r12: bias, taps, then those three.
///
/// Registers: r0 where a block reads, r1 stream, r2 output, r3 pitch, r4-r7 sums, r8 and r9 taps, r10-r12 data, lr outputs
/// that the line still lacks. All else is on the stack: 0 line, 4 its output, 8 lines left, 12 the fields of [`Lines`],
/// 60 the channel.
macro_rules! lines {
    ($(#[$doc:meta])* $name:ident, $short:ident, $requantize:ident, $store:literal, $bytes:literal, $copy:expr, $size:literal, four: [$($four:expr),+], two: [$($two:expr),+],) => {
        lines!($(#[$doc])* $name, $requantize, $store, $bytes, $copy, $size, 4, [$($four),+], [$($two),+]);
        lines!(
            /// Less code: two outputs at a time.
            $short, $requantize, $store, $bytes, $copy, $size, 0, [""], [$($two),+]);
    };
    ($(#[$doc:meta])* $name:ident, $requantize:ident, $store:literal, $bytes:literal, $copy:expr, $size:literal, $count:literal, [$($four:expr),+], [$($two:expr),+]) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The planes hold what the outputs read, up to an even number of them, on lines aligned to 4; the stream has
        /// `CHANNEL_WORDS` for each channel, and the outputs are this call's own.
        #[unsafe(naked)]
        pub(in crate::kernels::isa) unsafe extern "C" fn $name(lines: &Lines) {
            naked_asm!(
                cpu!(),
                "push {{r4-r11, lr}}",
                "ldm r0, {{r1-r12}}",
                concat!("sub sp, sp, #", $size),
                "push {{r1-r12}}",
                "sub sp, sp, #12",
                "ldr r3, [sp, #28]",
                "add r1, sp, #60",
                // A channel.
                "2:",
                "ldr r0, [sp, #16]",
                "ldr r11, [sp, #56]",
                "ldm r0!, {{r4, r6, r8, r10, r12}}",
                "str r0, [sp, #16]",
                $copy,
                "ldr r4, [sp, #12]",
                "ldr r5, [sp, #20]",
                "ldr r6, [sp, #44]",
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
                $requantize!("r4"),
                $requantize!("r5"),
                $requantize!("r6"),
                $requantize!("r7"),
                "ldr r8, [sp, #36]",
                concat!("sub r1, r1, #", $size),
                concat!($store, " r4, [r2]"),
                concat!($store, " r5, [r2, r8]"),
                "add r2, r2, r8, lsl #1",
                concat!($store, " r6, [r2]"),
                concat!($store, " r7, [r2, r8]"),
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
                $requantize!("r4"),
                $requantize!("r5"),
                "ldr r8, [sp, #36]",
                concat!("sub r1, r1, #", $size),
                concat!($store, " r4, [r2]"),
                "cmp lr, #2",
                "it ge",
                concat!($store, "ge r5, [r2, r8]"),
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
                concat!("add r5, r5, #", $bytes),
                "str r5, [sp, #20]",
                "ldr r6, [sp, #52]",
                "subs r6, r6, #1",
                "str r6, [sp, #52]",
                "bne.w 2b",
                concat!("add sp, sp, #60 + ", $size),
                "pop {{r4-r11, pc}}",
            )
        }
    };
}
pub(in crate::kernels::isa) use lines;
