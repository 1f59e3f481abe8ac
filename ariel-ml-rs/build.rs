//! Says which instruction set's kernels can be assembled, and tells the build script of a firmware crate, in `DEP_ARIEL_ML_RS_FEATURES`,
//! with which features this crate is compiled.
//!
//! Stable Rust does not tell whether a core has the DSP extension or which FPU. The targets `thumbv7em-*` imply the one, and on
//! `thumbv8m.main-*` kernels that need it are assembled as well, for the cores that have it: the compiler's board file says
//! which do. Those with hard floats imply `VFPv4` with single precision.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(thumb2, armv7e_m, armv8_m, vfpv4_sp, soft_float)");
    let features = std::env::vars().filter_map(|(name, _)| Some(name.strip_prefix("CARGO_FEATURE_")?.to_lowercase()));
    println!("cargo::metadata=FEATURES={}", features.collect::<Vec<_>>().join(","));
    let target = std::env::var("TARGET").unwrap_or_default();
    let is = |families: &[&str]| families.iter().any(|family| target.starts_with(family));
    if is(&["thumbv7", "thumbv8m.main"]) {
        println!("cargo::rustc-cfg=thumb2");
    }
    if is(&["thumbv7em", "thumbv8m.main"]) {
        println!("cargo::rustc-cfg=armv7e_m");
    }
    if is(&["thumbv8m.main"]) {
        println!("cargo::rustc-cfg=armv8_m");
    }
    if matches!(target.as_str(), "thumbv7em-none-eabihf" | "thumbv8m.main-none-eabihf") {
        println!("cargo::rustc-cfg=vfpv4_sp");
    }
    // RISC-V's extensions are letters, `f` for floats.
    let extensions = target.strip_prefix("riscv32").and_then(|rest| rest.split('-').next());
    if extensions.map_or(target.starts_with("thumb") && !target.ends_with("eabihf"), |letters| !letters.contains('f')) {
        println!("cargo::rustc-cfg=soft_float");
    }
}
