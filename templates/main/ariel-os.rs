//! Runs the model `{{module}}` once on {{board}}, in a thread of Ariel OS.
//!
//! {{how}}
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

{{uses}}

// `mod {{module}}`, which build.rs compiled from {{path}}.
ariel_ml_rs::include_models!();

/// Tasks, and threads of higher priority, go on while it thinks.
#[ariel_os::thread(autostart, stacksize = {{stack}}, priority = 1)]
fn classify() {
    // The model's memory is static; this handle is the only way to it.
    let mut model = ariel_ml_rs::wire!({{module}}).expect("wired once");

    {{fill}}
    match model.run() {
        Ok(output) => {
            {{answer}}
        }
        Err(_) => error!("no answer"),
    }
}

{{samples}}
