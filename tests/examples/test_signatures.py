"""A firmware of two signatures of one file, on the emulated Cortex-M7: one copy of the weights, one variable."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from ariel_build.machine import process, resources
from tests.examples import support
from tests.signatures import WEIGHTS, two_signatures

EXAMPLE = "digits-bare-loop"
pytestmark = [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target("thumbv7em-none-eabihf")]
MODELS = """
[package.metadata.ariel.models]
gather = { path = "net.tflite", signature = "gather" }
weigh = { path = "net.tflite", signature = "weigh" }
"""
MAIN = """
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use panic_semihosting as _;

ariel_ml_rs::include_models!();

#[entry]
fn main() -> ! {
    let (mut gather, mut weigh) = (gather::Model::new(), weigh::Model::new());
    let ones = gather::Input([1.0; 8]);
    gather.infer(&ones).unwrap();
    gather.infer(&ones).unwrap();
    let twos = weigh::Input([2.0; 8]);
    hprintln!("{:?}", weigh.infer(&twos).unwrap().0);
    weigh.take_variables(&mut gather);
    hprintln!("{:?}", weigh.infer(&twos).unwrap().0);
    gather.take_variables(&mut weigh::Model::new());
    hprintln!("{:?}", gather.infer(&ones).unwrap().0);
    loop {
        debug::exit(debug::EXIT_SUCCESS);
    }
}
"""


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of two models."""
    package = tmp_path_factory.mktemp("signatures")
    example = support.EXAMPLES / EXAMPLE
    for name in ("build.rs", "memory.x", "Cargo.lock"):
        shutil.copy(example / name, package / name)
    shutil.copytree(example / ".cargo", package / ".cargo")
    (package / "net.tflite").write_bytes(two_signatures())
    manifest = (example / "Cargo.toml").read_text().replace('"../../', f'"{support.ROOT.as_posix()}/')
    manifest = re.sub(r"\[package\.metadata\.ariel\]\n(.+\n)+", MODELS, manifest)
    (package / "Cargo.toml").write_text(manifest)
    (package / "src").mkdir()
    (package / "src" / "main.rs").write_text(MAIN)
    return support.cargo_build(EXAMPLE, package, "--release")


def test_one_goes_on_with_what_the_other_has_computed(firmware: Path) -> None:
    emulator = resources.emulator("qemu-system-arm")
    assert emulator is not None
    options = ["-machine", "mps2-an500", "-cpu", "cortex-m7", "-nographic", "-semihosting-config"]
    done = process.run([emulator, *options, "enable=on,target=native", "-kernel", firmware], timeout=300)
    assert done.status == 0, done.stdout + done.stderr
    told = [np.array([float(n) for n in re.findall(r"[\d.]+", line)]) for line in done.stdout.splitlines()[:3]]
    product = WEIGHTS.sum(axis=1)
    np.testing.assert_allclose(told, [np.zeros(8), 2 * product * 2 * product, product], rtol=1e-6)


def test_the_weights_are_in_flash_once(firmware: Path) -> None:
    out = max(firmware.parent.glob("build/*/out/gather_weights.weights"), key=lambda path: path.stat().st_mtime)
    blob = out.read_bytes()
    assert len(blob) >= WEIGHTS.nbytes
    assert firmware.read_bytes().count(blob) == 1
