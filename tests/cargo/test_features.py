"""Features of the runtime crate: what a model does not need may be left out, and what it needs is asked for by name."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from ariel_build import boards, driver
from ariel_build.config.options import ModelOptions
from ariel_build.machine import process, resources
from tests.zoo import FLOAT, node, onnx_file
from tools.kernels import classes

ROOT = resources.path("ariel-ml-rs").parent
CARGO = """\
[package]
name = "firmware"
version = "0.1.0"
edition = "2024"

[package.metadata.ariel]
model = "waves.onnx"

[dependencies]
ariel-ml-rs = {{ path = "{root}/ariel-ml-rs", {features} }}

[build-dependencies]
ariel-ml-build = {{ path = "{root}/ariel-ml-build" }}

[workspace]
"""


def features() -> dict[str, list[str]]:
    manifest = tomllib.loads((ROOT / "ariel-ml-rs" / "Cargo.toml").read_text())
    found: dict[str, list[str]] = manifest["features"]
    return found


def test_all_that_kernels_need_is_there_by_default() -> None:
    needed = {feature for kernel in classes() for feature in getattr(kernel, "FEATURES", ())}
    assert needed == set(features()["default"])


def waves(folder: Path) -> Path:
    ends = {"x": (FLOAT, [1, 8])}, {"y": (FLOAT, [1, 8])}
    return onnx_file(folder / "waves.onnx", [node("Sin", ["x"], ["s"]), node("Softmax", ["s"], ["y"])], *ends)


def test_a_compiled_model_tells_what_it_needs(tmp_path: Path) -> None:
    model = waves(tmp_path)
    compiled = driver.compile_model(model, ModelOptions(path=model), boards.load("qemu-cortex-m7"), "waves")
    assert compiled.features == {"elementwise", "float"}


@pytest.mark.skipif(shutil.which("cargo") is None, reason="no cargo")
def test_a_build_names_the_features_that_are_missing(tmp_path: Path) -> None:
    crate = tmp_path / "firmware"
    (crate / "src").mkdir(parents=True)
    (crate / "src/lib.rs").write_text("ariel_ml_rs::include_models!();\n")
    (crate / "build.rs").write_text("fn main() {\n    ariel_ml_build::compile();\n}\n")
    waves(crate)
    env = {"CARGO_TARGET_DIR": str(tmp_path / "target"), "CARGO_NET_OFFLINE": "true", "CARGO_TERM_COLOR": "never"}
    env |= {"ARIEL_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}

    def check(wish: str) -> process.Completed:
        (crate / "Cargo.toml").write_text(CARGO.format(root=ROOT, features=wish))
        return process.run(["cargo", "check"], timeout=600, cwd=crate, env=os.environ | env)

    done = check('default-features = false, features = ["float"]')
    assert done.status != 0
    assert re.findall(r"^error: firmware@0.1.0: (.*)$", done.stderr, re.MULTILINE) == [
        "`waves` has kernels that ariel-ml-rs is compiled without: features elementwise",
        "  --> Cargo.toml:10",
        '  help: add "elementwise" to its `features`, or leave out `default-features = false`: all are on then',
    ]
    # No error of rustc's hides it.
    assert "unresolved" not in done.stderr
    done = check('default-features = false, features = ["float", "elementwise"]')
    assert done.status == 0, done.stderr
    assert "warning" not in done.stderr
