"""A firmware of two models in one arena, built by cargo as a user does, on the emulated Cortex-M7 and M4."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ariel_build.machine import process, resources
from tests.examples import support

EXAMPLE = "digits-bare-loop"
pytestmark = [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target("thumbv7em-none-eabihf")]
MODELS = """
[package.metadata.ariel.models.first]
path = "digits.tflite"
arena = "memory"

[package.metadata.ariel.models.second]
path = "digits.tflite"
optimize = "ram"
arena = "memory"
"""
MAIN = """
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use panic_semihosting as _;

ariel_ml_rs::include_models!();

static IMAGES: &[[u8; 65]] = include_bytes!("../digits-test.bin").as_chunks().0;

fn best(scores: &[i8]) -> u8 {
    (0..10).rev().max_by_key(|&digit| scores[usize::from(digit)]).unwrap_or(0)
}

#[entry]
fn main() -> ! {
    let arena: &'static mut memory::SharedArena =
        cortex_m::singleton!(: memory::SharedArena = memory::SharedArena::new()).unwrap();
    let (mut first, mut second) = (first::SharedModel::new(), second::SharedModel::new());
    let mut right = [0; 2];
    for [pixels @ .., label] in IMAGES {
        let ink = pixels.map(|ink| f32::from(ink) / 16.0);
        let scores = best(&first.on(arena).infer(&first::Input::from_f32(&ink)).unwrap().0);
        right[0] += u32::from(scores == *label);
        let scores = best(&second.on(arena).infer(&second::Input::from_f32(&ink)).unwrap().0);
        right[1] += u32::from(scores == *label);
    }
    hprintln!("{} {} of {}; {} bytes", right[0], right[1], IMAGES.len(), memory::BYTES);
    hprintln!("{} {}", first::ARENA_BYTES, second::ARENA_BYTES);
    loop {
        debug::exit(debug::EXIT_SUCCESS);
    }
}
"""


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of two models."""
    package = tmp_path_factory.mktemp("shared")
    example, models = support.EXAMPLES / EXAMPLE, support.EXAMPLES / "digits-mps2-an500" / "models"
    for name in ("build.rs", "memory.x", "Cargo.lock"):
        shutil.copy(example / name, package / name)
    shutil.copytree(example / ".cargo", package / ".cargo")
    shutil.copy(models / "digits.tflite", package)
    shutil.copy(models / "digits-test.bin", package)
    manifest = (example / "Cargo.toml").read_text().replace('"../../', f'"{support.ROOT.as_posix()}/')
    manifest = re.sub(r"\[package\.metadata\.ariel\]\n(.+\n)+", MODELS, manifest)
    (package / "Cargo.toml").write_text(manifest)
    (package / "src").mkdir()
    (package / "src" / "main.rs").write_text(MAIN)
    return support.cargo_build(EXAMPLE, package, "--release")


@pytest.mark.parametrize("machine, cpu", [("mps2-an500", "cortex-m7"), ("mps2-an386", "cortex-m4")])
def test_two_models_answer_in_one_arena(firmware: Path, machine: str, cpu: str) -> None:
    emulator = resources.emulator("qemu-system-arm")
    assert emulator is not None
    options = ["-machine", machine, "-cpu", cpu, "-nographic", "-semihosting-config", "enable=on,target=native"]
    done = process.run([emulator, *options, "-kernel", firmware], timeout=300)
    assert done.status == 0, done.stdout + done.stderr
    answer, needs = done.stdout.splitlines()[:2]
    first, second, count, size = map(int, re.findall(r"\d+", answer))
    assert (first, count) == (support.digits()["int8_correct"], support.digits()["images"])
    assert second == first
    assert size == max(map(int, needs.split()))
