//! A QEMU plugin that counts the instructions that each core executes between two markers in the code.
//!
//! ```text
//! clock(vcpu)    = instructions executed: every translation block adds its length when it starts
//! at a marker    = clock - instructions behind the marker in its block: exact within a block, too
//! section        = clocks at STOP - clocks at START, for every core: the markers themselves are not counted
//! ```
//!
//! Markers are instructions without effect that no compiler emits: `mov r9, r9` and `mov r10, r10` on Arm, `slti x0, x0, 1`
//! and `2` on RISC-V. At exit the sections go to the file named by `out=..` as
//! `{"sections": [[core 0, core 1, ..], ..], "executed": [..]}`.

mod api;
mod clock;

use api::{Id, Info, Tb};
use core::ffi::{CStr, c_char, c_int, c_void};
use std::sync::{Mutex, OnceLock};

/// Version of the plugin interface that this was built for; QEMU 9 no longer takes 1.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "the name is QEMU's")]
pub static qemu_plugin_version: c_int = if cfg!(plugin_api_2) { 2 } else { 1 };

/// How the two markers of an instruction set are encoded, little-endian.
struct Markers {
    start: &'static [u8],
    stop: &'static [u8],
}

/// `mov r9, r9` and `mov r10, r10`: 16 bits long, legal from Armv6-M on.
const THUMB: Markers = Markers { start: &[0xc9, 0x46], stop: &[0xd2, 0x46] };
/// `slti x0, x0, 1` and `slti x0, x0, 2`: hints, since x0 cannot be written.
const RISCV: Markers = Markers { start: &[0x13, 0x20, 0x10, 0x00], stop: &[0x13, 0x20, 0x20, 0x00] };

/// What the plugin knows from its start on.
struct Setup {
    markers: Markers,
    out: String,
    /// From version 3 of the interface on, `qemu_plugin_insn_data` copies.
    copies_insn_data: bool,
}

static SETUP: OnceLock<Setup> = OnceLock::new();
static SECTIONS: Mutex<clock::Sections> = Mutex::new(clock::Sections::new());

/// A marker executed: the kind, and how many instructions of its block lie behind it, in one word for QEMU to keep.
#[derive(Clone, Copy)]
struct Mark {
    stop: bool,
    behind: usize,
}

impl Mark {
    fn pack(self) -> *mut c_void {
        core::ptr::without_provenance_mut(self.behind << 1 | usize::from(self.stop))
    }

    fn unpack(word: *mut c_void) -> Self {
        Self { stop: word.addr() & 1 == 1, behind: word.addr() >> 1 }
    }
}

/// What QEMU calls when it loads the plugin; 0 means that the plugin is content.
///
/// # Safety
/// Called by QEMU, with `info` and `arguments` as its documentation says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: Id,
    info: *const Info,
    count: c_int,
    arguments: *const *const c_char,
) -> c_int {
    // SAFETY: QEMU passes a valid description of itself, alive during this call.
    let info = unsafe { &*info };
    // SAFETY: `target_name` is a C string.
    let markers = match unsafe { CStr::from_ptr(info.target_name) }.to_bytes() {
        b"arm" => THUMB,
        b"riscv32" => RISCV,
        other => {
            eprintln!("ariel-counter: no markers for {}", String::from_utf8_lossy(other));
            return 1;
        }
    };
    let arguments = (0..usize::try_from(count).unwrap_or(0))
        // SAFETY: `arguments` has `count` C strings.
        .map(|i| unsafe { CStr::from_ptr(*arguments.add(i)) }.to_string_lossy().into_owned());
    let mut out = None;
    for argument in arguments {
        match argument.split_once('=') {
            Some(("out", path)) => out = Some(path.to_owned()),
            _ => eprintln!("ariel-counter: argument `{argument}` is not known"),
        }
    }
    let Some(out) = out else {
        eprintln!("ariel-counter: say where to write with out=FILE");
        return 1;
    };
    let setup = Setup { markers, out, copies_insn_data: info.version.cur >= 3 };
    if SETUP.set(setup).is_err() {
        eprintln!("ariel-counter: loaded twice");
        return 1;
    }
    // SAFETY: `id` is ours, and both callbacks live as long as the program.
    unsafe {
        api::qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
        api::qemu_plugin_register_atexit_cb(id, at_exit, core::ptr::null_mut());
    }
    0
}

/// A block was translated: has its starts counted, and its markers reported.
unsafe extern "C" fn translated(_: Id, tb: *mut Tb) {
    let Some(setup) = SETUP.get() else { return };
    // SAFETY: `tb` is valid during this callback.
    let count = unsafe { api::qemu_plugin_tb_n_insns(tb) };
    // SAFETY: as above; the word is a number, kept and given back by QEMU.
    unsafe {
        api::qemu_plugin_register_vcpu_tb_exec_cb(
            tb,
            block_starts,
            api::NO_REGS,
            core::ptr::without_provenance_mut(count),
        );
    }
    for index in 0..count {
        // SAFETY: `index` is less than the number of instructions.
        let insn = unsafe { api::qemu_plugin_tb_get_insn(tb, index) };
        // SAFETY: `insn` is valid during this callback.
        let (bytes, length) = unsafe { api::insn_bytes(insn, setup.copies_insn_data) };
        let stop = match &bytes[..length] {
            code if code == setup.markers.start => false,
            code if code == setup.markers.stop => true,
            _ => continue,
        };
        let mark = Mark { stop, behind: count - 1 - index };
        // SAFETY: as above.
        unsafe { api::qemu_plugin_register_vcpu_insn_exec_cb(insn, mark_reached, api::NO_REGS, mark.pack()) };
    }
}

/// A core starts a block of as many instructions as the word says.
unsafe extern "C" fn block_starts(vcpu: u32, count: *mut c_void) {
    clock::advance(vcpu, count.addr() as u64);
}

/// A core is about to execute a marker.
unsafe extern "C" fn mark_reached(vcpu: u32, word: *mut c_void) {
    let mark = Mark::unpack(word);
    // A poisoned lock means that another callback panicked, and a panic aborts.
    let Ok(mut sections) = SECTIONS.lock() else { return };
    if mark.stop { sections.stop(vcpu, mark.behind as u64) } else { sections.start(vcpu, mark.behind as u64) }
}

/// QEMU leaves: writes what was counted.
unsafe extern "C" fn at_exit(_: Id, _: *mut c_void) {
    let (Some(setup), Ok(sections)) = (SETUP.get(), SECTIONS.lock()) else { return };
    if let Err(error) = std::fs::write(&setup.out, sections.json()) {
        eprintln!("ariel-counter: cannot write {}: {error}", setup.out);
    }
}
