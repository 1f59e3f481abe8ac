//! Patches that do not lie in the image as they are read: copied run by run, padding filled in.

use core::arch::naked_asm;

/// The patch of a pixel: runs of `run` bytes, of which those of some rows are padding.
#[repr(C)]
pub(super) struct Patch {
    /// First run that is in the image, where its first byte would be: what is padding is not read.
    pub source: *const i8,
    /// Bytes from a run of the image to the next.
    pub row: usize,
    /// Bytes of a run.
    pub run: usize,
    /// Bytes of padding above.
    pub above: usize,
    /// Runs that are in the image.
    pub rows: usize,
    /// Bytes of padding below.
    pub below: usize,
    /// Bytes of a run before the image, in it, and behind it: `run` in all.
    pub before: usize,
    pub count: usize,
    pub behind: usize,
    /// What padding reads as.
    pub padding: i32,
}

/// Writes a patch at `to`, and up to 15 bytes behind it.
///
/// Runs of up to 16 bytes take 7 instructions each: lanes of padding are not loaded.
///
/// # Safety
/// The core has Helium; the bytes of the image are there, and room for the patch and 15 bytes more.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn gather(to: *mut i8, patch: &Patch) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        // r1 source, r2 row, r3 run, r4 above, r5 rows, r6 below, r7 before, r8 count, r9 behind, r10 padding.
        "ldm r1, {{r1-r10}}",
        "vdup.8 q1, r10",
        "mov r11, r0",
        "wlstp.8 lr, r4, 3f",
        "2:",
        "vstrb.u8 q1, [r11], #16",
        "letp lr, 2b",
        "3:",
        "add r0, r0, r4",
        "cmp r3, #16",
        "bhi 7f",
        // The lanes of the image.
        "movs r4, #1",
        "lsl r4, r4, r8",
        "subs r4, r4, #1",
        "lsl r4, r4, r7",
        "vmsr p0, r4",
        "wls lr, r5, 6f",
        "5:",
        "vpst",
        "vldrbt.u8 q0, [r1]",
        "vpsel q0, q0, q1",
        "add r1, r1, r2",
        "vstrb.u8 q0, [r0]",
        "add r0, r0, r3",
        "le lr, 5b",
        "6:",
        "b 14f",
        // Longer runs, part by part.
        "7:",
        "cbz r5, 14f",
        "add r1, r1, r7",
        "8:",
        "mov r11, r0",
        "wlstp.8 lr, r7, 10f",
        "9:",
        "vstrb.u8 q1, [r11], #16",
        "letp lr, 9b",
        "10:",
        "add r0, r0, r7",
        "mov r11, r0",
        "mov r10, r1",
        "wlstp.8 lr, r8, 12f",
        "11:",
        "vldrb.u8 q0, [r10], #16",
        "vstrb.u8 q0, [r11], #16",
        "letp lr, 11b",
        "12:",
        "add r0, r0, r8",
        "mov r11, r0",
        "wlstp.8 lr, r9, 13f",
        "15:",
        "vstrb.u8 q1, [r11], #16",
        "letp lr, 15b",
        "13:",
        "add r0, r0, r9",
        "add r1, r1, r2",
        "subs r5, r5, #1",
        "bne 8b",
        "14:",
        "wlstp.8 lr, r6, 17f",
        "16:",
        "vstrb.u8 q1, [r0], #16",
        "letp lr, 16b",
        "17:",
        "pop {{r4-r11, pc}}",
    )
}

/// Writes patches of `bytes` bytes of `pixels` pixels at `to`, and up to 15 bytes behind them; those of the image are `ahead` bytes
/// apart.
///
/// # Safety
/// The core has Helium; `patch` is without padding, its runs have 1 to 16 bytes and are there for all pixels, of which there is at
/// least one; there is room for the patches and 15 bytes more.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn gather_all(to: *mut i8, patch: &Patch, pixels: usize, ahead: usize, bytes: usize) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "mov r11, r2",
        "mov r12, r3",
        // r1 source, r2 row, r3 run, r5 rows, r8 count.
        "ldm r1, {{r1-r8}}",
        "ldr r10, [sp, #36]",
        "movs r4, #1",
        "lsl r4, r4, r8",
        "subs r4, r4, #1",
        "vmsr p0, r4",
        "2:",
        "mov r6, r1",
        "mov r7, r0",
        "dls lr, r5",
        "3:",
        "vpst",
        "vldrbt.u8 q0, [r6]",
        "add r6, r6, r2",
        "vstrb.u8 q0, [r7]",
        "add r7, r7, r3",
        "le lr, 3b",
        "add r1, r1, r12",
        "add r0, r0, r10",
        "subs r11, r11, #1",
        "bne 2b",
        "pop {{r4-r11, pc}}",
    )
}

/// Copies bytes.
///
/// # Safety
/// The core has Helium; both have so many bytes, and where they overlap, `to` is the lower one: bytes are read before what lies
/// over them is written.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn copy(to: *mut i8, source: *const i8, bytes: usize) {
    naked_asm!(
        cpu!(),
        "push {{r7, lr}}",
        "wlstp.8 lr, r2, 3f",
        "2:",
        "vldrb.u8 q0, [r1], #16",
        "vstrb.u8 q0, [r0], #16",
        "letp lr, 2b",
        "3:",
        "pop {{r7, pc}}",
    )
}
