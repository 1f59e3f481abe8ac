
/// Stands in for a model in the harness: it takes an order for inferences of `soaked`, and reports.
pub mod soak {
    use super::soaked;
    use ariel_ml_rs::pool::WiredPool;
    use ariel_ml_rs::{Error, Infer, Tensor};
    use core::future::Future;
    use core::mem::ManuallyDrop;
    use core::pin::Pin;
    use core::task::{Context, Poll, Waker};

    pub use crate::pool::worker;

    /// Different inputs, and so different answers.
    const INPUTS: usize = 32;
    const ANSWER: usize = size_of::<soaked::Output>();

    /// A tensor of words.
    #[derive(Clone, Copy, Debug)]
    #[repr(C, align(16))]
    pub struct Words<const N: usize>([u32; N]);

    // SAFETY: an array of numbers; 16-aligned.
    unsafe impl<const N: usize> Tensor for Words<N> {
        const PARTS: usize = 1;

        fn part(&self, _: usize) -> &[u8] {
            // SAFETY: numbers without padding.
            unsafe { core::slice::from_raw_parts(self.0.as_ptr().cast(), 4 * N) }
        }

        fn part_mut(&mut self, _: usize) -> &mut [u8] {
            // SAFETY: numbers without padding; any bytes are numbers.
            unsafe { core::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), 4 * N) }
        }

        // Only what `model!` makes copies padding; this stands in for it.
        fn clear_padding(&mut self) {}
    }

    /// Two wired models of one kind, and one that knows no other cores.
    pub struct Model {
        wired: Option<[WiredPool<soaked::Model>; 2]>,
        alone: soaked::Model,
        answers: [[u8; ANSWER]; INPUTS],
        order: Words<2>,
        report: Words<6>,
        random: u32,
    }

    /// Numbers that follow from the one before: xorshift.
    fn next(random: &mut u32) -> u32 {
        *random ^= *random << 13;
        *random ^= *random >> 17;
        *random ^= *random << 5;
        *random
    }

    /// Fills the input with noise that follows from `which`.
    fn fill(input: &mut soaked::Input, which: usize) {
        let mut random = which as u32 + 0x1234_5678;
        for part in 0..soaked::Input::PARTS {
            for byte in input.part_mut(part) {
                *byte = (next(&mut random) >> 11) as u8;
            }
        }
    }

    /// Whether the output is this answer.
    fn agrees(output: &soaked::Output, answer: &[u8; ANSWER]) -> bool {
        let mut rest = &answer[..];
        for part in 0..soaked::Output::PARTS {
            let got = output.part(part);
            let (own, others) = rest.split_at(got.len());
            if own != got {
                return false;
            }
            rest = others;
        }
        true
    }

    /// Polls at most so often.
    fn poll<F: Future>(mut future: Pin<&mut F>, most: u32) -> Option<F::Output> {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..most {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Some(output);
            }
        }
        None
    }

    impl Model {
        pub const fn new() -> Self {
            Self {
                wired: None,
                alone: soaked::Model::new(),
                answers: [[0; ANSWER]; INPUTS],
                order: Words([0; 2]),
                report: Words([0; 6]),
                random: 0,
            }
        }

        /// Wires the models, and finds the right answers on one core.
        fn prepare(&mut self) -> Result<(), Error> {
            for (which, answer) in self.answers.iter_mut().enumerate() {
                fill(self.alone.input_mut(), which);
                let output = self.alone.run()?;
                let mut rest = &mut answer[..];
                for part in 0..soaked::Output::PARTS {
                    let (own, others) = rest.split_at_mut(output.part(part).len());
                    own.copy_from_slice(output.part(part));
                    rest = others;
                }
            }
            let first = ariel_ml_rs::wire_pool!([soaked] [crate::pool::POOL])?;
            let second = ariel_ml_rs::wire_pool!([soaked] [crate::pool::POOL])?;
            self.wired = Some([first, second]);
            Ok(())
        }

        /// One inference, ended in one of several ways.
        fn once(&mut self) {
            let Some([first, second]) = &mut self.wired else { return };
            let [checked, wrong, dropped, forgotten, beside, refused] = &mut self.report.0;
            let mut check = |result: Result<&soaked::Output, Error>, which: usize| match result {
                Ok(output) => {
                    *checked += 1;
                    *wrong += u32::from(!agrees(output, &self.answers[which]));
                }
                Err(_) => *refused += 1,
            };
            let random = next(&mut self.random);
            let (which, other, polls) =
                ((random >> 8) as usize % INPUTS, (random >> 16) as usize % INPUTS, (random >> 24) % 40);
            fill(first.input_mut(), which);
            match random % 8 {
                // Dropped half-way, unless it ends before.
                0 => {
                    let ended = poll(core::pin::pin!(first.run_async()), polls);
                    match ended {
                        Some(result) => check(result, which),
                        None => *dropped += 1,
                    }
                }
                // Forgotten half-way: helpers may be at it when the next one begins.
                1 => {
                    let mut future = ManuallyDrop::new(first.run_async());
                    // SAFETY: it is not moved any more. That it is never dropped although its memory is used anew is what is
                    // tested: it holds nothing that others reach.
                    let ended = poll(unsafe { Pin::new_unchecked(&mut *future) }, polls);
                    match ended {
                        Some(result) => check(result, which),
                        None => *forgotten += 1,
                    }
                }
                // The pool is busy with the first model: the second runs on this core, in the midst of the first.
                2 => {
                    let mut future = core::pin::pin!(first.run_async());
                    let mut ended = poll(future.as_mut(), polls);
                    *beside += u32::from(ended.is_none());
                    fill(second.input_mut(), other);
                    check(second.run(), other);
                    while ended.is_none() {
                        ended = poll(future.as_mut(), u32::MAX);
                    }
                    if let Some(result) = ended {
                        check(result, which);
                    }
                }
                3 => {
                    let mut future = core::pin::pin!(first.run_async());
                    loop {
                        if let Some(result) = poll(future.as_mut(), u32::MAX) {
                            check(result, which);
                            break;
                        }
                    }
                }
                _ => check(first.run(), which),
            }
        }
    }

    impl Infer for Model {
        type Input = Words<2>;
        type Output = Words<6>;

        fn input_mut(&mut self) -> &mut Self::Input {
            &mut self.order
        }

        fn run(&mut self) -> Result<&Self::Output, Error> {
            if self.wired.is_none() {
                self.prepare()?;
            }
            let Words([inferences, seed]) = self.order;
            self.report = Words([0; 6]);
            self.random = seed | 1;
            loop {
                let [checked, .., refused] = self.report.0;
                if checked + refused >= inferences {
                    return Ok(&self.report);
                }
                self.once();
            }
        }

        fn infer(&mut self, input: &Self::Input) -> Result<&Self::Output, Error> {
            self.order = *input;
            self.run()
        }

        async fn run_async(&mut self) -> Result<&Self::Output, Error> {
            self.run()
        }

        async fn infer_async(&mut self, input: &Self::Input) -> Result<&Self::Output, Error> {
            self.infer(input)
        }

        fn reset(&mut self) {}
    }
}
