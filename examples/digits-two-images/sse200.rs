//! The two cores of Arm's SSE-200: how one starts the other, sleeps and is woken. Both images have this file.

use ariel_ml_rs::sync::park::ArmWfi;

/// The number of the running core, from Arm's block `CPU_IDENTITY`.
const CPUID: usize = 0x5001_f000;
/// Where core 1 finds its vectors, and the bits that keep cores from running.
const INITSVTOR1: usize = 0x5002_1114;
const CPUWAIT: usize = 0x5002_1118;
/// Message handling unit 0: for each core the registers status, set, clear, 16 bytes apart.
const MHU0: usize = 0x5000_3000;
const SET: usize = 4;
const CLEAR: usize = 8;

/// The flash of the other image begins with its vectors: `help/memory.x`.
const HELPER_VECTORS: u32 = 0x1020_0000;

/// How a worker without work sleeps: WFI, until the other core sends it the interrupt of MHU0.
pub static PARK: ArmWfi = ArmWfi::new(
    || read(CPUID),
    |core| write(MHU0 + 16 * (core as usize & 1) + SET, 1),
    || write(MHU0 + 16 * read(CPUID) as usize + CLEAR, 1),
    6,
);

/// Lets core 1 run the other image, if it does not yet.
#[allow(dead_code, reason = "for the image of core 0")]
pub fn start(_worker: usize) {
    // Bit 1 holds core 1.
    let held = read(CPUWAIT);
    if held & 2 != 0 {
        write(INITSVTOR1, HELPER_VECTORS);
        write(CPUWAIT, held & !2);
    }
}

fn read(register: usize) -> u32 {
    // SAFETY: a register of the SSE-200 that may be read at any time.
    unsafe { core::ptr::with_exposed_provenance::<u32>(register).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: a register of the SSE-200; what it does is said above.
    unsafe { core::ptr::with_exposed_provenance_mut::<u32>(register).write_volatile(value) };
}
