//! Runs many models on the host, each on its own samples: `<folder>/<model>.in` to `<folder>/<model>.out`.
use ariel_ml_rs::{Infer, Tensor};
use std::fs;
use std::path::Path;

include!("models.rs");
include!("each_model.rs");

/// Bytes of a tensor, all parts.
fn bytes<T: Tensor>(tensor: &T) -> usize {
    (0..T::PARTS).map(|part| tensor.part(part).len()).sum()
}

/// Runs all samples in order: as one sequence, or each after a reset where there is `<model>.apart`.
fn run<M: Infer>(name: &str, model: &mut M) {
    let folder = std::env::args_os().nth(1).unwrap();
    let folder = Path::new(&folder);
    let Ok(input) = fs::read(folder.join(format!("{name}.in"))) else { return };
    let apart = folder.join(format!("{name}.apart")).exists();
    let mut output = Vec::new();
    model.reset();
    for mut sample in input.chunks(bytes(model.input_mut())) {
        if apart {
            model.reset();
        }
        for part in 0..M::Input::PARTS {
            let target = model.input_mut().part_mut(part);
            let (own, rest) = sample.split_at(target.len());
            target.copy_from_slice(own);
            sample = rest;
        }
        let result = model.run().unwrap();
        for part in 0..M::Output::PARTS {
            output.extend_from_slice(result.part(part));
        }
    }
    fs::write(folder.join(format!("{name}.out")), output).unwrap();
}

macro_rules! run_all {
    ($($name:ident)*) => {{ $(
        run(stringify!($name), &mut $name::Model::new());
    )* }};
}

fn main() {
    // Models live on the stack here, all of them at once.
    let work = || each_model!(run_all);
    std::thread::Builder::new().stack_size(1 << 30).spawn(work).unwrap().join().unwrap();
}
