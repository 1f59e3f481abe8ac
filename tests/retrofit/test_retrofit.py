"""Firmwares that ship without a network get one by a patch of at most ten lines, and the first build works.

Each folder here is a firmware as people write them: bare (after cortex-m-quickstart), Embassy, RTIC 2, esp-hal. The
patch beside it, of README's lines, makes it read digits. What crates.io has after publication, cargo gets from this
checkout.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from ariel_build.machine import process, resources
from ariel_build.run import elf, toolchain
from tests.examples.support import TARGET

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LINES = 10


def config(firmware: Path) -> tuple[str, list[str]]:
    """Returns the firmware's target and the command that runs it."""
    found = tomllib.loads((firmware / ".cargo" / "config.toml").read_text())
    target: str = found["build"]["target"]
    return target, shlex.split(found["target"][target]["runner"])


def build(firmware: Path, *options: str) -> Path:
    """Returns the program that cargo makes without any warning, ours included."""
    target, _ = config(firmware)
    command = ["cargo", "build", "--release", *options]
    env = toolchain.find(target).environment() | {"ARIEL_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    done = process.run(command, timeout=1200, cwd=firmware, env=env | {"CARGO_TARGET_DIR": str(TARGET)})
    assert done.status == 0, done.stderr
    # Which board the code is for is told once: a line of its own that the user may act on.
    assert "warning" not in "".join(line for line in done.stderr.splitlines() if "This is told once" not in line)
    name: str = tomllib.loads((firmware / "Cargo.toml").read_text())["package"]["name"]
    return TARGET / target / "release" / name


def run(firmware: Path, program: Path) -> str:
    """Returns what the firmware prints on its emulator."""
    _, (name, *options) = config(firmware)
    emulator = resources.emulator(name)
    assert emulator is not None
    done = process.run([emulator, *options, program], timeout=60)
    assert done.status == 0, done.stdout + done.stderr
    return done.stdout


def flash(program: Path) -> int:
    """Returns how many bytes of a program are loaded."""
    return sum(section.size for section in elf.sections(program.read_bytes()) if section.loaded)


EMULATED = pytest.mark.emulator("qemu-system-arm")


@pytest.mark.parametrize(
    "name, emulated",
    [
        pytest.param("bare", True, marks=[EMULATED, pytest.mark.target("thumbv7m-none-eabi")]),
        pytest.param("embassy", True, marks=[EMULATED, pytest.mark.target("thumbv7em-none-eabi")]),
        pytest.param("rtic", True, marks=[EMULATED, pytest.mark.target("thumbv7m-none-eabi")]),
        pytest.param("esp_hal", False, marks=pytest.mark.target("riscv32imac-unknown-none-elf")),
    ],
)
def test_ten_lines_bring_a_network_into_a_firmware(name: str, emulated: bool, tmp_path: Path) -> None:
    patch = (HERE / f"{name}.patch").read_text()
    added = re.findall(r"^\+(?!\+\+ )[ \t]*\S.*$", patch, re.MULTILINE)
    assert 0 < len(added) <= LINES, added
    firmware = tmp_path / name
    shutil.copytree(HERE / name, firmware)

    program = build(firmware, "--locked")
    before = flash(program)
    if emulated:
        assert "it is a" not in run(firmware, program)

    process.run(["git", "apply", HERE / f"{name}.patch"], cwd=firmware, timeout=60)
    assert "include_models" in (firmware / "src" / "main.rs").read_text()
    (firmware / "models").mkdir()
    shutil.copy(ROOT / "examples/digits-mps2-an500/models/digits.tflite", firmware / "models")
    crates = ("ariel-ml-rs", "ariel-ml-build", "ariel-ml-macros")
    published = [word for crate in crates for word in ("--config", f'patch.crates-io.{crate}.path="{ROOT / crate}"')]
    program = build(firmware, *published)
    if emulated:
        assert re.findall(r"it is a (\d)", run(firmware, program)) == ["0", "1", "2"]
    # The network's weights are in it, emulated or not.
    assert flash(program) - before > 7000
