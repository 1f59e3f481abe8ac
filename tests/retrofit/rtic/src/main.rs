//! Reads a touch pad in an interrupt and tells of it in a software task.
#![no_std]
#![no_main]

mod pad;

use panic_semihosting as _;

#[rtic::app(device = lm3s6965, dispatchers = [SSI0])]
mod app {
    use crate::pad;
    use cortex_m_semihosting::{debug, hprintln};

    #[shared]
    struct Shared {}

    #[local]
    struct Local {
        strokes: usize,
    }

    #[init]
    fn init(_: init::Context) -> (Shared, Local) {
        (Shared {}, Local { strokes: 0 })
    }

    /// Stands for the line of the pad.
    #[idle]
    fn idle(_: idle::Context) -> ! {
        loop {
            rtic::pend(lm3s6965::Interrupt::GPIOA);
        }
    }

    #[task(binds = GPIOA, priority = 2, local = [strokes])]
    fn touched(context: touched::Context) {
        let pixels = pad::read(*context.local.strokes);
        *context.local.strokes += 1;
        let _ = tell::spawn(pixels);
    }

    #[task(priority = 1)]
    async fn tell(_: tell::Context, pixels: Option<[f32; 64]>) {
        let Some(pixels) = pixels else { return debug::exit(debug::EXIT_SUCCESS) };
        hprintln!("a stroke of {} pixels", pixels.iter().filter(|ink| **ink > 0.0).count());
    }
}
