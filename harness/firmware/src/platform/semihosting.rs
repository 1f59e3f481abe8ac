//! Files and the way out through the emulator: Arm's semihosting calls, which RISC-V has in the same form.

use super::entry::call;
use super::{Mode, Status};
use core::ffi::CStr;
use core::fmt::{self, Write};

const SYS_OPEN: usize = 0x01;
const SYS_WRITE0: usize = 0x04;
const SYS_WRITE: usize = 0x05;
const SYS_READ: usize = 0x06;
const SYS_SEEK: usize = 0x0a;
const SYS_EXIT_EXTENDED: usize = 0x20;
/// `ADP_Stopped_ApplicationExit`: the program ends by itself, with a status.
const APPLICATION_EXIT: usize = 0x2_0026;

/// A file in the emulator's working directory; it is closed, and what was written is kept, when the emulator ends.
pub struct File {
    handle: usize,
}

impl File {
    /// The file `name`, or nothing where it cannot be opened.
    pub fn open(name: &CStr, mode: Mode) -> Option<Self> {
        // The modes of C's fopen, "rb" and "wb".
        let mode = match mode {
            Mode::Read => 1,
            Mode::Write => 5,
        };
        let handle = request(SYS_OPEN, &[name.as_ptr().addr(), mode, name.count_bytes()]);
        (handle != usize::MAX).then_some(Self { handle })
    }

    /// Fills `bytes` with what comes next.
    pub fn read(&mut self, bytes: &mut [u8]) -> Option<()> {
        let missing = request(SYS_READ, &[self.handle, bytes.as_mut_ptr().expose_provenance(), bytes.len()]);
        (missing == 0).then_some(())
    }

    /// Writes all of `bytes`.
    pub fn write(&mut self, bytes: &[u8]) -> Option<()> {
        let missing = request(SYS_WRITE, &[self.handle, bytes.as_ptr().expose_provenance(), bytes.len()]);
        (missing == 0).then_some(())
    }

    /// Goes to byte `position`; a failure shows at the next read.
    pub fn seek(&mut self, position: usize) {
        request(SYS_SEEK, &[self.handle, position]);
    }
}

/// A call with a block of parameters.
fn request(operation: usize, parameters: &[usize]) -> usize {
    // SAFETY: the block holds what the operation takes; the buffers that it names are borrowed by the callers above.
    unsafe { call(operation, parameters.as_ptr().addr()) }
}

/// Ends the emulation.
pub fn exit(status: Status) -> ! {
    request(SYS_EXIT_EXTENDED, &[APPLICATION_EXIT, status as usize]);
    loop {
        core::hint::spin_loop();
    }
}

/// The emulator's standard error.
pub struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut line = [0; 64];
        // The call takes C strings: a piece at a time, with a zero byte behind it.
        for piece in text.as_bytes().chunks(line.len() - 1) {
            line[..piece.len()].copy_from_slice(piece);
            line[piece.len()] = 0;
            // SAFETY: the parameter is a string that ends with a zero byte.
            unsafe { call(SYS_WRITE0, line.as_ptr().addr()) };
        }
        Ok(())
    }
}

/// A fault of the core: says which and where, and ends.
pub fn fault(cause: usize, place: usize) -> ! {
    if super::stack::overflowed() {
        exit(Status::StackOverflow);
    }
    // The console does not fail.
    let _ = writeln!(Console, "ariel-harness: fault {cause:#x} at {place:#010x}");
    exit(Status::Fault)
}

/// A panic: says where, and ends.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    let _ = writeln!(Console, "ariel-harness: {info}");
    exit(Status::Panic)
}
