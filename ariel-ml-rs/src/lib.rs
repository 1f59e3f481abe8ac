//! The `no_std` runtime of Ariel-ML: what generated models stand on.
//!
//! A firmware crate names its model in `[package.metadata.ariel]`; `ariel-ml-build` compiles it while cargo builds, and
//! [`include_models!`] brings the generated module in:
//!
//! ```ignore
//! ariel_ml_rs::include_models!();
//!
//! let model = ariel_ml_rs::wire!(keywords)?;
//! let scores = model.infer(&input)?;
//! ```
//!
//! # Real time
//! - `infer_async` yields to the executor between tiles: other tasks wait for one tile at most.
//! - A wired model can be given a time budget: `wire!(keywords)?.within::<clock::Embassy>(Duration::from_millis(20))`, or
//!   `.with_budget(timer::now, ticks)` with any function that reads a clock. An inference that misses its deadline is given up and
//!   answers [`Error::DeadlineMissed`]; the model stays usable. See [`budget`] and [`clock`].
//! - Several models at one pool have priorities (`with_priority`): helpers, and leaders that are tasks of one executor, leave the
//!   less urgent model between two tiles. Without a pool, urgency is the executor's: the urgent model belongs into an
//!   interrupt executor (Embassy) or a task of higher priority (RTIC).
//! - Dropping a future half-way, as `select` and timeouts do, leaves the model usable: the next inference starts afresh,
//!   with the states of the last complete one.
//!
//! # Rooms
//! - [`memory`]: the arena, its regions and the raw-pointer views through which kernels reach them;
//! - [`half`]: floating-point numbers of 16 bits, as tensors store them;
//! - [`tensor`]: the model's inputs and outputs as plain data, and how programs fill and read them;
//! - [`quant`]: requantisation, bit for bit as the reference does it;
//! - [`kernels`]: one file per operator; every kernel computes one tile of its output;
//! - [`budget`], [`clock`]: how long an inference may take, and by whose clock;
//! - [`scratch`]: what kernels need for a tile, in fast memory of the core;
//! - [`shared`]: several models in one arena; [`variables`]: what they take over from one another;
//! - [`model`]: what a generated `Model` can do (`infer.rs`), and the macros that it is made of;
//! - [`stream`]: inputs that come row by row;
//! - [`flow`]: control flow between the steps of a model;
//! - `profile` (feature `profile`): what each step takes on the device;
//! - [`plan`]: what a generated module says, checked while it compiles;
//! - `pool` and `sync` (feature `multicore`): several cores at one model.
#![cfg_attr(not(any(test, feature = "std")), no_std)]
#![cfg_attr(not(feature = "default"), allow(dead_code, reason = "helpers of kernels that are left out"))]

pub mod budget;
pub mod clock;
mod delegate;
pub mod error;
pub mod fetch;
pub mod flow;
pub mod half;
mod infer;
pub mod kernels;
pub mod memory;
pub mod model;
mod once;
pub mod plan;
#[cfg(feature = "multicore")]
pub mod pool;
#[cfg(feature = "profile")]
pub mod profile;
pub mod quant;
#[cfg(any(target_has_atomic = "ptr", feature = "multicore"))]
pub mod scratch;
pub mod shared;
pub mod sizes;
pub mod slide;
pub mod stream;
#[cfg(feature = "multicore")]
pub mod sync;
mod tell;
pub mod tensor;
pub mod tile;
#[doc(hidden)]
pub mod trace;
pub mod variables;
pub mod weights;
pub mod wired;

pub use ariel_ml_macros::wire;
pub use budget::{Budget, Timed};
pub use clock::Clock;
#[cfg(feature = "defmt")]
#[doc(hidden)]
pub use defmt as __defmt;
pub use error::Error;
pub use infer::Infer;
pub use shared::{SharedArena, SharedModel};
pub use stream::{Stream, Streamed};
pub use tensor::Tensor;
pub use wired::Wired;

/// Version of this crate: generated code refuses to compile against another minor version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Brings in the modules that `build.rs` generated: one per model of `[package.metadata.ariel]`.
///
/// Needs a `build.rs` with `fn main() { ariel_ml_build::compile(); }`.
#[macro_export]
macro_rules! include_models {
    () => {
        include!(concat!(
            env!("OUT_DIR", "no OUT_DIR: this crate needs a build.rs with `fn main() { ariel_ml_build::compile(); }`"),
            "/ariel_models.rs"
        ));
    };
}
