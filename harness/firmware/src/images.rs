//! What `pool.rs` is where each core runs a firmware of its own: they share a block, and that of core 0 leads.

use crate::platform::CORES;
use ariel_ml_rs::pool::Stats;
use core::array;

/// What each core has done for models so far.
pub fn stats() -> [Stats; CORES as usize] {
    array::from_fn(crate::subject::Shared::stats)
}

/// Defines `serve` of a compiled model for the two images: as `serve::serve` in that of core 0, helping for ever in that of core 1.
macro_rules! serve_with_images {
    ($module:ident) => {
        ariel_ml_rs::images! {
            /// What both images see.
            pub struct Shared { model: $module }
            helpers 1, park &crate::platform::PARK
        }

        /// Runs the model on the samples, on all cores.
        pub fn serve(input: &mut <Model as ariel_ml_rs::Infer>::Input) -> Result<(), crate::platform::Status> {
            use crate::platform::{Status, prepare, start_image};
            prepare();
            if cfg!(feature = "helper") {
                // SAFETY: the image of helper 1, whose core is not reset.
                let _refused = unsafe { Shared::help(1) };
                return Err(Status::Refused);
            }
            let mut shared = Shared::lead(|_| start_image()).map_err(|_| Status::Refused)?;
            crate::serve::serve(&mut shared.model, input)
        }
    };
}
pub(crate) use serve_with_images;
