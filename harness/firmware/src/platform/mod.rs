//! What differs between boards: files, markers, the stack, the way out. Sibling files with one API, chosen here.

#[cfg(not(target_os = "none"))]
mod host;
#[cfg(not(target_os = "none"))]
pub use host::{File, exit, stack, start, stop};
#[cfg(all(not(target_os = "none"), feature = "multicore"))]
pub use host::{PARK, park, start_workers, unpark};

#[cfg(all(feature = "dma", target_arch = "riscv32"))]
mod bed_dma;
#[cfg(feature = "dma")]
mod dma;
#[cfg(all(feature = "dma", target_arch = "arm"))]
mod pl080;

#[cfg(feature = "hot")]
pub mod hot;
#[cfg(feature = "dma")]
pub use dma::start_dma;

#[cfg(target_os = "none")]
mod semihosting;
#[cfg(target_os = "none")]
pub mod stack;
#[cfg(target_os = "none")]
pub use semihosting::{File, exit};

#[cfg(all(target_os = "none", target_arch = "arm"))]
#[path = "arm.rs"]
mod entry;
#[cfg(all(target_os = "none", target_arch = "riscv32"))]
#[path = "riscv.rs"]
mod entry;
#[cfg(target_os = "none")]
pub use entry::{start, stop};

#[cfg(all(target_os = "none", feature = "multicore", target_arch = "arm", target_has_atomic = "32"))]
#[path = "sse200.rs"]
#[cfg_attr(feature = "images", allow(dead_code, reason = "core 1 has vectors, a stack and an entry of its own"))]
mod workers;
// The one chip with several cores of Armv6-M.
#[cfg(all(target_os = "none", feature = "multicore", not(target_has_atomic = "32")))]
mod spinlock;
#[cfg(all(target_os = "none", feature = "multicore", target_arch = "arm", not(target_has_atomic = "32")))]
#[path = "rp2040.rs"]
mod workers;
#[cfg(all(target_os = "none", feature = "multicore", target_arch = "riscv32"))]
#[path = "clint.rs"]
mod workers;
#[cfg(all(target_os = "none", feature = "multicore", not(feature = "images")))]
pub use workers::{PARK, park, start_workers, unpark};
#[cfg(all(target_os = "none", feature = "images"))]
pub use workers::{PARK, prepare, start_image};

/// The cores that this firmware is for: worker `n` runs on core `n`, and core 0 leads.
#[cfg(feature = "multicore")]
pub const CORES: u32 = number(env!("ARIEL_CORES"));

/// Where the vectors of the other image are.
#[cfg(feature = "images")]
pub const HELPER: u32 = number(env!("ARIEL_HELPER"));

/// The decimal number in `text`.
#[cfg(any(feature = "multicore", feature = "dma"))]
const fn number(text: &str) -> u32 {
    let mut value = 0;
    let mut index = 0;
    while index < text.len() {
        value = value * 10 + (text.as_bytes()[index] - b'0') as u32;
        index += 1;
    }
    value
}

/// How a file is opened.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// A file that is there.
    Read,
    /// A new or emptied one.
    Write,
}

/// With which status the program ends; `ariel_build/run/emulate.py` has the words for each.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub enum Status {
    /// All samples done.
    Done = 0,
    /// `in.bin` is missing or too short.
    NoInput = 40,
    /// The samples of `in.bin` are not of the model's size.
    WrongSize = 41,
    /// A result cannot be written.
    NoOutput = 42,
    /// `infer` returned an error.
    Refused = 43,
    /// The stack reached the data below it.
    StackOverflow = 44,
    /// The program panicked.
    #[cfg_attr(not(target_os = "none"), expect(dead_code, reason = "the host has its own panics"))]
    Panic = 45,
    /// The core met a fault.
    #[cfg_attr(not(target_os = "none"), expect(dead_code, reason = "the host has its own signals"))]
    Fault = 46,
}
