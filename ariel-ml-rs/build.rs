//! Says which instruction set's kernels can be assembled: stable Rust does not tell whether a core has the DSP extension,
//! but the targets `thumbv7em-*` imply it.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(armv7e_m)");
    if std::env::var("TARGET").is_ok_and(|target| target.starts_with("thumbv7em")) {
        println!("cargo::rustc-cfg=armv7e_m");
    }
}
