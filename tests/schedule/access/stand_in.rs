
/// Stands in for a model in the harness: it takes a case and gives its verdict.
pub mod probed {
    #[path = "probe.rs"]
    mod probe;

    use self::probe::{VERDICT, probe};
    use super::subject_module as tested;
    use ariel_ml_rs::{Error, Infer, Tensor};

    /// Words of the longest case.
    const WORDS: usize = CASE_WORDS;
    /// Bytes of the arena, and of a guard on both sides.
    const BYTES: usize = tested::ARENA_BYTES.next_multiple_of(16) + 2 * GUARD;
    const GUARD: usize = 64;

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

    /// Room for the two runs of a tile.
    #[repr(C, align(16))]
    pub struct Model {
        first: [u8; BYTES],
        second: [u8; BYTES],
        mask: [u8; BYTES],
        input: Words<WORDS>,
        output: Words<VERDICT>,
    }

    impl Model {
        pub const fn new() -> Self {
            Self {
                first: [0; BYTES],
                second: [0; BYTES],
                mask: [0; BYTES],
                input: Words([0; WORDS]),
                output: Words([0; VERDICT]),
            }
        }
    }

    impl Infer for Model {
        type Input = Words<WORDS>;
        type Output = Words<VERDICT>;

        fn input_mut(&mut self) -> &mut Self::Input {
            &mut self.input
        }

        fn run(&mut self) -> Result<&Self::Output, Error> {
            let mut run = |memory: *mut u8, worker: u32, step: usize, start: u32, end: u32| {
                // SAFETY: memory as large as the arena, with a guard on both sides; the tile is one of the step.
                unsafe {
                    let base = core::ptr::NonNull::new_unchecked(memory.add(GUARD));
                    tested::tile_alone(base, worker, step, start, end);
                }
            };
            let case = self.input.0;
            self.output.0 = probe(&case, &mut self.first, &mut self.second, &mut self.mask, &mut run);
            Ok(&self.output)
        }

        fn infer(&mut self, input: &Self::Input) -> Result<&Self::Output, Error> {
            self.input = *input;
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
