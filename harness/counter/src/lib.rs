//! A QEMU plugin that measures, in instructions, what each core does between two markers in the code, and how long it takes.
//!
//! ```text
//! executed(core) = instructions: every translation block adds its length when the core leaves it
//! time(core)     = executed + time slept: the cores' clocks are kept together (`lockstep`), so that times can be compared
//! at a marker    = clock + instructions before the marker in its block: exact within a block, too
//! section        = clocks at STOP - clocks at START, for every core: the markers themselves are not counted
//! makespan       = the section's time on the core with the markers: waiting for the others is in it
//! idle           = executed between IDLE and BUSY: waiting that a program does awake
//! cycles         = the same section in estimated clock cycles of a Cortex-M4 (`timing`), where asked for
//! blocks         = address, instructions and times of each block that the section executed, where asked for
//! steps          = the section by the markers of steps in it, where there are any
//! ```
//!
//! At exit the sections go to the file named by `out=..` as JSON. With `cores=..` above 1, QEMU has to run one thread per
//! core (`-accel tcg,thread=multi`).

mod api;
mod blocks;
mod core_clock;
mod lockstep;
mod markers;
mod options;
mod sections;
mod thumb;
mod timing;

use api::{Id, Info, Tb};
use blocks::Counted;
use core::ffi::{CStr, c_char, c_int, c_void};
use core_clock::CLOCKS;
use markers::{Encodings, Marker};
use options::Options;
use sections::Sections;
use std::sync::{Mutex, OnceLock};
use timing::Block;

/// Version of the plugin interface that this was built for; QEMU 9 no longer takes 1.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "the name is QEMU's")]
pub static qemu_plugin_version: c_int = if cfg!(plugin_api_2) { 2 } else { 1 };

/// What the plugin knows from its start on.
struct Setup {
    markers: &'static Encodings,
    /// Branches around START and STOP.
    branches: u64,
    options: Options,
    /// From version 3 of the interface on, `qemu_plugin_insn_data` copies.
    copies_insn_data: bool,
}

static SETUP: OnceLock<Setup> = OnceLock::new();
static SECTIONS: Mutex<Sections> = Mutex::new(Sections::new());

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
    let target = unsafe { CStr::from_ptr(info.target_name) };
    let arguments = (0..usize::try_from(count).unwrap_or(0))
        // SAFETY: `arguments` has `count` C strings.
        .map(|i| unsafe { CStr::from_ptr(*arguments.add(i)) }.to_string_lossy().into_owned());
    if let Err(refusal) = install(id, info, target, arguments) {
        eprintln!("ariel-counter: {refusal}");
        return 1;
    }
    0
}

/// Registers what is to be called.
fn install(id: Id, info: &Info, target: &CStr, arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let markers =
        markers::of(target.to_bytes()).ok_or_else(|| format!("no markers for {}", target.to_string_lossy()))?;
    let options = Options::parse(arguments)?;
    lockstep::begin(options.starters, options.quantum);
    let several = options.cores > 1;
    let setup = Setup {
        markers,
        branches: markers::branches(target.to_bytes()),
        options,
        copies_insn_data: info.version.cur >= 3,
    };
    SETUP.set(setup).map_err(|_| "loaded twice")?;
    // SAFETY: `id` is ours, and the callbacks live as long as the program.
    unsafe {
        api::qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
        api::qemu_plugin_register_atexit_cb(id, at_exit, core::ptr::null_mut());
    }
    if several {
        // SAFETY: as above.
        unsafe {
            api::qemu_plugin_register_vcpu_idle_cb(id, sleeps);
            api::qemu_plugin_register_vcpu_resume_cb(id, resumes);
        }
    }
    Ok(())
}

/// A number for QEMU to keep and give back.
fn word(number: usize) -> *mut c_void {
    core::ptr::without_provenance_mut(number)
}

/// A block was translated: has its starts counted, its markers reported, and its stores where they may ring a doorbell.
unsafe extern "C" fn translated(_: Id, tb: *mut Tb) {
    let Some(setup) = SETUP.get() else { return };
    // SAFETY: `tb` is valid during this callback.
    let count = unsafe { api::qemu_plugin_tb_n_insns(tb) };
    // SAFETY: as above.
    unsafe { api::qemu_plugin_register_vcpu_tb_exec_cb(tb, block_starts, api::NO_REGS, word(count)) };
    if setup.options.blocks
        // SAFETY: as above.
        && let Some(block) = blocks::new(unsafe { api::qemu_plugin_tb_vaddr(tb) }, count)
    {
        let block = core::ptr::from_ref(block).cast_mut().cast();
        // SAFETY: as above.
        unsafe { api::qemu_plugin_register_vcpu_tb_exec_cb(tb, counted_block_starts, api::NO_REGS, block) };
    }
    // SAFETY: as above.
    let mut timed = setup.options.timed.then(|| Block::new(unsafe { api::qemu_plugin_tb_vaddr(tb) }));
    let mut previous = None;
    for ahead in 0..count {
        // SAFETY: `ahead` is less than the number of instructions.
        let insn = unsafe { api::qemu_plugin_tb_get_insn(tb, ahead) };
        if !setup.options.bells.is_empty() || setup.options.timeline.1 > 0 {
            // SAFETY: `insn` is valid during this callback.
            unsafe { api::qemu_plugin_register_vcpu_mem_cb(insn, accessed, api::NO_REGS, api::WRITES, word(ahead)) };
        }
        // SAFETY: as above.
        let (bytes, length) = unsafe { api::insn_bytes(insn, setup.copies_insn_data) };
        if let Some(marker) = Marker::decode(setup.markers, &bytes[..length]) {
            let packed = word(marker.pack(ahead));
            // SAFETY: as above.
            unsafe { api::qemu_plugin_register_vcpu_insn_exec_cb(insn, mark_reached, api::NO_REGS, packed) };
        } else if let Some(step) = markers::step(setup.markers, &bytes[..length]) {
            let packed = word(ahead << 16 | step as usize);
            // SAFETY: as above.
            unsafe { api::qemu_plugin_register_vcpu_insn_exec_cb(insn, step_reached, api::NO_REGS, packed) };
        }
        if let Some(block) = &mut timed {
            previous = Some(block.push(&bytes[..length], previous));
        }
    }
    if let Some(block) = timed {
        // Blocks are kept for ever, as QEMU may run one at any time; there are a few thousand.
        let kept = core::ptr::from_ref(Box::leak(Box::new(block))).cast_mut().cast();
        // SAFETY: as above.
        unsafe { api::qemu_plugin_register_vcpu_tb_exec_cb(tb, timed_block_starts, api::NO_REGS, kept) };
    }
}

/// The core starts this block: it was executed once more.
unsafe extern "C" fn counted_block_starts(_: u32, block: *mut c_void) {
    // SAFETY: `translated` gave a block that lives for ever and that is shared.
    blocks::enter(unsafe { &*block.cast::<Counted>() });
}

/// The core starts this block: the clock that is estimated goes on.
unsafe extern "C" fn timed_block_starts(_: u32, block: *mut c_void) {
    // SAFETY: `translated` gave a block that lives for ever and that nobody changes.
    timing::enter(unsafe { &*block.cast::<Block>() });
}

/// A core is about to execute the marker of a step.
unsafe extern "C" fn step_reached(vcpu: u32, packed: *mut c_void) {
    let (ahead, step) = (packed.addr() >> 16, packed.addr() & 0xffff);
    let Ok(mut sections) = SECTIONS.lock() else { return };
    sections.step(vcpu as usize, ahead as u64, u32::try_from(step).unwrap_or(0));
}

/// A core starts a block of as many instructions as the word says.
unsafe extern "C" fn block_starts(vcpu: u32, count: *mut c_void) {
    lockstep::enter_block(vcpu as usize, count.addr() as u64);
}

/// A core has accessed memory, by an instruction with as many before it in its block as the word says.
unsafe extern "C" fn accessed(vcpu: u32, access: u32, address: u64, ahead: *mut c_void) {
    let Some(setup) = SETUP.get() else { return };
    if let Some(offset) = setup.options.timeline_at(address) {
        // SAFETY: `access` is what QEMU passed.
        if unsafe { api::qemu_plugin_mem_is_store(access) } {
            let Ok(mut sections) = SECTIONS.lock() else { return };
            sections.told(vcpu as usize, ahead.addr() as u64 + 1, offset);
        }
        return;
    }
    let Some(core) = setup.options.bell_at(address) else { return };
    // QEMU 7.2 reports loads, too, where only stores are asked for.
    // SAFETY: `access` is what QEMU passed.
    if unsafe { api::qemu_plugin_mem_is_store(access) } {
        lockstep::ring(vcpu as usize, ahead.addr() as u64 + 1, core);
    }
}

/// A core is about to execute a marker.
unsafe extern "C" fn mark_reached(vcpu: u32, packed: *mut c_void) {
    let (marker, ahead) = Marker::unpack(packed.addr());
    let core = vcpu as usize;
    let branches = SETUP.get().map_or(0, |setup| setup.branches);
    // A poisoned lock means that another callback panicked, and a panic aborts.
    let Ok(mut sections) = SECTIONS.lock() else { return };
    match marker {
        Marker::Start => sections.start(core, ahead + branches),
        Marker::Stop => sections.stop(core, ahead, branches),
        Marker::Idle => CLOCKS[core].begin_idle(ahead + 1),
        Marker::Busy => CLOCKS[core].end_idle(ahead),
    }
}

/// A core sleeps.
unsafe extern "C" fn sleeps(_: Id, vcpu: u32) {
    lockstep::sleep(vcpu as usize);
}

/// A core no longer sleeps.
unsafe extern "C" fn resumes(_: Id, vcpu: u32) {
    lockstep::resume(vcpu as usize);
}

/// QEMU leaves: writes what was counted.
unsafe extern "C" fn at_exit(_: Id, _: *mut c_void) {
    let (Some(setup), Ok(sections)) = (SETUP.get(), SECTIONS.lock()) else { return };
    let Options { out, cores, timed, .. } = &setup.options;
    if let Err(error) = std::fs::write(out, sections.json(*cores, *timed, lockstep::unheard())) {
        eprintln!("ariel-counter: cannot write {out}: {error}");
    }
}
