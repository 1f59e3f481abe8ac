//! Runs the model `{{module}}` once on {{board}}, in a task of Embassy's.
//!
//! {{how}}
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

{{uses}}

// `mod {{module}}`, which build.rs compiled from {{path}}.
ariel_ml_rs::include_models!();

{{items}}

#[{{entry}}]
async fn main(_spawner: Spawner) {
    {{begin}}
    // The model's memory is static; this handle is the only way to it.
    let mut model = ariel_ml_rs::wire!({{module}}).expect("wired once");

    {{fill}}
    // Other tasks run between its tiles: `_spawner.spawn(..)` them before.
    let output = model.run_async().await.expect("no budget to exceed");
    {{answer}}

    {{end}}
}

{{samples}}
