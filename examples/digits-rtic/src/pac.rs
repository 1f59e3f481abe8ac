//! What RTIC needs of the MPS2 board's peripheral access crate, which does not exist: interrupts, and the one timer in use.

use cortex_m::interrupt::InterruptNumber;
use cortex_m_rt as _; // the vectors of the core, and what comes before `main`

/// Bits of a priority that the core has.
pub const NVIC_PRIO_BITS: u8 = 3;

/// The interrupts that are used, by their numbers.
#[derive(Clone, Copy, Debug)]
#[repr(u16)]
pub enum Interrupt {
    UARTRX0 = 0,
    UARTTX0 = 1,
    TIMER0 = 8,
}
pub use Interrupt as interrupt;

// SAFETY: each number is that of the interrupt, and there are 32.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

unsafe extern "C" {
    fn UARTRX0();
    fn UARTTX0();
    fn TIMER0();
}

/// The handlers, of which RTIC defines those that tasks are bound to and `device.x` the others.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
pub static __INTERRUPTS: [Option<unsafe extern "C" fn()>; 32] = {
    let mut handlers = [None; 32];
    handlers[Interrupt::UARTRX0 as usize] = Some(UARTRX0 as unsafe extern "C" fn());
    handlers[Interrupt::UARTTX0 as usize] = Some(UARTTX0 as unsafe extern "C" fn());
    handlers[Interrupt::TIMER0 as usize] = Some(TIMER0 as unsafe extern "C" fn());
    handlers
};

/// Arm's CMSDK timer: counts down from its reload value to 0, interrupts, and begins again.
#[derive(Debug)]
pub struct Timer0(());

/// Its registers, one word each.
const TIMER0_BASE: usize = 0x4000_0000;
const CTRL: usize = 0;
const VALUE: usize = 1;
const RELOAD: usize = 2;
const INTCLEAR: usize = 3;

impl Timer0 {
    /// Has the timer interrupt every `period` clocks; the only way to a `Timer0`, to be called once.
    pub fn start(period: u32) -> Self {
        Self::write(RELOAD, period - 1);
        Self::write(VALUE, period - 1);
        // Enabled, with its interrupt.
        Self::write(CTRL, 0b1001);
        Self(())
    }

    /// Clocks since the interrupt came, which is taken back.
    pub fn acknowledge(&mut self) -> u32 {
        let since = Self::read(RELOAD) - Self::read(VALUE);
        Self::write(INTCLEAR, 1);
        since
    }

    fn read(register: usize) -> u32 {
        let register = core::ptr::with_exposed_provenance::<u32>(TIMER0_BASE + 4 * register);
        // SAFETY: a register of this timer that may be read at any time.
        unsafe { register.read_volatile() }
    }

    fn write(register: usize, value: u32) {
        let register = core::ptr::with_exposed_provenance_mut::<u32>(TIMER0_BASE + 4 * register);
        // SAFETY: a register of this timer, which changes nothing else.
        unsafe { register.write_volatile(value) };
    }
}
