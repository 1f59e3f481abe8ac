//! What a firmware for the two cores of the ESP32-S3 uses of ariel-ml-rs: type-checked for that target in the tests.
#![no_std]
#![forbid(unsafe_code)]

use ariel_ml_rs::sync::park::Spin;
use ariel_ml_rs::{Error, clock};
use core::time::Duration;

ariel_ml_rs::include_models!();

ariel_ml_rs::pool!(static POOL: 1 helpers, park = &Spin);

/// The second core's task.
pub async fn help() {
    if let Some(seat) = POOL.seat(1) {
        seat.assist().await;
    }
}

/// The first core's task.
pub async fn classify(input: &digits::Input) -> Result<[i8; 10], Error> {
    let model = ariel_ml_rs::wire!(digits, pool = POOL)?;
    let mut model = model.within::<clock::Embassy>(Duration::from_millis(50));
    model.infer_async(input).await.map(|scores| scores.0)
}
