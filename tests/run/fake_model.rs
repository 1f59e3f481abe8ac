// Stands where a compiled model would: the first byte of the input chooses what an inference does.
pub mod fake {
    use ariel_ml_rs::{Error, Infer, Tensor};
    use core::hint::black_box;

    /// Turns of the loop of known length: two instructions each.
    const TURNS: usize = 500_000;

    /// Bytes of the arena that this model pretends to have; tests put another number here.
    const ARENA: usize = 1000;

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
    }

    /// Gives the complement of its input; the first byte counts the inferences since the last reset.
    #[derive(Debug)]
    pub struct Model {
        input: Bytes,
        output: Bytes,
        inferences: u8,
        arena: [u8; ARENA],
    }

    impl Model {
        pub const fn new() -> Self {
            Self { input: Bytes([0; 8]), output: Bytes([0; 8]), inferences: 0, arena: [0; ARENA] }
        }
    }

    impl Infer for Model {
        type Input = Bytes;
        type Output = Bytes;

        fn input_mut(&mut self) -> &mut Bytes {
            &mut self.input
        }

        fn run(&mut self) -> Result<&Bytes, Error> {
            match self.input.0[0] {
                b'f' => machine::fault(),
                b'h' => loop {
                    black_box(());
                },
                b's' => _ = dig(black_box(1000)),
                b'd' => _ = dig(black_box(150)),
                b'p' => panic!("on purpose"),
                b'e' => return Err(Error::AlreadyWired),
                b'l' => machine::bare_loop(),
                b'b' => machine::one_block(),
                b'k' => use_stack(),
                b'n' => {}
                _ => machine::known_loop(),
            }
            self.inferences += 1;
            black_box(&mut self.arena)[0] = self.inferences;
            self.output = Bytes(self.input.0.map(|byte| !byte));
            self.output.0[0] = self.inferences;
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

        fn reset(&mut self) {
            self.inferences = 0;
        }
    }

    /// 256 bytes of stack, out of the compiler's sight.
    #[inline(never)]
    fn use_stack() {
        let mut room = core::mem::MaybeUninit::<[u8; 256]>::uninit();
        black_box(room.as_mut_ptr());
        // SAFETY: in bounds.
        unsafe { room.as_mut_ptr().cast::<u8>().write_volatile(1) };
    }

    /// More stack than a small board has.
    #[inline(never)]
    fn dig(depth: usize) -> usize {
        let room = black_box([depth; 8]);
        if depth == 0 { 0 } else { dig(depth - 1) + black_box(&room)[3] }
    }

    /// What is written in the machine's own instructions. The markers are those of the harness: a second START begins anew.
    #[cfg(target_arch = "arm")]
    mod machine {
        use super::TURNS;
        use core::arch::asm;

        pub fn known_loop() {
            // SAFETY: counts a register down.
            unsafe { asm!("0: subs {0}, #1", "bne 0b", inout(reg) TURNS => _) };
        }

        /// A loop of 1,000,000 instructions and nothing else between the markers.
        pub fn bare_loop() {
            // SAFETY: counts a register down.
            unsafe {
                asm!("b 2f", ".p2align 3", "2:", "mov r9, r9", "b 3f", "3:", "0: subs {0}, #1", "bne 0b", "b 4f", ".p2align 3", "4:", "mov r10, r10", "b 5f", "5:", inout(reg) TURNS => _)
            };
        }

        /// Three instructions between markers that lie in one translation block, with others around them.
        pub fn one_block() {
            // SAFETY: nothing happens.
            unsafe {
                asm!(
                    "nop",
                    "nop",
                    "b 2f",
                    ".p2align 3",
                    "2:",
                    "mov r9, r9",
                    "b 3f",
                    "3:",
                    "nop",
                    "nop",
                    "nop",
                    "b 4f",
                    ".p2align 3",
                    "4:",
                    "mov r10, r10",
                    "b 5f",
                    "5:",
                    "nop"
                )
            };
        }

        pub fn fault() {
            // SAFETY: not sound: a fault on purpose.
            unsafe { asm!("udf #7") };
        }
    }

    /// The same for RISC-V.
    #[cfg(target_arch = "riscv32")]
    mod machine {
        use super::TURNS;
        use core::arch::asm;

        pub fn known_loop() {
            // SAFETY: counts a register down.
            unsafe { asm!("0: addi {0}, {0}, -1", "bnez {0}, 0b", inout(reg) TURNS => _) };
        }

        pub fn bare_loop() {
            // SAFETY: counts a register down.
            unsafe {
                asm!(
                    "slti x0, x0, 1",
                    "0: addi {0}, {0}, -1",
                    "bnez {0}, 0b",
                    "slti x0, x0, 2",
                    inout(reg) TURNS => _
                );
            }
        }

        pub fn one_block() {
            // SAFETY: nothing happens.
            unsafe { asm!("nop", "nop", "slti x0, x0, 1", "nop", "nop", "nop", "slti x0, x0, 2", "nop") };
        }

        pub fn fault() {
            // SAFETY: not sound: a fault on purpose.
            unsafe { asm!("unimp") };
        }
    }

    /// The host counts nothing.
    #[cfg(not(any(target_arch = "arm", target_arch = "riscv32")))]
    mod machine {
        pub fn known_loop() {
            core::hint::black_box(super::TURNS);
        }

        pub fn bare_loop() {}

        pub fn one_block() {}

        pub fn fault() {
            std::process::abort();
        }
    }
}
