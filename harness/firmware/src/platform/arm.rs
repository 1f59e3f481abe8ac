//! Arm, M profile (Armv6-M to Armv8-M): vectors, entry, markers, semihosting.

use core::arch::{asm, naked_asm};

#[cfg(all(feature = "multicore", target_has_atomic = "32"))]
#[path = "nvic.rs"]
mod nvic;
#[cfg(all(feature = "multicore", target_has_atomic = "32"))]
pub use nvic::{enable_interrupt, mask_interrupts, synchronise, unpend, wait};

/// The vector table: the stack, the entry, and `exception` for each of the 14 exceptions of the core.
#[repr(C, align(128))]
pub struct Vectors {
    pub stack: *const u8,
    pub entry: unsafe extern "C" fn() -> !,
    pub exceptions: [unsafe extern "C" fn() -> !; 14],
}

// SAFETY: addresses that only the core reads.
unsafe impl Sync for Vectors {}

unsafe extern "C" {
    /// The end of RAM, from `link.x`: only its address means something.
    static __stack_top: u8;
}

/// What the core reads at reset.
#[used]
#[unsafe(link_section = ".vectors")]
static VECTORS: Vectors = Vectors { stack: &raw const __stack_top, entry: _start, exceptions: [exception; 14] };

/// Clears `.bss`, copies `.data`, switches the floating point unit on, and calls the program.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        "ldr r0, =__bss_start",
        "ldr r1, =__bss_end",
        "movs r2, #0",
        "0:",
        "cmp r0, r1",
        "bhs 1f",
        "str r2, [r0]",
        "adds r0, #4",
        "b 0b",
        "1:",
        "ldr r0, =__data_start",
        "ldr r1, =__data_end",
        "ldr r2, =__data_load",
        "2:",
        "cmp r0, r1",
        "bhs 3f",
        "ldr r3, [r2]",
        "str r3, [r0]",
        "adds r0, #4",
        "adds r2, #4",
        "b 2b",
        "3:",
        "bl {enable_unit}",
        "bl {begin}",
        "udf #0",
        enable_unit = sym enable_unit,
        begin = sym begin,
    )
}

/// Full access to coprocessors 10 and 11 in CPACR: targets with hardware floating point use them anywhere. Where MVFR1 says
/// that the core has Helium, also low-overhead loops in CCR.
///
/// On two cores this is called on the second, which has the unit even where the first does not.
#[cfg(any(target_abi = "eabihf", all(feature = "multicore", target_has_atomic = "32")))]
#[unsafe(naked)]
pub unsafe extern "C" fn enable_unit() {
    naked_asm!(
        "ldr r0, =0xe000ed88",
        "ldr r1, [r0]",
        "movs r2, #0xf",
        "lsls r2, r2, #20",
        "orrs r1, r2",
        "str r1, [r0]",
        "ldr r0, =0xe000ef44",
        "ldr r1, [r0]",
        "lsrs r1, r1, #8",
        "movs r2, #0xf",
        "ands r1, r2",
        "beq 0f",
        "ldr r0, =0xe000ed14",
        "ldr r1, [r0]",
        "movs r2, #1",
        "lsls r2, r2, #19",
        "orrs r1, r2",
        "str r1, [r0]",
        "0:",
        "dsb",
        "isb",
        "bx lr",
    )
}

/// Nothing to switch on.
#[cfg(not(any(target_abi = "eabihf", all(feature = "multicore", target_has_atomic = "32"))))]
pub extern "C" fn enable_unit() {}

/// The program, behind the entry code.
unsafe extern "C" fn begin() -> ! {
    // SAFETY: the entry code comes here once.
    unsafe { crate::run() }
}

/// Every exception is a fault: no interrupt is enabled.
#[unsafe(naked)]
pub unsafe extern "C" fn exception() -> ! {
    naked_asm!(
        // The number of the exception, and the program counter that the core stacked.
        "mrs r0, ipsr",
        "ldr r1, [sp, #24]",
        "bl {fault}",
        "udf #0",
        fault = sym fault,
    )
}

/// Says what happened, and ends.
extern "C" fn fault(exception: usize, place: usize) -> ! {
    super::semihosting::fault(exception, place)
}

/// Counting starts behind this marker, which is a block of its own, away from the end of a page: in blocks that end where a page
/// does, QEMU 7.2 sometimes does not report an instruction. The counter leaves both branches out.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the marker stands in the caller")]
pub fn start() {
    // SAFETY: an instruction without effect. It may not move across memory accesses, the default of `asm!`.
    unsafe { asm!("b 2f", ".p2align 3", "2:", "mov r9, r9", "b 3f", "3:", options(nostack, preserves_flags)) };
}

/// Counting stops before this marker, a block as in `start`.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the marker stands in the caller")]
pub fn stop() {
    // SAFETY: as in `start`.
    unsafe { asm!("b 2f", ".p2align 3", "2:", "mov r10, r10", "b 3f", "3:", options(nostack, preserves_flags)) };
}

/// From here on the core only waits: what it executes is not counted as work.
#[cfg(feature = "multicore")]
pub fn idle() {
    // SAFETY: as in `start`.
    unsafe { asm!("mov r11, r11", options(nostack, preserves_flags)) };
}

/// The core works again.
#[cfg(feature = "multicore")]
pub fn busy() {
    // SAFETY: as in `start`.
    unsafe { asm!("mov r12, r12", options(nostack, preserves_flags)) };
}

/// The stack pointer of the caller.
#[inline(always)]
#[expect(clippy::inline_always, reason = "it is the caller's")]
pub fn stack_pointer() -> usize {
    let pointer;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer
}

/// A semihosting call.
///
/// # Safety
/// `parameter` is what the operation takes.
pub unsafe fn call(operation: usize, parameter: usize) -> usize {
    let result;
    // SAFETY: the emulator answers in r0 and touches what the parameters name, as the caller promises.
    unsafe { asm!("bkpt #0xab", inout("r0") operation => result, in("r1") parameter, options(nostack)) };
    result
}
