//! Runs the model `{{module}}` once on {{board}}, without an executor.
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
fn main() -> ! {
    {{begin}}
    // The model's memory is static; this handle is the only way to it.
    let mut model = ariel_ml_rs::wire!({{module}}).expect("wired once");

    {{fill}}
    let output = model.run().expect("no budget to exceed");
    {{answer}}

    loop {
        {{rest}}
    }
}

{{samples}}
