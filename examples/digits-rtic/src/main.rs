//! A neural network in a low-priority task of RTIC 2, under a hardware task that keeps its period to the microsecond.
//!
//! `cargo run --release` builds it and runs it on QEMU's Cortex-M7, where an instruction takes 32 ns.
#![no_std]
#![no_main]

mod pac;

use panic_semihosting as _;

// `mod digits`, which build.rs compiled from digits.tflite.
ariel_ml_rs::include_models!();

/// Images that the network was not trained on: 64 pixels, from 0 (paper) to 16 (ink), and the digit that was written.
static IMAGES: &[[u8; 65]] = include_bytes!("../../digits-mps2-an500/models/digits-test.bin").as_chunks().0;

/// The clock of the board's core and timers.
const HERTZ: u32 = 25_000_000;
const CLOCKS_OF_A_MICROSECOND: u32 = HERTZ / 1_000_000;

// Time for delays and for the budgets of inferences: ticks of 100 us.
rtic_monotonics::systick_monotonic!(Mono, 10_000);

#[rtic::app(device = crate::pac, peripherals = false, dispatchers = [UARTRX0, UARTTX0])]
mod app {
    use crate::pac::Timer0;
    use crate::{CLOCKS_OF_A_MICROSECOND, HERTZ, IMAGES, Mono, digits};
    use ariel_ml_rs::{Error, Timed, clock};
    use core::time::Duration;
    use cortex_m_semihosting::{debug, hprintln};
    use rtic_monotonics::Timebase;
    use rtic_monotonics::fugit::ExtU64;

    /// What is known of tasks that have a period: how often they ran, and how much too late at most, in microseconds.
    #[derive(Clone, Copy, Default)]
    pub struct Beats {
        count: u32,
        latest: u32,
    }

    impl Beats {
        fn add(&mut self, late: u32) {
            self.count += 1;
            self.latest = self.latest.max(late);
        }
    }

    #[shared]
    struct Shared {
        /// Those of `control`.
        control: Beats,
        /// Those of `housekeeping`.
        housekeeping: Beats,
    }

    #[local]
    struct Local {
        timer: Timer0,
        model: Timed<digits::Model>,
    }

    #[init]
    fn init(context: init::Context) -> (Shared, Local) {
        Mono::start(context.core.SYST, HERTZ);
        // Every millisecond.
        let timer = Timer0::start(HERTZ / 1000);
        let model = ariel_ml_rs::wire!(digits).expect("wired once");
        // An answer that takes longer than 100 ms is of no use, and not waited for.
        let model = model.within::<clock::Rtic<Mono>>(Duration::from_millis(100));
        classify::spawn().expect("spawned once");
        housekeeping::spawn().expect("spawned once");
        (Shared { control: Beats::default(), housekeeping: Beats::default() }, Local { timer, model })
    }

    /// A control loop: interrupts everything else, the network in the middle of a tile included.
    #[task(binds = TIMER0, priority = 3, local = [timer], shared = [control])]
    fn control(mut context: control::Context) {
        let late = context.local.timer.acknowledge() / CLOCKS_OF_A_MICROSECOND;
        context.shared.control.lock(|control| control.add(late));
    }

    /// As urgent as the network: runs between its tiles.
    #[task(priority = 1, shared = [housekeeping])]
    async fn housekeeping(mut context: housekeeping::Context) {
        let mut due = Mono::now();
        loop {
            due += 4.millis();
            Mono::delay_until(due).await;
            let late = (Mono::now() - due).as_micros() as u32;
            context.shared.housekeeping.lock(|housekeeping| housekeeping.add(late));
        }
    }

    #[task(priority = 1, local = [model], shared = [control, housekeeping])]
    async fn classify(mut context: classify::Context) {
        let model = context.local.model;
        let mut right = 0;
        for [pixels @ .., label] in IMAGES {
            let scores = model.infer_async(&to_input(pixels)).await.expect("in time");
            right += u32::from(scores.argmax() == usize::from(*label));
        }
        let control = context.shared.control.lock(|control| *control);
        let housekeeping = context.shared.housekeeping.lock(|housekeeping| *housekeeping);
        hprintln!("{} of {} right", right, IMAGES.len());
        hprintln!("control: {} times, {} us late at most", control.count, control.latest);
        hprintln!("housekeeping: {} times, {} us late at most", housekeeping.count, housekeeping.latest);
        // In ticks of the monotonic.
        model.set_budget(20);
        let answer = model.infer_async(&to_input(&[0; 64])).await;
        hprintln!("budget of 2 ms: {}", if answer == Err(Error::DeadlineMissed) { "given up" } else { "in time" });
        debug::exit(debug::EXIT_SUCCESS);
    }

    /// The pixels as the network takes them: ink from 0 to 1, quantised.
    fn to_input(pixels: &[u8; 64]) -> digits::Input {
        digits::Input::from_scaled(pixels, 1.0 / 16.0)
    }
}
