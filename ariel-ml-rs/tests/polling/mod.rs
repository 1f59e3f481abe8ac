//! Futures without an executor.
#![allow(dead_code, reason = "not every test polls in both ways")]

use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

/// Polls once.
pub fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls to the end, and tells how often.
pub fn finish<F: Future>(future: F) -> (F::Output, u64) {
    let mut future = pin!(future);
    let mut polls = 0;
    loop {
        polls += 1;
        if let Poll::Ready(output) = poll(future.as_mut()) {
            return (output, polls);
        }
    }
}
