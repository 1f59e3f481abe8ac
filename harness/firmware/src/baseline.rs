//! A model that does nothing: the firmware around a model, so that the difference is what the model costs.

use ariel_ml_rs::{Error, Infer, Tensor};
use core::hint::black_box;

/// An input or output of some bytes.
#[derive(Clone, Debug)]
#[repr(C, align(16))]
pub struct Nothing([u8; 16]);

// SAFETY: an array of bytes, aligned to 16.
unsafe impl Tensor for Nothing {
    const PARTS: usize = 1;

    fn part(&self, index: usize) -> &[u8] {
        if index == 0 { &self.0 } else { &[] }
    }

    fn part_mut(&mut self, index: usize) -> &mut [u8] {
        if index == 0 { &mut self.0 } else { &mut [] }
    }

    fn clear_padding(&mut self) {
        // 16 bytes, aligned to 16: there is none.
    }
}

/// A model without a call; its output comes into being out of the compiler's sight.
#[derive(Debug)]
pub struct Model;

/// What every inference gives.
static ANSWER: Nothing = Nothing([0; 16]);

impl Model {
    /// The same name as a generated model's.
    pub const fn new() -> Self {
        Self
    }
}

impl Infer for Model {
    type Input = Nothing;
    type Output = Nothing;

    fn input_mut(&mut self) -> &mut Nothing {
        // An unused method of the trait: the harness copies, as `infer` of a real model does.
        unreachable!("the harness calls `infer` only")
    }

    fn run(&mut self) -> Result<&Nothing, Error> {
        Ok(black_box(&ANSWER))
    }

    fn infer(&mut self, _: &Nothing) -> Result<&Nothing, Error> {
        Ok(black_box(&ANSWER))
    }

    async fn run_async(&mut self) -> Result<&Nothing, Error> {
        Ok(black_box(&ANSWER))
    }

    async fn infer_async(&mut self, _: &Nothing) -> Result<&Nothing, Error> {
        Ok(black_box(&ANSWER))
    }

    fn reset(&mut self) {}
}

/// What the other cores do: nothing.
#[cfg(feature = "multicore")]
pub fn worker(worker: u32) -> ! {
    loop {
        crate::platform::park(worker);
    }
}

#[cfg(feature = "multicore")]
pub use crate::serve::serve;
