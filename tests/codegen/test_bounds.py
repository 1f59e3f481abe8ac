"""`FLASH_BYTES_MAX` and `STACK_BYTES_MAX`: never less than what firmware takes, and not much more."""

from __future__ import annotations

from pathlib import Path

import pytest

from ariel_build import boards
from ariel_build.answers.samples import random_samples
from ariel_build.boards import Board
from ariel_build.codegen import code_size
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.run import Facts, execute
from tests.codegen.kernels import all_kernels
from tests.run.support import ON
from tools.kernels import paths
from tools.recorded import DIGITS

#: Boards, cores, models and optimisation levels; the example's model is always there.
CASES = (
    ("qemu-cortex-m7", 1, "mlperf_kws_int8", "3"),
    ("qemu-cortex-m7", 1, "own_tf_pre_d24_f32", "3"),
    ("qemu-cortex-m7", 1, "own_tcn_qdq", "3"),
    ("qemu-cortex-m7", 1, "own_tcn_qdq", "z"),
    ("qemu-cortex-m7", 1, "mlperf_vww_int8, streamed", "3"),
    ("qemu-cortex-m0", 1, "digits", "3"),
    ("qemu-cortex-m0", 1, "digits", "s"),
    ("qemu-cortex-m0", 1, "digits, streamed", "3"),
    ("qemu-cortex-m0", 1, "tflm_hello_int8", "3"),
    ("qemu-riscv32", 1, "mlperf_ic_int8", "3"),
    ("qemu-riscv32", 1, "tflm_hello_f32", "z"),
    ("qemu-riscv32", 4, "tflm_hello_f32", "3"),
)


@pytest.mark.parametrize(
    "board, cores, name, level",
    [pytest.param(ON[b].values[0], *rest, marks=ON[b].marks, id="-".join(map(str, (b, *rest)))) for b, *rest in CASES],
)
def test_firmware_keeps_the_bounds(
    board: Board, cores: int, name: str, level: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    name, _, streamed = name.partition(", ")
    path = DIGITS if name == "digits" else next((request.getfixturevalue("models") / "dev" / name).glob("model.*"))
    compiled = compile_model(path, ModelOptions(path, cores=cores, stream=bool(streamed)), board, "model")
    (tmp_path / "model.rs").write_text(compiled.module_text)
    (tmp_path / "model.weights").write_bytes(compiled.weights)
    (tmp_path / "ariel_models.rs").write_text('include!("model.rs");\n')
    samples = random_samples(compiled.graph.inputs, 1).raw()
    facts = Facts(len(compiled.weights), compiled.plan.arena_bytes, compiled.macs)
    done = execute(
        tmp_path, "model", board, samples, streamed=bool(streamed), facts=facts, cores=cores, opt_level=level
    )
    stats = done.stats
    assert stats is not None
    flash, stack = stats["flash_bytes"], stats["stack_bytes"]
    assert isinstance(flash, int)
    assert isinstance(stack, int)
    advice = "run `python -m tools.code_sizes`"
    assert flash <= compiled.bounds.flash, advice
    assert stack <= compiled.bounds.stack, advice
    if level == "3":
        code = len(compiled.weights)
        assert compiled.bounds.flash - code <= 2 * (flash - code) + 1024, advice
        assert compiled.bounds.stack <= 2 * stack + 384, advice


@pytest.mark.parametrize(
    "target", [pytest.param(t, marks=pytest.mark.target(t)) for t in ("thumbv7em-none-eabihf", "thumbv6m-none-eabi")]
)
def test_every_kernel_has_been_measured(target: str) -> None:
    (table,) = code_size._tables(target)
    kernels = {paths()[kernel] for kernel in all_kernels(target)}
    assert kernels - set(table.own) == set(), "run `python -m tools.code_sizes`"


def test_targets_that_have_not_been_measured_get_the_larger_bounds() -> None:
    compiled = compile_model(DIGITS, ModelOptions(DIGITS), boards.load("generic"), "model")

    def flash(target: str) -> int:
        return code_size.bounds_of(compiled.schedule, 0, target).flash

    measured = [flash(target) for target in code_size._measured()]
    assert flash("any") == flash("xtensa-esp32s3-none-elf") == compiled.bounds.flash - len(compiled.weights)
    assert flash("any") == max(measured)
    assert flash("thumbv8m.main-none-eabihf") == flash("thumbv7em-none-eabihf")
    assert flash("riscv32imc-unknown-none-elf") == flash("riscv32imac-unknown-none-elf")
    assert flash("thumbv7em-none-eabi") >= flash("thumbv7em-none-eabihf")
