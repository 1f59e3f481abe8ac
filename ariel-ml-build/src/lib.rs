//! Compiles the neural networks of a firmware crate from its `build.rs`:
//!
//! ```no_run
//! fn main() {
//!     ariel_ml_build::compile();
//! }
//! ```
//!
//! The models stand in `[package.metadata.ariel]` of the crate's `Cargo.toml`; `ariel_ml_rs::include_models!()` brings
//! what was generated into the crate. The compiler itself is the Python package `ariel_build`. Python is looked for in
//! this order: `ARIEL_PYTHON`, `VIRTUAL_ENV`, `.venv` in the package or the workspace root, the interpreter behind
//! `cargo-ariel` on `PATH`, `python3`. The first that has an `ariel_build` of this crate's minor version compiles, in
//! the very process that answered whether it has one: a build starts Python once, and an unchanged one not at all, but
//! for the one behind a build that told of a guessed board: cargo forgets that only so.
#![forbid(unsafe_code)]
#![expect(clippy::needless_doctest_main, reason = "build.rs is a program, and its main is what is shown")]

mod candidates;
mod compile;
mod environment;
mod probe;
mod remedy;
mod shebang;
mod version;

use std::io::Write as _;

/// Compiles every model of this package into `OUT_DIR`; to be called from `build.rs`.
///
/// What goes wrong is reported as `cargo::error=`, which fails the build and which cargo shows as its own error: nothing
/// panics, and after an error of the user's (a wrong key, a missing model, no Python) the function returns, so that
/// cargo's report is not buried under a dump of this process. A defect of the compiler ends the process with exit code
/// 1, so that cargo does show that dump.
pub fn compile() {
    let answer = compile::build(&environment::System);
    // A pipe that cargo has closed leaves nobody to tell.
    let _ = std::io::stderr().write_all(&answer.stderr);
    let mut stdout = std::io::stdout().lock();
    for line in &answer.directives {
        let _ = writeln!(stdout, "{line}");
    }
    let _ = stdout.flush();
    if answer.dump {
        std::process::exit(1);
    }
}
