//! Runs one generated model on the samples of `in.bin` and writes `out.bin`: the harness behind `ariel-build run`.
//!
//! ```text
//! in.bin     samples: u32, bytes of a sample: u32, then the samples: all inputs in the model's order, little-endian
//! out.bin    for each sample all outputs in the model's order
//! stack.bin  deepest stack of an inference in bytes: u32 for each core, u32::MAX where it is not known
//! ```
//!
//! One inference on the first sample warms up; then the model is reset and the samples follow one another, as the steps
//! of one sequence. Counters run from the call of `infer` to its return.
#![cfg_attr(target_os = "none", no_std, no_main)]

mod platform;
mod serve;

#[cfg(feature = "baseline")]
mod baseline;

/// The generated module, of which `subject.rs` exports the model: written by `ariel_build/run/firmware.py`.
#[cfg(not(feature = "baseline"))]
mod generated {
    include!(concat!(env!("ARIEL_SUBJECT"), "/subject.rs"));
}

use ariel_ml_rs::Infer;
#[cfg(feature = "baseline")]
use baseline::Model;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
#[cfg(not(feature = "baseline"))]
use generated::Model;

/// Room for a value that only [`run`] touches.
#[repr(align(16))]
struct Room<T>(UnsafeCell<T>);

// SAFETY: there is one thread, and `run` is called once (invariants of the entry code and of the host's `main`).
unsafe impl<T> Sync for Room<T> {}

/// The model, in `.bss`, as an application would have it.
static MODEL: Room<Model> = Room(UnsafeCell::new(Model::new()));

/// The input that is given to `infer`, in a section that does not count as the model's.
#[cfg_attr(target_os = "none", unsafe(link_section = ".harness"))]
static INPUT: Room<MaybeUninit<<Model as Infer>::Input>> = Room(UnsafeCell::new(MaybeUninit::uninit()));

/// All of the program behind the entry code.
///
/// # Safety
/// Called once.
unsafe fn run() -> ! {
    // SAFETY: called once, so that this is the only reference.
    let model = unsafe { &mut *MODEL.0.get() };
    // SAFETY: as above; `Input` is plain data, every bit pattern of which is a value (trait Tensor), so zeros are, too.
    let input = unsafe {
        let room = &mut *INPUT.0.get();
        room.as_mut_ptr().write_bytes(0, 1);
        room.assume_init_mut()
    };
    let status = match serve::serve(model, input) {
        Ok(()) => platform::Status::Done,
        Err(status) => status,
    };
    platform::exit(status)
}

/// The host's entry; on bare metal the entry code calls [`run`].
#[cfg(not(target_os = "none"))]
fn main() {
    // SAFETY: `main` is called once.
    unsafe { run() }
}
