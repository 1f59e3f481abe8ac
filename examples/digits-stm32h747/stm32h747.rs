//! What both images know of the STM32H747: the lock between the cores, and how one starts the other. Registers: RM0399.

use ariel_ml_rs::sync::park::Spin;

/// Reset and clock control, and in it: the register that boots cores, and the clocks of AHB4.
const RCC: usize = 0x5802_4400;
const RCC_GCR: usize = RCC + 0xa0;
const RCC_AHB4ENR: usize = RCC + 0xe0;
/// RCC_GCR: the M4 boots, whatever the option byte BCM4 says.
const BOOT_C2: u32 = 1 << 3;
/// RCC_AHB4ENR: the clock of the semaphores.
const HSEMEN: u32 = 1 << 25;

/// The hardware semaphores: for each a register to unlock it, and 0x80 behind it one that locks it when it is read.
const HSEM: usize = 0x5802_6400;
const READ_LOCK: usize = 0x80;
const LOCKED: u32 = 1 << 31;
/// The semaphore of the pool. Vendors' start-up code takes 0.
const SEMAPHORE: usize = HSEM + 4 * 31;

/// The cores as the semaphores know them: the M7 and the M4.
#[allow(dead_code, reason = "each image is one of them")]
pub const CM7: u32 = 3;
#[allow(dead_code, reason = "each image is one of them")]
pub const CM4: u32 = 1;

/// How a worker without work waits. It looks again and again: a program that wants to sleep has the other core's SEV wake it (EXTI).
pub static PARK: Spin = Spin;

/// Lets the semaphores run, and opens that of the pool if this core was reset with it.
pub fn open<const CORE: u32>() {
    write(RCC_AHB4ENR, read(RCC_AHB4ENR) | HSEMEN);
    // The clock runs two cycles later (RM0399, "Peripheral clock enable").
    let _ = read(RCC_AHB4ENR);
    // Of another core's lock nothing is taken: the semaphore compares the core.
    write(SEMAPHORE, CORE << 8);
}

/// Starts the M4, which boots from bank 2, unless the option byte BCM4 has started it.
#[allow(dead_code, reason = "for the image of the M7")]
pub fn start(_worker: usize) {
    write(RCC_GCR, read(RCC_GCR) | BOOT_C2);
}

/// The critical section of both cores: a hardware semaphore, with interrupts masked on this core.
///
/// Between the domains of the two cores no exclusive monitor is promised, so that LDREX and STREX are not enough.
pub struct Lock<const CORE: u32>;

// SAFETY: interrupts of this core are masked before the semaphore is locked, and the other core's lock fails until it is unlocked: what
// is inside runs alone. Nested sections are told by the register, which says that this core has it.
unsafe impl<const CORE: u32> critical_section::Impl for Lock<CORE> {
    unsafe fn acquire() -> u8 {
        let primask: u32;
        // SAFETY: masks interrupts and remembers whether they were masked before.
        unsafe { core::arch::asm!("mrs {}, PRIMASK", "cpsid i", out(reg) primask, options(nostack, preserves_flags)) };
        let ours = LOCKED | CORE << 8;
        let nested = read(SEMAPHORE) == ours;
        while read(SEMAPHORE + READ_LOCK) != ours {}
        // SAFETY: a barrier: what the other core wrote before it unlocked is seen.
        unsafe { core::arch::asm!("dmb", options(nostack, preserves_flags)) };
        (primask & 1) as u8 | u8::from(nested) << 1
    }

    unsafe fn release(before: u8) {
        if before & 2 == 0 {
            // SAFETY: a barrier: what was written here is seen by who locks it next.
            unsafe { core::arch::asm!("dmb", options(nostack, preserves_flags)) };
            write(SEMAPHORE, CORE << 8);
        }
        if before & 1 == 0 {
            // SAFETY: interrupts were not masked before.
            unsafe { core::arch::asm!("cpsie i", options(nostack, preserves_flags)) };
        }
    }
}

fn read(register: usize) -> u32 {
    // SAFETY: a register of the chip that may be read at any time.
    unsafe { core::ptr::with_exposed_provenance::<u32>(register).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: a register of the chip; what it does is said above.
    unsafe { core::ptr::with_exposed_provenance_mut::<u32>(register).write_volatile(value) };
}
