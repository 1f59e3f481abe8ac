//! Gives bare-metal builds their linker script: `link.x` here, `memory.x` from `ARIEL_MEMORY`, which the board determines;
//! the number of cores, from `ARIEL_CORES`, where another image begins, from `ARIEL_HELPER`, and a DMA, from `ARIEL_DMA`.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=link.x");
    println!("cargo::rerun-if-env-changed=ARIEL_MEMORY");
    println!("cargo::rerun-if-env-changed=ARIEL_CORES");
    println!("cargo::rerun-if-env-changed=ARIEL_HELPER");
    println!("cargo::rerun-if-env-changed=ARIEL_DMA");
    let cores = env::var("ARIEL_CORES").unwrap_or_else(|_| "1".into());
    println!("cargo::rustc-env=ARIEL_CORES={cores}");
    let helper = env::var("ARIEL_HELPER").unwrap_or_else(|_| "0".into());
    println!("cargo::rustc-env=ARIEL_HELPER={helper}");
    let dma = env::var("ARIEL_DMA").unwrap_or_else(|_| "0".into());
    println!("cargo::rustc-env=ARIEL_DMA={dma}");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let here = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    if let Ok(memory) = env::var("ARIEL_MEMORY") {
        println!("cargo::rerun-if-changed={memory}/memory.x");
        println!("cargo::rustc-link-search={memory}");
    }
    println!("cargo::rustc-link-arg=-T{here}/link.x");
}
