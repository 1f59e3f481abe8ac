//! Says which instruction set's kernels can be assembled: stable Rust does not tell whether a core has the DSP extension or
//! which FPU, but the targets `thumbv7em-*` imply the one, and those with hard floats `VFPv4` with single precision.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(armv7e_m, thumb2, vfpv4_sp)");
    let target = std::env::var("TARGET").unwrap_or_default();
    if target.starts_with("thumbv7") || target.starts_with("thumbv8m.main") {
        println!("cargo::rustc-cfg=thumb2");
    }
    if target.starts_with("thumbv7em") {
        println!("cargo::rustc-cfg=armv7e_m");
    }
    if matches!(target.as_str(), "thumbv7em-none-eabihf" | "thumbv8m.main-none-eabihf") {
        println!("cargo::rustc-cfg=vfpv4_sp");
    }
}
