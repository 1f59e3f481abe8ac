//! The host: an ordinary program with files in its working directory.

use super::{Mode, Status};
use core::ffi::CStr;
use std::fs;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};

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

/// The host's stack is not painted: the operating system guards it.
pub mod stack {
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
