//! The host: an ordinary program with files in its working directory.

use super::{Mode, Status};
use core::ffi::CStr;
use std::fs;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
#[cfg(feature = "multicore")]
use std::sync::{Condvar, Mutex, PoisonError};

/// A file in the working directory.
pub enum File {
    Source(BufReader<fs::File>),
    Sink(BufWriter<fs::File>),
}

impl File {
    /// The file `name`, or nothing where it cannot be opened.
    pub fn open(name: &CStr, mode: Mode) -> Option<Self> {
        let name = name.to_str().ok()?;
        match mode {
            Mode::Read => fs::File::open(name).ok().map(|file| Self::Source(BufReader::new(file))),
            Mode::Write => fs::File::create(name).ok().map(|file| Self::Sink(BufWriter::new(file))),
        }
    }

    /// Fills `bytes` with what comes next.
    pub fn read(&mut self, bytes: &mut [u8]) -> Option<()> {
        match self {
            Self::Source(file) => file.read_exact(bytes).ok(),
            Self::Sink(_) => None,
        }
    }

    /// Writes all of `bytes`.
    pub fn write(&mut self, bytes: &[u8]) -> Option<()> {
        match self {
            Self::Source(_) => None,
            Self::Sink(file) => file.write_all(bytes).ok(),
        }
    }

    /// Goes to byte `position` of a file that is read.
    pub fn seek(&mut self, position: usize) {
        if let Self::Source(file) = self {
            // A failure shows at the next read.
            let _ = file.seek(SeekFrom::Start(position as u64));
        }
    }
}

/// Counting starts: the host has no counter.
pub fn start() {}

/// Counting stops.
pub fn stop() {}

/// Ends the program.
pub fn exit(status: Status) -> ! {
    std::process::exit(status as i32)
}

/// Who is woken: one flag for each core.
#[cfg(feature = "multicore")]
static BELLS: [(Mutex<bool>, Condvar); super::CORES as usize] =
    [const { (Mutex::new(false), Condvar::new()) }; super::CORES as usize];

/// How the pool's workers sleep.
#[cfg(feature = "multicore")]
pub static PARK: ariel_ml_rs::sync::park::Threads = ariel_ml_rs::sync::park::Threads;

/// Has threads run `entry`, each with a number from `1..count`.
#[cfg(feature = "multicore")]
pub fn start_workers(entry: fn(u32) -> !, count: u32) {
    for worker in 1..count {
        std::thread::spawn(move || entry(worker));
    }
}

/// Sleeps until `unpark(worker)` was called since the last `park`.
#[cfg(feature = "multicore")]
pub fn park(worker: u32) {
    let (rung, bell) = &BELLS[worker as usize];
    let rung = rung.lock().unwrap_or_else(PoisonError::into_inner);
    *bell.wait_while(rung, |rung| !*rung).unwrap_or_else(PoisonError::into_inner) = false;
}

/// Wakes `worker`, or has its next `park` return at once.
#[cfg(feature = "multicore")]
pub fn unpark(worker: u32) {
    let (rung, bell) = &BELLS[worker as usize];
    *rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
    bell.notify_one();
}

/// The host's stack is not painted: the operating system guards it.
pub mod stack {
    /// The operating system makes the stacks of threads.
    #[cfg(feature = "multicore")]
    pub fn paint_workers() {}

    /// Not known: `u32::MAX`.
    #[cfg(feature = "multicore")]
    #[expect(clippy::unnecessary_wraps, reason = "the API of the boards")]
    pub fn worker_depth(_: u32) -> Option<u32> {
        Some(u32::MAX)
    }

    /// A stack whose depth is not known.
    pub struct Painted;

    /// Begins a measurement.
    pub fn paint() -> Painted {
        Painted
    }

    impl Painted {
        /// Not known: `u32::MAX`.
        #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the API of the boards")]
        pub fn depth(self) -> Option<u32> {
            Some(u32::MAX)
        }
    }
}
