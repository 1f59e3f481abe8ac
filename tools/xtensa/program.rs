//! Runs many models on the inputs that lie beside them and writes what they answer, bit by bit: on an emulated Xtensa and,
//! the same text, on the host.
#![cfg_attr(target_arch = "xtensa", no_std, no_main)]

use ariel_ml_rs::{Infer, Tensor};
use core::cell::UnsafeCell;

include!("models.rs");
include!("each_model.rs");

#[cfg(target_arch = "xtensa")]
mod platform {
    unsafe extern "C" {
        /// In `start.S`: asks the emulator for something.
        fn simcall(what: usize, first: usize, second: usize, third: usize) -> usize;
    }

    const EXIT: usize = 1;
    const WRITE: usize = 4;
    const STANDARD_OUTPUT: usize = 1;
    /// What the emulator exits with after a panic.
    const PANIC: usize = 3;

    pub fn write(mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // SAFETY: the emulator reads the slice, and keeps nothing of it.
            let written = unsafe { simcall(WRITE, STANDARD_OUTPUT, bytes.as_ptr() as usize, bytes.len()) };
            let Some(rest) = bytes.get(written..) else { exit(PANIC) };
            bytes = rest;
        }
    }

    fn exit(status: usize) -> ! {
        loop {
            // SAFETY: ends the program; no memory is touched.
            unsafe { simcall(EXIT, status, 0, 0) };
        }
    }

    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        exit(PANIC)
    }

    /// Where `start.S` goes.
    #[unsafe(no_mangle)]
    extern "C" fn program() -> ! {
        super::all();
        exit(0)
    }
}

#[cfg(not(target_arch = "xtensa"))]
mod platform {
    use std::io::Write;

    pub fn write(bytes: &[u8]) {
        std::io::stdout().write_all(bytes).unwrap();
    }
}

#[cfg(not(target_arch = "xtensa"))]
fn main() {
    all();
}

/// A model in memory of its own, off the stack.
struct Room<M>(UnsafeCell<M>);

// SAFETY: there is one thread.
unsafe impl<M> Sync for Room<M> {}

/// Runs a model once on `input`: all its parts, one after the other.
#[inline(never)]
fn run<M: Infer>(model: &mut M, mut input: &[u8]) {
    for part in 0..M::Input::PARTS {
        let part = model.input_mut().part_mut(part);
        let (here, rest) = input.split_at(part.len());
        part.copy_from_slice(here);
        input = rest;
    }
    let output = model.run().unwrap();
    for part in 0..M::Output::PARTS {
        platform::write(output.part(part));
    }
}

macro_rules! run_all {
    ($($name:ident)*) => {{ $( {
        static MODEL: Room<$name::Model> = Room(UnsafeCell::new($name::Model::new()));
        // SAFETY: `all` is called once, so that nobody else has it.
        run(unsafe { &mut *MODEL.0.get() }, include_bytes!(concat!(stringify!($name), ".in")));
    } )* }};
}

/// Runs all models; called once.
fn all() {
    each_model!(run_all);
}
