"""No warning on any target of the boards list: the runtime with the features that make sense, and a model's module.

The marks let set-up install every target but Xtensa's, whose code only Espressif's compiler makes: its conditions of
compilation are checked on another, so that what they switch on is type-checked, and warned of, all the same.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ariel_build import boards
from ariel_build.machine import resources
from tests.codegen.test_generated_code import STRICT
from tools.recorded import DIGITS
from tools.recorded.crate import build, compiled, one_at_a_time, write_crate
from tools.setup import Needs

#: Features of the runtime that firmware switches on together. Each is tried on a core of Arm and on one of RISC-V, and
#: on all targets at length: what cores differ in does not hang on executors and loggers.
FEATURES = ("multicore", "", "ariel-os,defmt", "rtic,log,trace,pool-stats")
ALL_FEATURES = ("thumbv7em-none-eabihf", "riscv32imac-unknown-none-elf")
#: For targets of Espressif's compiler alone, one that stands in.
STANDS_IN = {
    "xtensa-esp32-none-elf": "riscv32imac-unknown-none-elf",
    "xtensa-esp32s2-none-elf": "riscv32imac-unknown-none-elf",
    "xtensa-esp32s3-none-elf": "riscv32imac-unknown-none-elf",
}


def targets() -> list[str]:
    """Returns the bare-metal targets of `boards/*.toml`."""
    files = (tomllib.loads(path.read_text(encoding="utf-8")) for path in resources.path("boards").glob("*.toml"))
    return sorted({file["target"] for file in files} - {"host", "any"})


def board_for(target: str) -> str:
    """Returns the name of a board of that target."""
    found = sorted(p.stem for p in resources.path("boards").glob("*.toml") if f'"{target}"' in p.read_text("utf-8"))
    return found[0]


#: Every target, with the one to build for.
EACH = pytest.mark.parametrize(
    "target, other",
    [pytest.param(t, STANDS_IN.get(t, t), marks=pytest.mark.target(STANDS_IN.get(t, t)), id=t) for t in targets()],
)
FLAGS = ("-Dwarnings",)


def test_every_target_is_set_up_or_another_stands_in() -> None:
    assert len(targets()) >= 10
    assert set(targets()) == {*Needs.of_boards().targets, *STANDS_IN}
    assert not set(Needs.of_boards().targets) & set(STANDS_IN)


def runtimes() -> list[object]:
    """Returns each target with the one to build for, and each set of features."""
    rarely = [pytest.mark.at_length]
    return [
        pytest.param(
            features,
            STANDS_IN.get(target, target),
            marks=[
                pytest.mark.target(STANDS_IN.get(target, target)),
                *(rarely if features != FEATURES[0] and target not in ALL_FEATURES else []),
            ],
            id=f"{target}-{features or 'none'}",
        )
        for target in targets()
        for features in FEATURES
    ]


@pytest.mark.parametrize("features, target", runtimes())
def test_the_runtime_gives_no_warning(features: str, target: str) -> None:
    """The crate is of the workspace, so that its warnings are shown."""
    words = ["check", "--quiet", "--package", "ariel-ml-rs", "--features", features]
    with one_at_a_time("targets") as folder:
        words += ["--target-dir", str(folder)]
        ended = build(resources.path("ariel-ml-rs"), *words, target=target, shared="targets", rustflags=FLAGS)
    assert (ended.returncode, ended.stderr) == (0, "")


@EACH
def test_a_model_gives_no_warning(target: str, other: str, tmp_path: Path) -> None:
    """A module for the target's own board, in a crate that allows nothing; what is not used is no warning either."""
    model = compiled(DIGITS, "digits", boards.load(board_for(target)))
    write_crate(tmp_path, STRICT, [model])
    with one_at_a_time("targets-model"):
        ended = build(tmp_path, "check", "--quiet", target=other, shared="targets-model", rustflags=FLAGS)
    assert (ended.returncode, ended.stderr) == (0, ""), target
