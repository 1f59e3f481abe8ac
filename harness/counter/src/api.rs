//! The part of QEMU's plugin interface that we use, declared by hand: QEMU exports it from its own binary, and a plugin needs
//! no header to call it.

use core::ffi::{c_char, c_int, c_void};

/// The plugin's number in QEMU.
pub type Id = u64;

/// A translation block, known to QEMU only.
#[repr(C)]
pub struct Tb {
    _opaque: [u8; 0],
}

/// An instruction of a block while it is translated, known to QEMU only.
#[repr(C)]
pub struct Insn {
    _opaque: [u8; 0],
}

/// `qemu_info_t`: what QEMU says of itself; more fields follow.
#[repr(C)]
pub struct Info {
    pub target_name: *const c_char,
    pub version: Version,
}

/// The versions of the interface that QEMU takes.
#[repr(C)]
pub struct Version {
    pub min: c_int,
    pub cur: c_int,
}

/// `QEMU_PLUGIN_CB_NO_REGS`: the callback reads no registers of the guest.
pub const NO_REGS: c_int = 0;
/// `QEMU_PLUGIN_MEM_W`: of accesses to memory, those that write.
pub const WRITES: c_int = 2;

unsafe extern "C" {
    pub fn qemu_plugin_register_vcpu_tb_trans_cb(id: Id, callback: unsafe extern "C" fn(Id, *mut Tb));
    pub fn qemu_plugin_register_vcpu_tb_exec_cb(
        tb: *mut Tb,
        callback: unsafe extern "C" fn(u32, *mut c_void),
        flags: c_int,
        word: *mut c_void,
    );
    pub fn qemu_plugin_register_vcpu_insn_exec_cb(
        insn: *mut Insn,
        callback: unsafe extern "C" fn(u32, *mut c_void),
        flags: c_int,
        word: *mut c_void,
    );
    /// The callback comes behind the access.
    pub fn qemu_plugin_register_vcpu_mem_cb(
        insn: *mut Insn,
        callback: unsafe extern "C" fn(u32, u32, u64, *mut c_void),
        flags: c_int,
        which: c_int,
        word: *mut c_void,
    );
    pub fn qemu_plugin_mem_is_store(access: u32) -> bool;
    pub fn qemu_plugin_register_vcpu_idle_cb(id: Id, callback: unsafe extern "C" fn(Id, u32));
    pub fn qemu_plugin_register_vcpu_resume_cb(id: Id, callback: unsafe extern "C" fn(Id, u32));
    pub fn qemu_plugin_register_atexit_cb(id: Id, callback: unsafe extern "C" fn(Id, *mut c_void), word: *mut c_void);
    pub fn qemu_plugin_tb_vaddr(tb: *const Tb) -> u64;
    pub fn qemu_plugin_tb_n_insns(tb: *const Tb) -> usize;
    pub fn qemu_plugin_tb_get_insn(tb: *const Tb, index: usize) -> *mut Insn;
    fn qemu_plugin_insn_size(insn: *const Insn) -> usize;
    /// Until version 2 of the interface it takes one argument and returns a pointer, later it copies and returns a length: both
    /// fit one declaration, since C callees ignore arguments that they do not know and the result is one register.
    fn qemu_plugin_insn_data(insn: *const Insn, to: *mut u8, length: usize) -> *const u8;
}

/// The first bytes of an instruction (at most 4: no longer one is a marker), and how many they are.
///
/// # Safety
/// `insn` is valid, and `copies` says what `qemu_plugin_insn_data` of this QEMU does.
pub unsafe fn insn_bytes(insn: *const Insn, copies: bool) -> ([u8; 4], usize) {
    let mut bytes = [0; 4];
    // SAFETY: `insn` is valid.
    let length = unsafe { qemu_plugin_insn_size(insn) }.min(bytes.len());
    // SAFETY: at most `length` bytes are written to `bytes`.
    let data = unsafe { qemu_plugin_insn_data(insn, bytes.as_mut_ptr(), length) };
    if !copies {
        // SAFETY: the result points to the whole instruction, and `length` is at most its size.
        unsafe { core::ptr::copy_nonoverlapping(data, bytes.as_mut_ptr(), length) };
    }
    (bytes, length)
}
