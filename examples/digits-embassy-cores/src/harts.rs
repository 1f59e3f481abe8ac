//! The harts behind the first: how they are held back at reset, let go, put to sleep and woken.

use core::arch::asm;

use ariel_ml_rs::sync::park::RiscvWfi;

/// The software interrupts of the core-local interruptor: one word per hart.
const MSIP: usize = 0x0200_0000;
/// The bit of the software interrupt in `mie` and `mip`.
const MSIE: usize = 1 << 3;

/// How a worker whose core has nothing else to do sleeps: WFI, until another hart raises its software interrupt.
// SAFETY: QEMU's virt has such a CLINT. `wake` raises the same interrupts, for executors, which look at a flag of their own
// when the hart is up for whatever reason.
pub static PARK: RiscvWfi = unsafe { RiscvWfi::new(MSIP) };

/// Called by riscv-rt on each hart, on its own stack, before memory is initialised: true on the hart that shall do that. The
/// others wait until `release`.
#[unsafe(export_name = "_mp_hook")]
extern "C" fn hold_back(hart: usize) -> bool {
    if hart == 0 {
        return true;
    }
    // SAFETY: with `mstatus.MIE` clear, as from reset on, the interrupt ends WFI and is never taken. No static is used.
    unsafe {
        asm!("csrs mie, {}", in(reg) MSIE);
        loop {
            let pending: usize;
            asm!("wfi", "csrr {}, mip", out(reg) pending);
            if pending & MSIE != 0 {
                break;
            }
        }
        asm!("csrc mie, {}", in(reg) MSIE);
        msip(hart).write_volatile(0);
        // What hart 0 wrote before it let this one go is seen from here on.
        asm!("fence iorw, iorw");
    }
    false
}

/// Lets the harts from 1 to `last` go on to `main`: called once, on hart 0.
pub fn release(last: usize) {
    (1..=last).for_each(wake);
}

/// The number of the hart that runs this.
pub fn current() -> usize {
    let hart;
    // SAFETY: reads a constant register.
    unsafe { asm!("csrr {}, mhartid", out(reg) hart, options(nomem, nostack, preserves_flags)) };
    hart
}

/// Ends the sleep of a hart, or prevents its next.
pub fn wake(hart: usize) {
    // SAFETY: a register of the CLINT, and what was written before comes first.
    unsafe {
        asm!("fence rw, ow");
        msip(hart).write_volatile(1);
    }
}

/// Sleeps until `wake` is, or since the last `sleep` was, called for this hart.
pub fn sleep() {
    // SAFETY: with `mstatus.MIE` clear the interrupt ends WFI and is never taken; it is a register of this hart.
    unsafe {
        asm!("csrs mie, {}", "wfi", in(reg) MSIE);
        msip(current()).write_volatile(0);
        asm!("fence iorw, iorw");
    }
}

/// The software interrupt of a hart.
fn msip(hart: usize) -> *mut u32 {
    core::ptr::with_exposed_provenance_mut(MSIP + 4 * hart)
}
