//! What RTIC needs of a chip's peripheral access crate, where the emulated board has none: one interrupt for its tasks.

use cortex_m::interrupt::InterruptNumber;
use cortex_m_rt as _; // the vectors of the core, and what comes before `main`

/// Bits of a priority that the core has.
pub const NVIC_PRIO_BITS: u8 = {{priority_bits}};

/// The interrupts that are used, by their numbers.
#[derive(Clone, Copy, Debug)]
#[repr(u16)]
pub enum Interrupt {
    /// Pended by software only: RTIC dispatches its tasks by it.
    DISPATCHER = 0,
}
pub use Interrupt as interrupt;

// SAFETY: the number is that of the interrupt, and there are 32.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

unsafe extern "C" {
    fn DISPATCHER();
}

/// The handlers, of which RTIC defines those that tasks are bound to and `device.x` the others.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
pub static __INTERRUPTS: [Option<unsafe extern "C" fn()>; 32] = {
    let mut handlers = [None; 32];
    handlers[Interrupt::DISPATCHER as usize] = Some(DISPATCHER as unsafe extern "C" fn());
    handlers
};
