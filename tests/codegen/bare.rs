//! Bare release firmware that has every kernel, and infers with real models: it links only if no panic can be reached.
#![no_std]
#![no_main]

include!("models.rs");
include!("each_model.rs");
include!("kernels.rs");

use ariel_ml_rs::memory::Memory;
use ariel_ml_rs::tile::Tile;
use ariel_ml_rs::Infer;
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
    let _ = model.resize(&[black_box(3)]);
    let mut done = usize::from(model.infer(input).is_ok());
    done += usize::from(model.run().is_ok());
    model.reset();
    let waker = unsafe { Waker::from_raw(RawWaker::new(core::ptr::null(), &TABLE)) };
    let future = pin!(model.infer_async(input));
    done + usize::from(future.poll(&mut Context::from_waker(&waker)).is_ready())
}

ariel_ml_rs::classes! {
    /// Classes.
    pub enum Class {
        /// One.
        One = "one",
        /// Another.
        Another = "another",
    }
}
ariel_ml_rs::tensor! {
    /// Integers.
    pub struct Stored([i8; 2]) of Class;
    shape [2];
    scale 0.0123; zero_point -7;
}
ariel_ml_rs::tensor! {
    /// Real numbers.
    pub struct Real([f32; 16]);
    shape [16];
}

/// All that a user can do with tensors, of constants and of what is known at run time only.
macro_rules! fill_and_read {
    ($($tensor:ident)*) => { 0 $(+ {
        let mut tensor = black_box($tensor::zeroed());
        let (reals, sound, pixels, unit) = black_box(([0.5_f32; 16], [1_i16; 16], [2_u8; 16], 0.3_f32));
        let mut done = usize::from(tensor.fill_from(&reals[..]).is_ok());
        done += usize::from(tensor.fill_scaled(sound, unit).is_ok()) + usize::from(tensor.fill_from(pixels).is_ok());
        done += usize::from($tensor::from_i16(&sound[..]).is_ok()) + usize::from($tensor::from_u8(&pixels[..]).is_ok());
        done += usize::from($tensor::from_f32(&reals[..]).is_ok()) + usize::from($tensor::from_scaled(&sound[..], unit).is_ok());
        black_box((tensor.to_f32(), tensor.reals().sum::<f32>(), tensor.top(), tensor.argmax()));
        done
    })* };
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
fn keep<K>(run: unsafe fn(&K, Memory<'static>, Tile)) {
    black_box(run);
}

macro_rules! keep_all {
    ($($kernel:ty,)*) => { $(keep(<$kernel>::run);)* };
}

#[unsafe(no_mangle)]
pub extern "C" fn _start() -> usize {
    each_kernel!(keep_all);
    let class = black_box(Stored::zeroed()).class();
    each_model!(infer_all) + fill_and_read!(Stored Real) + class.label().len()
}
