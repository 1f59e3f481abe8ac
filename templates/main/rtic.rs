//! Runs the model `{{module}}` once on {{board}}, in a task of RTIC 2.
//!
//! {{how}}
#![no_std]
#![no_main]

{{modules}}

{{uses}}

// `mod {{module}}`, which build.rs compiled from {{path}}.
ariel_ml_rs::include_models!();

{{items}}

#[rtic::app(device = {{device}}, peripherals = false, dispatchers = [{{dispatcher}}])]
mod app {
    {{app}}

    #[shared]
    struct Shared {}

    #[local]
    struct Local {
        model: Wired<{{module}}::Model>,
    }

    #[init]
    fn init(_: init::Context) -> (Shared, Local) {
        {{begin}}
        classify::spawn().expect("spawned once");
        // The model's memory is static; this handle is the only way to it.
        (Shared {}, Local { model: ariel_ml_rs::wire!({{module}}).expect("wired once") })
    }

    /// Tasks of higher priority interrupt it, those of its own run between the model's tiles.
    #[task(priority = 1, local = [model])]
    async fn classify(context: classify::Context) {
        let model = context.local.model;
        {{fill}}
        let output = model.run_async().await.expect("no budget to exceed");
        {{answer}}
        {{end}}
    }
}

{{samples}}
