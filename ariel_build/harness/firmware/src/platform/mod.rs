//! What differs between boards: files, markers, the stack, the way out. Sibling files with one API, chosen here.

#[cfg(not(target_os = "none"))]
mod host;
#[cfg(not(target_os = "none"))]
pub use host::{File, exit, stack, start, stop};

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
