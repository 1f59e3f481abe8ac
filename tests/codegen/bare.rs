//! A bare release firmware that only infers: it links only if no panic can be reached.
#![no_std]
#![no_main]

include!("model.rs");

use core::future::Future;
use core::pin::pin;
use core::task::{Context, RawWaker, RawWakerVTable, Waker};

unsafe extern "C" {
    fn a_panic_can_be_reached() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe { a_panic_can_be_reached() }
}

static mut MODEL: model::Model = model::Model::new();
static mut INPUT: model::Input = model::Input::zeroed();

static TABLE: RawWakerVTable = RawWakerVTable::new(|_| RawWaker::new(core::ptr::null(), &TABLE), |_| {}, |_| {}, |_| {});

#[unsafe(no_mangle)]
pub extern "C" fn _start() -> usize {
    let (model, input) = unsafe { (&mut *(&raw mut MODEL), &*(&raw const INPUT)) };
    let mut done = usize::from(model.infer(input).is_ok());
    done += usize::from(model.run().is_ok());
    model.reset();
    let waker = unsafe { Waker::from_raw(RawWaker::new(core::ptr::null(), &TABLE)) };
    let future = pin!(model.infer_async(input));
    done + usize::from(future.poll(&mut Context::from_waker(&waker)).is_ready())
}
