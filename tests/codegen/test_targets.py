"""No warning on any target of the boards list: the runtime with the features that make sense, and a model's module.

Targets whose `core` is not installed here are told of at the end, with the reason. Their own conditions of compilation
are checked on the closest target that is there: what they switch on is type-checked, and warned of, all the same.
"""

from __future__ import annotations

import tomllib
import warnings
from pathlib import Path

import pytest

from ariel_build import boards, resources
from tests.codegen.support import build, compiled, one_at_a_time, write_crate
from tests.codegen.test_generated_code import STRICT
from tests.zoo import DIGITS

#: Features of the runtime that firmware switches on together.
FEATURES = ("", "multicore", "ariel-os,defmt", "rtic,log,trace,pool-stats")
#: For targets that set-up's toolchains lack, or only Debian's has: one that is there, and what `build.rs` would add.
STANDS_IN = {
    "thumbv8m.base-none-eabi": ("thumbv6m-none-eabi", ()),
    "thumbv8m.main-none-eabihf": ("thumbv8m.main-none-eabi", ("vfpv4_sp",)),
    "riscv32imc-unknown-none-elf": ("riscv32imac-unknown-none-elf", ()),
    "xtensa-esp32-none-elf": ("riscv32imac-unknown-none-elf", ()),
    "xtensa-esp32s3-none-elf": ("riscv32imac-unknown-none-elf", ()),
}


def targets() -> list[str]:
    """Returns the bare-metal targets of `boards/*.toml`."""
    files = (tomllib.loads(path.read_text(encoding="utf-8")) for path in resources.path("boards").glob("*.toml"))
    return sorted({file["target"] for file in files} - {"host", "any"})


def board_for(target: str) -> str:
    """Returns the name of a board of that target."""
    found = sorted(p.stem for p in resources.path("boards").glob("*.toml") if f'"{target}"' in p.read_text("utf-8"))
    return found[0]


def place(target: str) -> tuple[str, tuple[str, ...]]:
    """Returns the target to build for and the flags of rustc; warns where it is another."""
    other, conditions = STANDS_IN.get(target, (target, ()))
    if other != target:
        warnings.warn(f"{target}: its conditions were checked on {other}", stacklevel=1)
    return other, ("-Dwarnings", *(word for name in conditions for word in ("--cfg", name)))


def marked(target: str) -> object:
    """Returns the target as a parameter, marked with what is built for."""
    return pytest.param(target, marks=pytest.mark.target(STANDS_IN.get(target, (target,))[0]))


def test_the_boards_have_targets_that_are_known_here() -> None:
    assert len(targets()) >= 10
    assert set(STANDS_IN) <= set(targets())


@pytest.mark.parametrize("target", map(marked, targets()))
def test_the_runtime_gives_no_warning(target: str) -> None:
    """With each set of features; the crate is of the workspace, so that its warnings are shown."""
    other, flags = place(target)
    with one_at_a_time("targets") as folder:
        for features in FEATURES:
            words = [
                "check",
                "--quiet",
                "--package",
                "ariel-ml-rs",
                "--target-dir",
                str(folder),
                "--features",
                features,
            ]
            ended = build(resources.path("ariel-ml-rs"), *words, target=other, shared="targets", rustflags=flags)
            assert (ended.returncode, ended.stderr) == (0, ""), f"{target}, features {features or 'none'}"


@pytest.mark.parametrize("target", map(marked, targets()))
def test_a_model_gives_no_warning(target: str, tmp_path: Path) -> None:
    """A module for the target's own board, in a crate that allows nothing; what is not used is no warning either."""
    other, flags = place(target)
    model = compiled(DIGITS, "digits", boards.load(board_for(target)))
    write_crate(tmp_path, STRICT, [model])
    with one_at_a_time("targets-model"):
        ended = build(tmp_path, "check", "--quiet", target=other, shared="targets-model", rustflags=flags)
    assert (ended.returncode, ended.stderr) == (0, ""), target
