//! Kernels for one instruction set each, with weights in the order in which their inner loops read them.
//!
//! The compiler chooses them where the board's cores can run them (`ariel_build/isa/select.py`); their results are those of
//! the portable kernels, bit for bit. `build.rs` tells which can be assembled for the target.

#[cfg(armv7e_m)]
pub mod armv7e_m;
pub mod scalar;
#[cfg(vfpv4_sp)]
pub mod vfpv4_sp;
