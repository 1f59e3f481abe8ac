//! Bare release firmware that has every kernel, and infers with real models: it links only if no panic can be reached.
#![no_std]
#![no_main]

include!("models.rs");
include!("each_model.rs");
include!("kernels.rs");

use ariel_ml_rs::memory::Memory;
use ariel_ml_rs::tile::Tile;
use ariel_ml_rs::{Infer, kernels};
use core::future::Future;
use core::hint::black_box;
use core::pin::pin;
use core::task::{Context, RawWaker, RawWakerVTable, Waker};

unsafe extern "C" {
    fn a_panic_can_be_reached() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe { a_panic_can_be_reached() }
}

static TABLE: RawWakerVTable = RawWakerVTable::new(|_| RawWaker::new(core::ptr::null(), &TABLE), |_| {}, |_| {}, |_| {});

/// Calls all that a user can call.
fn infer<M: Infer>(model: &mut M, input: &M::Input) -> usize {
    let mut done = usize::from(model.infer(input).is_ok());
    done += usize::from(model.run().is_ok());
    model.reset();
    let waker = unsafe { Waker::from_raw(RawWaker::new(core::ptr::null(), &TABLE)) };
    let future = pin!(model.infer_async(input));
    done + usize::from(future.poll(&mut Context::from_waker(&waker)).is_ready())
}

/// The clock of budgets.
fn now() -> u64 {
    black_box(0)
}

macro_rules! infer_all {
    ($($name:ident)*) => { 0 $(+ {
        static mut MODEL: $name::Model = $name::Model::new();
        static mut INPUT: $name::Input = $name::Input::zeroed();
        let input = unsafe { &*(&raw const INPUT) };
        let timed = ariel_ml_rs::wire!($name).map(|wired| infer(&mut wired.with_budget(now, black_box(1000)), input));
        timed.unwrap_or(0) + infer(unsafe { &mut *(&raw mut MODEL) }, input)
    })* };
}

/// Has the kernel linked as it is for any constants: the optimiser does not see who calls it.
fn keep<K>(run: unsafe fn(&K, Memory<'_>, Tile)) {
    black_box(run);
}

macro_rules! keep_all {
    ($($kernel:ty,)*) => { $(keep(<$kernel>::run);)* };
}

#[unsafe(no_mangle)]
pub extern "C" fn _start() -> usize {
    each_kernel!(keep_all);
    each_model!(infer_all)
}
