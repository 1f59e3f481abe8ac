"""Code for the ESP32-S3 is type-checked for Xtensa: what can be had without Espressif's toolchain.

Constants are evaluated with it (each kernel checks itself against the arena), and inline assembly would be refused.
Machine code is not made: the LLVM of the official toolchains has no complete back end for Xtensa.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ariel_build.machine import process
from ariel_build.run import toolchain
from tests.examples import support
from tools.setup import rust

TARGET = "xtensa-esp32s3-none-elf"
#: What LLVM says of its Xtensa; rustc's own target is for Espressif's LLVM.
DATA_LAYOUT = "e-m:e-p:32:32-i8:8:32-i16:16:32-i64:64-n32"


@pytest.mark.rust_sources
def test_two_cores_of_the_esp32_s3_type_check(tmp_path: Path) -> None:
    name, *_ = rust.toolchains_with_sources()
    env = toolchain.Toolchain(name, "").environment() | {"RUSTC_BOOTSTRAP": "1"}
    printed = process.run(
        ["rustc", "-Zunstable-options", "--print", "target-spec-json", "--target", TARGET], env=env, timeout=120
    )
    assert printed.status == 0, printed.stderr
    target = tmp_path / f"{TARGET}.json"
    target.write_text(json.dumps(json.loads(printed.stdout) | {"cpu": "generic", "data-layout": DATA_LAYOUT}))
    env |= {"ARIEL_PYTHON": sys.executable, "PYTHONPATH": str(support.ROOT)}
    env |= {"CARGO_TARGET_DIR": str(support.ROOT / "target" / "examples")}
    checked = process.run(
        ["cargo", "check", "--locked", "-Zbuild-std=core", "-Zjson-target-spec", "--target", target],
        timeout=600,
        cwd=Path(__file__).parent / "xtensa",
        env=env,
    )
    if "data-layout for target" in checked.stderr:
        pytest.skip("the LLVM of this toolchain lays data out in another way for Xtensa")
    if "unknown `-Z` flag" in checked.stderr:
        pytest.skip("this toolchain has other flags for custom targets")
    assert checked.status == 0, checked.stderr
    # The code is for the board, whose two cores it uses, and not the portable code of another target.
    assert "portable code" not in checked.stderr
