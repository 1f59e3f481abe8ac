//! Compiles the model of `[package.metadata.ariel]` into `OUT_DIR`.

fn main() {
    ariel_ml_build::compile();
}
