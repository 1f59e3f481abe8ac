//! Weights in fast memory: the linker script has their bytes in flash (`ariel_build/run/firmware.py`).

unsafe extern "C" {
    static mut _ariel_hot: u32;
    static mut _ariel_hot_end: u32;
    static _ariel_hot_load: u32;
}

/// Copies them.
///
/// # Safety
/// Called once, before anything reads them.
pub unsafe fn load() {
    let (to, end) = (&raw mut _ariel_hot, &raw mut _ariel_hot_end);
    // SAFETY: the linker script has whole words from one symbol to the other, and as many in flash; nobody reads them yet.
    unsafe { core::ptr::copy_nonoverlapping(&raw const _ariel_hot_load, to, end.offset_from_unsigned(to)) };
}
