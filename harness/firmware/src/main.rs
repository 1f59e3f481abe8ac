//! Runs one generated model on the samples of `in.bin` and writes `out.bin`: the harness behind `ariel-build run`.
//!
//! ```text
//! in.bin     samples: u32, bytes of a sample: u32, then the samples: all inputs in the model's order, little-endian
//! sizes.bin  may be missing; bounded dimensions: u32, then for each sample the size of each, u32
//! out.bin    for each sample all outputs in the model's order
//! stack.bin  deepest stack of an inference in bytes: u32 for each core, u32::MAX where it is not known; of a worker its
//!            whole stack
//! pool.bin   on several cores: units, steals and sleeps of each core over all inferences that are counted, u32 each
//! ```
//!
//! One inference on the first sample warms up; then the model is reset and the samples follow one another, as the steps
//! of one sequence. Counters run from the call of `infer` to its return.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg_attr(feature = "baseline", allow(dead_code, unused_imports, reason = "without a model there is nobody to wake"))]
mod platform;
#[cfg(all(feature = "multicore", not(feature = "baseline")))]
#[cfg_attr(feature = "images", path = "images.rs")]
mod pool;
mod serve;
#[cfg(not(feature = "baseline"))]
mod streamed;

#[cfg(feature = "baseline")]
#[path = "baseline.rs"]
mod subject;

/// The generated module, of which `subject.rs` exports the model, and on several cores what the others do (`worker`):
/// written by `ariel_build/run/firmware.py`.
#[cfg(not(feature = "baseline"))]
mod subject {
    include!(concat!(env!("ARIEL_SUBJECT"), "/subject.rs"));
}

use ariel_ml_rs::Infer;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use subject::Model;

/// Room for a value that only [`run`] touches.
#[repr(align(16))]
struct Room<T>(UnsafeCell<T>);

// SAFETY: only the first core touches it, in `run`, which is called once (invariants of the entry code and of the host's `main`).
unsafe impl<T> Sync for Room<T> {}

/// The model, in `.bss`, as an application would have it.
#[cfg(not(all(feature = "images", not(feature = "baseline"))))]
static MODEL: Room<Model> = Room(UnsafeCell::new(Model::new()));

/// The input that is given to `infer`, in a section that does not count as the model's.
#[cfg_attr(target_os = "none", unsafe(link_section = ".harness"))]
static INPUT: Room<MaybeUninit<<Model as Infer>::Input>> = Room(UnsafeCell::new(MaybeUninit::uninit()));

/// All of the program behind the entry code.
///
/// # Safety
/// Called once.
unsafe fn run() -> ! {
    #[cfg(not(all(feature = "images", not(feature = "baseline"))))]
    // SAFETY: called once, so that this is the only reference.
    let model = unsafe { &mut *MODEL.0.get() };
    // SAFETY: as above; `Input` is plain data, every bit pattern of which is a value (trait Tensor), so zeros are, too.
    let input = unsafe {
        let room = &mut *INPUT.0.get();
        room.as_mut_ptr().write_bytes(0, 1);
        room.assume_init_mut()
    };
    #[cfg(feature = "hot")]
    // SAFETY: called once, and no inference has begun.
    unsafe {
        platform::hot::load();
    }
    #[cfg(feature = "dma")]
    platform::start_dma();
    #[cfg(all(feature = "multicore", not(feature = "images")))]
    {
        platform::stack::paint_workers();
        platform::start_workers(subject::worker, platform::CORES);
    }
    #[cfg(all(feature = "images", not(feature = "baseline")))]
    let served = subject::serve(input);
    #[cfg(all(feature = "multicore", not(feature = "images")))]
    let served = subject::serve(model, input);
    #[cfg(not(feature = "multicore"))]
    let served = serve::serve(model, input);
    let status = match served {
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
