"""Packed kernels that round as ONNX does give what its reference gives, emulated: whole, cut, at opt-levels 0 and s."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from tests.ops import parity
from tests.ops.armv7e_m.test_kernels import cut, emulated
from tests.ops.dsp_fpu import operators
from tests.ops.qdq import Builder

BOARD = boards.load("qemu-cortex-m7")

pytestmark = [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target(BOARD.target)]


@pytest.mark.parametrize(
    "make",
    [operators.convolution, operators.depthwise, operators.dense, operators.matrices],
    ids=lambda make: make.__name__,
)
@pytest.mark.parametrize(
    "tiles, level", [("whole", "3"), pytest.param("cut", "0", marks=pytest.mark.at_length), ("cut", "s")]
)
def test_equals_the_reference(
    tmp_path: Path, make: Callable[[Builder, np.random.Generator], None], tiles: str, level: str
) -> None:
    rng, model, path = np.random.default_rng(31), Builder(), tmp_path / "operators.onnx"
    for _ in range(40):
        make(model, rng)
    model.write(path)
    samples = model.samples(rng)
    want = parity.reference(path, samples, optimized=True)
    compiled = compile_model(path, ModelOptions(path), BOARD, "model")
    ours = sum("isa::dsp_fpu" in step.call.kernel.path for step in compiled.schedule.steps)
    assert ours >= 30, "most of the operators shall have packed kernels"
    text = compiled.module_text if tiles == "whole" else cut(compiled.module_text, "dsp_fpu")
    parity.agree(emulated(compiled, text, tmp_path, samples, level, BOARD), want, f"{tiles}, opt-level {level}")


@pytest.mark.parametrize("level", ["3", "s"])
def test_softmax_equals_the_reference(tmp_path: Path, level: str) -> None:
    rng, model, path = np.random.default_rng(34), Builder(), tmp_path / "operators.onnx"
    for _ in range(40):
        operators.softmax(model, rng)
    model.write(path)
    samples = model.samples(rng)
    compiled = compile_model(path, ModelOptions(path), BOARD, "model")
    assert all(step.call.kernel.path == "isa::vfpv4_sp::SoftmaxNearest" for step in compiled.schedule.steps)
    want = parity.reference(path, samples, optimized=True)
    parity.agree(emulated(compiled, compiled.module_text, tmp_path, samples, level, BOARD), want, level)


def test_the_reference_is_onnxruntime(tmp_path: Path) -> None:
    rng, model, path = np.random.default_rng(32), Builder(), tmp_path / "operators.onnx"
    for make in (
        operators.convolution,
        operators.depthwise,
        operators.dense,
        operators.matrices,
        operators.softmax,
    ) * 4:
        make(model, rng)
    samples = model.samples(rng)
    model.write(path)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples, optimized=True), want, "reference")


def test_cores_without_an_fpu_have_none_of_them(tmp_path: Path) -> None:
    model, path = Builder(), tmp_path / "operators.onnx"
    operators.dense(model, np.random.default_rng(33))
    model.write(path)
    for name in ("qemu-cortex-m3", "generic-thumbv7em"):
        assert "dsp_fpu" not in compile_model(path, ModelOptions(path), boards.load(name), "model").module_text
