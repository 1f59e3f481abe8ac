//! The stacks of the cores behind the first.

use super::{MARGIN, cover, first_used};
use crate::platform::CORES;
use core::cell::UnsafeCell;

/// Bytes of a worker's stack: far more than a kernel needs.
pub const STACK_BYTES: usize = 16 * 1024;

/// The stack of one core.
#[repr(C, align(16))]
pub struct Stack(UnsafeCell<[u8; STACK_BYTES]>);

// SAFETY: memory that only its own core uses as its stack, but for the painting before that core starts.
unsafe impl Sync for Stack {}

/// The stack of core n is number n - 1. Not part of what a model costs.
#[unsafe(link_section = ".harness.stacks")]
pub static STACKS: [Stack; CORES as usize - 1] =
    [const { Stack(UnsafeCell::new([0; STACK_BYTES])) }; CORES as usize - 1];

/// The lowest address of a core's stack.
pub fn limit(core: u32) -> usize {
    match core.checked_sub(1) {
        Some(worker) => STACKS[worker as usize].0.get().expose_provenance(),
        None => (&raw const super::__stack_limit).addr(),
    }
}

/// Paints the stacks of all workers, before they start.
pub fn paint_workers() {
    for core in 1..CORES {
        let from = limit(core);
        // SAFETY: the core has not started.
        unsafe { cover(from, from + STACK_BYTES) };
    }
}

/// Bytes that a worker has used of its stack, or nothing where they exceed it.
pub fn worker_depth(core: u32) -> Option<u32> {
    let from = limit(core);
    // SAFETY: a static; the core may be writing to it, while these are volatile reads of whole words.
    let used = unsafe { first_used(from, from + STACK_BYTES) };
    (used >= from + MARGIN).then_some((from + STACK_BYTES - used) as u32)
}
