//! WFE and SEV: for Cortex-M cores that hear each other's events (RP2040, RP2350).

use super::{Park, Spot};
use core::arch::asm;

/// Sleeps with WFE, wakes with SEV.
///
/// A core's event register remembers an event until the next WFE, which then does not sleep. SEV sets it on every core, so that
/// an event between the sleeper's last look for work and its WFE is not lost. Interrupts set it too: early returns are part of
/// the contract. QEMU's WFE does not sleep: correct there, but no saving.
#[derive(Clone, Copy, Debug)]
pub struct ArmWfe;

impl Park for ArmWfe {
    fn park(&self, _spot: &Spot) {
        // SAFETY: a hint; no memory of ours is concerned. Not `nomem`: the compiler keeps accesses on their side of it.
        unsafe { asm!("wfe", options(nostack, preserves_flags)) };
    }

    fn unpark(&self, _spot: &Spot) {
        // SAFETY: a barrier, so that what was written is seen before the event, and a hint.
        unsafe { asm!("dsb", "sev", options(nostack, preserves_flags)) };
    }
}
