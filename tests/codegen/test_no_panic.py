"""No panic can be reached from `infer`: firmware links although its panic handler calls an undefined symbol.

Every kernel is linked as it is for any constants, so that the answer holds for all models; real models add the plan
around the kernels. Where a panic is found, `tests/codegen/who_panics.py` says who calls it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from ariel_build import boards
from ariel_build.config.at_most import AtMost
from ariel_build.config.options import ModelOptions
from ariel_build.driver import Compiled, compile_model
from tests.bounded import models as bounded
from tests.codegen.kernels import all_kernels
from tools.kernels import in_rust
from tools.recorded import DIGITS, MODELS
from tools.recorded.crate import build, compiled, write_crate

BARE = Path(__file__).with_name("bare.rs").read_text()
#: Beside the example's: integers and floats, both formats, both roundings, states.
REAL = ("mlperf_kws_int8", "mlperf_ic_f32", "own_tcn_qdq", "own_gru12_unrolled_int8", "mww_vad_v2")
M7, M0, RISCV = "thumbv7em-none-eabihf", "thumbv6m-none-eabi", "riscv32imac-unknown-none-elf"
#: Each level that firmware is shipped with, and each core, which differ in what they call for floats, once; and more.
BUILDS, MORE = ((M7, "3"), (M0, "s"), (RISCV, "z")), ((M7, "s"), (M7, "z"), (RISCV, "3"))


def link(folder: Path, source: str, models: Sequence[Compiled], target: str, level: str, kernels: Iterable[str]) -> str:
    """Links the firmware and returns what the linker complains of."""
    write_crate(folder, source, models, level=level)
    paths = "".join(f"{in_rust(kernel)}, " for kernel in kernels)
    each = f"macro_rules! each_kernel {{ ($then:ident) => {{ $then! {{ {paths} }} }}; }}\n"
    (folder / "src" / "kernels.rs").write_text(each)
    flags = ["-Clink-arg=--entry=_start", "-Clink-arg=--gc-sections"]
    ended: subprocess.CompletedProcess[str] = build(
        folder, "build", "--release", "--quiet", target=target, shared=f"bare-{target}-{level}", rustflags=flags
    )
    return "" if ended.returncode == 0 else ended.stderr


def real_models(target: str, folder: Path) -> list[Compiled]:
    """Returns the example's model, one of a bounded dimension, and real ones where they are there, for the target."""
    files = {"digits": DIGITS} | {name: path for name in REAL for path in (MODELS / "dev" / name).glob("model.*")}
    rows, board = bounded.MODELS["elementwise"](folder / "rows.onnx"), boards.generic_for(target)
    sized = compile_model(rows, ModelOptions(rows, dims={"n": AtMost(9)}, cores=1), board, "rows")
    return [sized, *(compiled(path, name, board) for name, path in files.items())]


def marks(target: str, level: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.target(target), *([pytest.mark.at_length] if (target, level) in MORE else [])]


@pytest.mark.parametrize(
    "target, level", [pytest.param(t, o, marks=marks(t, o), id=f"{t}-{o}") for t, o in (*BUILDS, *MORE)]
)
def test_no_panic_can_be_reached(target: str, level: str, tmp_path: Path) -> None:
    """Firmware links that has every kernel and real models."""
    assert link(tmp_path, BARE, real_models(target, tmp_path), target, level, all_kernels(target)) == ""


@pytest.mark.target(M7)
def test_the_check_can_fail(tmp_path: Path) -> None:
    """Firmware that can panic does not link: the check sees what it claims to see."""
    text = BARE.replace("let mut done =", "let mut done = [1, 2][black_box(2)] +")
    assert text != BARE
    assert "a_panic_can_be_reached" in link(tmp_path, text, [compiled(DIGITS, "digits")], M7, "3", ())
