//! Interrupts that wake a sleeping Arm core and are never taken.

use core::arch::asm;
use core::ptr;

/// Enables the interrupts 0 to 31 by bits.
const ISER0: usize = 0xe000_e100;
/// Takes back that they are pending.
const ICPR0: usize = 0xe000_e280;

/// No interrupt is taken from here on; those enabled still end WFI.
pub fn mask_interrupts() {
    // SAFETY: sets PRIMASK.
    unsafe { asm!("cpsid i", options(nomem, nostack, preserves_flags)) };
}

/// Has interrupt `number`, less than 32, end WFI.
pub fn enable_interrupt(number: u16) {
    // SAFETY: a register of the core; the interrupt is not taken, since PRIMASK is set.
    unsafe { ptr::with_exposed_provenance_mut::<u32>(ISER0).write_volatile(1 << number) };
}

/// Interrupt `number`, less than 32, is not pending any more, unless its source still asks for it.
pub fn unpend(number: u16) {
    // SAFETY: a register of the core.
    unsafe { ptr::with_exposed_provenance_mut::<u32>(ICPR0).write_volatile(1 << number) };
    synchronise();
}

/// All accesses to memory and registers before are done before those behind.
pub fn synchronise() {
    // SAFETY: a barrier.
    unsafe { asm!("dsb", "isb", options(nostack, preserves_flags)) };
}

/// Sleeps until an interrupt is pending.
pub fn wait() {
    // SAFETY: the core waits for an interrupt that is enabled.
    unsafe { asm!("dsb", "wfi", options(nostack, preserves_flags)) };
}
