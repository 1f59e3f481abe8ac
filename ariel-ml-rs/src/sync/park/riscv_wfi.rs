//! WFI and the machine software interrupt: for RISC-V harts with a CLINT.

use super::{Park, Spot};
use core::arch::asm;

/// `mstatus.MIE` and `mie.MSIE`.
const MIE: usize = 1 << 3;

/// Sleeps with WFI, wakes through `msip` of a core-local interruptor.
///
/// The software interrupt is enabled in `mie` only here, with `mstatus.MIE` clear: it then ends WFI without a trap, and no
/// handler is needed. One that was raised earlier is remembered twice, in `msip` and in the spot. The application's own
/// interrupts end WFI as well, and are served before the worker goes on.
#[derive(Clone, Copy, Debug)]
pub struct RiscvWfi {
    msip: usize,
}

impl RiscvWfi {
    /// Harts are woken through the words at `msip`, one per hart (0x0200_0000 on QEMU's virt).
    ///
    /// # Safety
    /// There is such a block of registers, one word for every hart that works. Who else raises these interrupts, as executors of
    /// the harts may, takes a wake-up for a hint, and does not rely on one that comes while a worker sleeps.
    #[must_use]
    pub const unsafe fn new(msip: usize) -> Self {
        Self { msip }
    }

    /// Raises or clears the software interrupt of `hart`.
    fn write(&self, hart: u32, value: u32) {
        let address = self.msip + 4 * hart as usize;
        // SAFETY: the register of this hart, as `new` was promised.
        unsafe { core::ptr::with_exposed_provenance_mut::<u32>(address).write_volatile(value) };
    }
}

impl Park for RiscvWfi {
    fn core(&self) -> u32 {
        let hart: u32;
        // SAFETY: reads a constant register.
        unsafe { asm!("csrr {}, mhartid", out(reg) hart, options(nomem, nostack, preserves_flags)) };
        hart
    }

    fn park(&self, spot: &Spot) {
        let (status, enabled): (usize, usize);
        // SAFETY: masks interrupts, lets the software interrupt end WFI, and remembers both as they were.
        unsafe {
            asm!(
                "csrrc {status}, mstatus, {bit}",
                "csrrs {enabled}, mie, {bit}",
                status = out(reg) status, enabled = out(reg) enabled, bit = in(reg) MIE, options(nostack)
            );
        };
        if !spot.is_rung() {
            // SAFETY: sleeps until an interrupt is pending.
            unsafe { asm!("wfi", options(nostack)) };
        }
        self.write(self.core(), 0);
        spot.clear_rung();
        // SAFETY: puts back what was found; the fence keeps the register's write before what follows.
        unsafe {
            asm!(
                "fence iorw, iorw",
                "csrc mie, {disable}",
                "csrs mstatus, {status}",
                disable = in(reg) !enabled & MIE, status = in(reg) status & MIE, options(nostack)
            );
        };
    }

    fn unpark(&self, spot: &Spot) {
        spot.set_rung();
        // SAFETY: a barrier: the spot is written before the interrupt is raised.
        unsafe { asm!("fence iorw, iorw", options(nostack)) };
        self.write(spot.core(), 1);
    }
}
