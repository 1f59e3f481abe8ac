// Stands where a model on several cores would: 64 rows of 256-long int8 dot products, claimed by the cores one by one.
pub mod fake {
    use crate::platform;
    use ariel_ml_rs::{Error, Infer, Tensor};
    use core::hint::black_box;
    use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};

    const ROWS: u32 = 64;
    const LENGTH: usize = 256;

    /// Eight bytes.
    #[derive(Clone, Copy, Debug)]
    #[repr(C, align(16))]
    pub struct Bytes([u8; 8]);

    // SAFETY: an array of bytes, aligned to 16.
    unsafe impl Tensor for Bytes {
        const PARTS: usize = 1;

        fn part(&self, index: usize) -> &[u8] {
            if index == 0 { &self.0 } else { &[] }
        }

        fn part_mut(&mut self, index: usize) -> &mut [u8] {
            if index == 0 { &mut self.0 } else { &mut [] }
        }

        // Only what `model!` makes copies padding; this stands in for it.
        fn clear_padding(&mut self) {}
    }

    static WEIGHTS: [[i8; LENGTH]; ROWS as usize] = {
        let mut rows = [[0; LENGTH]; ROWS as usize];
        let mut row = 0;
        while row < ROWS as usize {
            let mut column = 0;
            while column < LENGTH {
                rows[row][column] = (row * 7 + column * 13) as u8 as i8;
                column += 1;
            }
            row += 1;
        }
        rows
    };

    /// The next row that nobody has, the rows that are done, and the sum of their products.
    static NEXT: AtomicU32 = AtomicU32::new(ROWS);
    static DONE: AtomicU32 = AtomicU32::new(ROWS);
    static SUM: AtomicI32 = AtomicI32::new(0);
    /// What a worker does besides.
    static EXTRA: AtomicU32 = AtomicU32::new(0);

    /// The cores behind the first.
    #[cfg(feature = "multicore")]
    pub fn worker(worker: u32) -> ! {
        loop {
            platform::park(worker);
            match EXTRA.load(Ordering::Relaxed) as u8 {
                b'k' => use_stack(),
                b's' => _ = dig(black_box(1000)),
                b'p' => panic!("on purpose"),
                _ => {}
            }
            claim_rows();
        }
    }

    /// 256 bytes of stack, out of the compiler's sight.
    #[cfg(feature = "multicore")]
    #[inline(never)]
    fn use_stack() {
        let mut room = core::mem::MaybeUninit::<[u8; 256]>::uninit();
        black_box(room.as_mut_ptr());
        // SAFETY: in bounds.
        unsafe { room.as_mut_ptr().cast::<u8>().write_volatile(1) };
    }

    /// More stack than a worker has.
    #[cfg(feature = "multicore")]
    #[inline(never)]
    fn dig(depth: usize) -> usize {
        let room = black_box([depth; 8]);
        if depth == 0 { 0 } else { dig(depth - 1) + black_box(&room)[3] }
    }

    /// Works until no row is left; who finishes the last one wakes the first core. One copy for all cores.
    #[inline(never)]
    fn claim_rows() {
        loop {
            let row = NEXT.fetch_add(1, Ordering::Relaxed);
            if row >= ROWS {
                return;
            }
            SUM.fetch_add(dot(&WEIGHTS[row as usize], &WEIGHTS[0]), Ordering::Relaxed);
            if DONE.fetch_add(1, Ordering::AcqRel) == ROWS - 1 {
                #[cfg(feature = "multicore")]
                platform::unpark(0);
            }
        }
    }

    /// The scalar product of two rows; every element is looked at, one after another.
    #[inline(never)]
    fn dot(a: &[i8; LENGTH], b: &[i8; LENGTH]) -> i32 {
        let mut sum = 0;
        for (a, b) in a.iter().zip(b) {
            sum += black_box(i32::from(*a)) * i32::from(*b);
        }
        sum
    }

    /// Gives the sum of all products.
    #[derive(Debug)]
    pub struct Model {
        input: Bytes,
        output: Bytes,
    }

    impl Model {
        pub const fn new() -> Self {
            Self { input: Bytes([0; 8]), output: Bytes([0; 8]) }
        }
    }

    impl Infer for Model {
        type Input = Bytes;
        type Output = Bytes;

        fn input_mut(&mut self) -> &mut Bytes {
            &mut self.input
        }

        fn run(&mut self) -> Result<&Bytes, Error> {
            EXTRA.store(u32::from(self.input.0[0]), Ordering::Relaxed);
            SUM.store(0, Ordering::Relaxed);
            DONE.store(0, Ordering::Relaxed);
            NEXT.store(0, Ordering::Release);
            #[cfg(feature = "multicore")]
            for worker in 1..platform::CORES {
                platform::unpark(worker);
            }
            claim_rows();
            #[cfg(feature = "multicore")]
            while DONE.load(Ordering::Acquire) < ROWS {
                platform::park(0);
            }
            self.output.0[..4].copy_from_slice(&SUM.load(Ordering::Relaxed).to_le_bytes());
            Ok(&self.output)
        }

        fn infer(&mut self, input: &Bytes) -> Result<&Bytes, Error> {
            self.input = *input;
            self.run()
        }

        async fn run_async(&mut self) -> Result<&Bytes, Error> {
            self.run()
        }

        async fn infer_async(&mut self, input: &Bytes) -> Result<&Bytes, Error> {
            self.infer(input)
        }

        fn reset(&mut self) {}
    }
}
