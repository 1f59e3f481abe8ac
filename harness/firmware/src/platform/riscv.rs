//! 32-bit RISC-V in machine mode: entry, traps, markers, semihosting. Hart 0 works; `clint.rs` has the others.

use core::arch::{asm, naked_asm};

/// Sets the stack and the trap vector, clears `.bss`, copies `.data`, and calls the program.
#[unsafe(naked)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".vectors")]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        "csrr t0, mhartid",
        "bnez t0, 4f",
        "la sp, __stack_top",
        "la t0, __bss_start",
        "la t1, __bss_end",
        "0:",
        "bgeu t0, t1, 1f",
        "sw zero, 0(t0)",
        "addi t0, t0, 4",
        "j 0b",
        "1:",
        "la t0, __data_start",
        "la t1, __data_end",
        "la t2, __data_load",
        "2:",
        "bgeu t0, t1, 3f",
        "lw t3, 0(t2)",
        "sw t3, 0(t0)",
        "addi t0, t0, 4",
        "addi t2, t2, 4",
        "j 2b",
        "3:",
        "call {begin}",
        "4:",
        "j {secondary}",
        begin = sym begin,
        secondary = sym secondary,
    )
}

/// Where the harts behind the first go: on one core there is nothing for them to do.
#[cfg(not(feature = "multicore"))]
#[unsafe(naked)]
unsafe extern "C" fn secondary() -> ! {
    naked_asm!("0:", "wfi", "j 0b")
}

#[cfg(feature = "multicore")]
use super::workers::secondary;

/// Where `mtvec` can point: its two low bits are a mode, and cores may keep more of them 0. A CV32E40X keeps seven.
const TRAP_ALIGN: usize = 128;

/// Every trap is a fault: no interrupt is enabled.
#[unsafe(naked)]
unsafe extern "C" fn trap() -> ! {
    naked_asm!(
        ".balign {align}",
        "csrr a0, mcause",
        "csrr a1, mepc",
        "call {fault}",
        align = const TRAP_ALIGN,
        fault = sym fault,
    )
}

/// Has traps of this hart reported.
pub fn set_trap_vector() {
    // Its first instruction is aligned, and the symbol may lie before the gap in front of it.
    let handler = (trap as *const () as usize).next_multiple_of(TRAP_ALIGN);
    // SAFETY: `trap` is a trap handler.
    unsafe { asm!("csrw mtvec, {}", in(reg) handler, options(nomem, nostack)) };
}

/// The program, behind the entry code.
unsafe extern "C" fn begin() -> ! {
    set_trap_vector();
    // SAFETY: the entry code comes here once.
    unsafe { crate::run() }
}

/// Says what happened, and ends.
extern "C" fn fault(cause: usize, place: usize) -> ! {
    super::semihosting::fault(cause, place)
}

/// Counting starts behind this instruction.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the marker stands in the caller")]
pub fn start() {
    // SAFETY: an instruction without effect. It may not move across memory accesses, the default of `asm!`.
    unsafe { asm!("slti x0, x0, 1", options(nostack, preserves_flags)) };
}

/// Counting stops before this instruction.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the marker stands in the caller")]
pub fn stop() {
    // SAFETY: as in `start`.
    unsafe { asm!("slti x0, x0, 2", options(nostack, preserves_flags)) };
}

/// From here on the core only waits: what it executes is not counted as work.
#[cfg(feature = "multicore")]
pub fn idle() {
    // SAFETY: as in `start`.
    unsafe { asm!("slti x0, x0, 3", options(nostack, preserves_flags)) };
}

/// The core works again.
#[cfg(feature = "multicore")]
pub fn busy() {
    // SAFETY: as in `start`.
    unsafe { asm!("slti x0, x0, 4", options(nostack, preserves_flags)) };
}

/// The stack pointer of the caller.
#[inline(always)]
#[expect(clippy::inline_always, reason = "it is the caller's")]
pub fn stack_pointer() -> usize {
    let pointer;
    // SAFETY: reads a register.
    unsafe { asm!("mv {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer
}

/// A semihosting call: three uncompressed instructions that lie in one page, as the specification asks.
///
/// # Safety
/// `parameter` is what the operation takes.
#[inline(never)]
pub unsafe fn call(operation: usize, parameter: usize) -> usize {
    let result;
    // SAFETY: the emulator answers in a0 and touches what the parameters name, as the caller promises.
    unsafe {
        asm!(
            ".balign 16",
            ".option push",
            ".option norvc",
            "slli x0, x0, 0x1f",
            "ebreak",
            "srai x0, x0, 0x7",
            ".option pop",
            inout("a0") operation => result,
            in("a1") parameter,
            options(nostack),
        );
    }
    result
}
