//! Runs the model `{{module}}` once, on this computer.
//!
//! {{how}}
#![forbid(unsafe_code)]

// `mod {{module}}`, which build.rs compiled from {{path}}.
ariel_ml_rs::include_models!();

fn main() {
    // The model's memory is static; this handle is the only way to it.
    let mut model = ariel_ml_rs::wire!({{module}}).expect("wired once");

    {{fill}}
    let output = model.run().expect("no budget to exceed");
    {{answer}}
}

{{samples}}
