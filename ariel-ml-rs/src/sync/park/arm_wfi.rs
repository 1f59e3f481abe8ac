//! WFI and an interrupt between cores: for Cortex-M cores without a common event line (the MHU of Arm's SSE-200).

use super::{Park, Spot};
use core::arch::asm;

/// Interrupt set-enable, clear-enable and clear-pending registers of the NVIC.
const ISER: usize = 0xe000_e100;
const ICER: usize = 0xe000_e180;
const ICPR: usize = 0xe000_e280;

/// Sleeps with WFI, wakes by an interrupt that the board raises on another core.
///
/// The interrupt is enabled only here, with PRIMASK set: a pending interrupt ends WFI though it is masked, and no handler is
/// needed. One that was raised earlier is remembered twice, as pending and in the spot.
///
/// The application's own interrupts end WFI as well, and are served before the worker goes on.
#[derive(Clone, Copy, Debug)]
pub struct ArmWfi {
    core: fn() -> u32,
    raise: fn(u32),
    clear: fn(),
    /// Below [`INTERRUPTS`]: it makes the address of a register.
    interrupt: u16,
}

/// Interrupts that an NVIC may have: 16 registers of 32 bits, the last of them half used.
const INTERRUPTS: u16 = 496;

impl ArmWfi {
    /// `core` tells the number of the calling core, `raise` raises the interrupt on the core of a number, `clear` takes the
    /// interrupt of the calling core back at its source. `interrupt` is its number in the NVIC, the same on every core.
    ///
    /// # Panics
    /// Where no NVIC has such an interrupt: evaluated in a constant, this is a compile error.
    #[must_use]
    pub const fn new(core: fn() -> u32, raise: fn(u32), clear: fn(), interrupt: u16) -> Self {
        assert!(interrupt < INTERRUPTS, "an NVIC has 496 interrupts at most");
        Self { core, raise, clear, interrupt }
    }

    /// Writes this interrupt's bit to a register of the NVIC.
    fn nvic(&self, register: usize) {
        let address = register + 4 * usize::from(self.interrupt / 32);
        // SAFETY: a register of this core's NVIC (`new`); a zero bit changes nothing of the other interrupts.
        unsafe { core::ptr::with_exposed_provenance_mut::<u32>(address).write_volatile(1 << (self.interrupt % 32)) };
    }
}

impl Park for ArmWfi {
    fn core(&self) -> u32 {
        (self.core)()
    }

    fn park(&self, spot: &Spot) {
        let primask: u32;
        // SAFETY: masks interrupts and remembers whether they were masked before.
        unsafe { asm!("mrs {}, PRIMASK", "cpsid i", out(reg) primask, options(nostack, preserves_flags)) };
        self.nvic(ISER);
        if !spot.is_rung() {
            // SAFETY: completes the writes above, then sleeps until an interrupt is pending.
            unsafe { asm!("dsb", "wfi", "isb", options(nostack, preserves_flags)) };
        }
        self.nvic(ICER);
        (self.clear)();
        self.nvic(ICPR);
        spot.clear_rung();
        if primask & 1 == 0 {
            // SAFETY: interrupts were not masked before.
            unsafe { asm!("dsb", "cpsie i", options(nostack, preserves_flags)) };
        }
    }

    fn unpark(&self, spot: &Spot) {
        spot.set_rung();
        // SAFETY: a barrier: the spot is written before the interrupt is raised.
        unsafe { asm!("dsb", options(nostack, preserves_flags)) };
        (self.raise)(spot.core());
    }
}
