"""Helium's kernels give what TFLite-Micro and onnxruntime give, emulated: whole, cut, at opt-levels 0 and s."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.kernels import Packed
from ariel_build.machine import resources
from tests.ops import parity, tflm
from tests.ops.armv7e_m import operators
from tests.ops.armv7e_m.test_kernels import emulated
from tests.ops.dsp_fpu import operators as rounded_to_even
from tests.ops.mve import operators as own
from tests.ops.qdq import Builder
from tests.ops.sums import samples_for

BOARD = boards.load("qemu-cortex-m55")

pytestmark = [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target(BOARD.target)]

CUT = (Path(operators.__file__).parent / "cut.rs").read_text().partition("    cut!(")[0]
#: Units at whose multiples the tiles of a kernel begin, where that is not 1.
UNITS = {"FullyConnected": 4, "ConvTranspose": 4}


def cut(text: str) -> str:
    """Returns a generated module whose steps are run in tiles of unequal sizes."""
    kernels: set[str] = set()

    def wrap(found: re.Match[str]) -> str:
        name, kernel, parameter, fields = found.groups()
        kernels.add(f"{kernel}{parameter}")
        unit = UNITS.get(kernel, 1)
        path = f"isa::mve::{kernel}"
        return f"static {name}: Cut<{path}{parameter}, {unit}> = Cut({path} {{{fields}\n    }});"

    text, count = re.subn(
        r"static (\w+): isa::mve::(\w+)((?:<\w+>)?) =\s+isa::mve::\w+ \{(.*?)\n    \};", wrap, text, flags=re.DOTALL
    )
    assert count, "no kernel of Helium in the module"
    calls = "".join(f"    cut!({kernel});\n" for kernel in sorted(kernels))
    return re.sub(r"\n\}\n*$", CUT.replace("armv7e_m", "mve") + calls + "}\n", text)


@pytest.mark.parametrize(
    "make, seed, least",
    [
        (operators.convolution, 5, 36),
        (own.large, 25, 10),
        (own.short, 28, 10),
        (operators.depthwise, 6, 30),
        (operators.dense, 7, 36),
        (operators.addition, 9, 24),
        (own.rectified, 26, 30),
        (operators.convolution16, 41, 34),
        (own.large16, 42, 8),
        (own.short16, 43, 10),
        (operators.dense16, 44, 34),
        (operators.transposed, 52, 24),
        (operators.transposed16, 53, 20),
        (operators.depthwise16, 45, 30),
        (own.window16, 46, 30),
        (own.pool, 47, 38),
        (own.product, 48, 34),
        (own.of_two16, 49, 24),
        (operators.leaky16, 50, 36),
        (own.softmax, 51, 40),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
@pytest.mark.parametrize(
    "tiles, level", [("whole", "3"), pytest.param("cut", "0", marks=pytest.mark.at_length), ("cut", "s")]
)
def test_equals_tflite_micro(
    tmp_path: Path, make: Callable[[np.random.Generator], tflm.Operator], seed: int, least: int, tiles: str, level: str
) -> None:
    rng = np.random.default_rng(seed)
    made = [make(rng) for _ in range(40 if least > 12 else 12)]
    samples = samples_for(rng, made)
    path = tmp_path / "operators.tflite"
    want = parity.tflite(path, made, samples)
    compiled = compile_model(path, ModelOptions(path), BOARD, "model")
    ours = sum("isa::mve" in step.call.kernel.path for step in compiled.schedule.steps)
    assert ours >= least, "most of the operators shall have kernels of Helium"
    text = compiled.module_text if tiles == "whole" else cut(compiled.module_text)
    parity.agree(emulated(compiled, text, tmp_path, samples, level, BOARD), want, f"{tiles}, opt-level {level}")


@pytest.mark.parametrize(
    "make",
    [rounded_to_even.convolution, rounded_to_even.depthwise, rounded_to_even.dense],
    ids=lambda make: make.__name__,
)
@pytest.mark.parametrize("tiles, level", [("whole", "3"), ("cut", "s")])
def test_rounds_as_onnx_does(
    tmp_path: Path, make: Callable[[Builder, np.random.Generator], None], tiles: str, level: str
) -> None:
    rng, model, path = np.random.default_rng(31), Builder(), tmp_path / "operators.onnx"
    for _ in range(40):
        make(model, rng)
    model.write(path)
    samples = model.samples(rng)
    want = parity.reference(path, samples, optimized=True)
    compiled = compile_model(path, ModelOptions(path), BOARD, "model")
    ours = sum("isa::mve" in step.call.kernel.path for step in compiled.schedule.steps)
    assert ours >= 30, "most of the operators shall have kernels of Helium"
    text = compiled.module_text if tiles == "whole" else cut(compiled.module_text)
    parity.agree(emulated(compiled, text, tmp_path, samples, level, BOARD), want, f"{tiles}, opt-level {level}")


def test_vectors_of_words_are_loaded_from_streams_only(tmp_path: Path) -> None:
    """A core faults on a VLDRW of words that are not aligned, and QEMU does not: they are read of int32 alone."""
    sources = resources.path("ariel-ml-rs") / "src" / "kernels" / "isa" / "mve"
    loads = {
        (path.name, *found.groups())
        for path in sources.glob("*.rs")
        for found in re.finditer(r"\bv(ldr|str)([hwd])\w*\.\w+ q\d, \[(\w+)", path.read_text())
    }
    assert loads, "the pattern finds them"
    # r5 of products, r1 of their constants, r2 of lines and r12 of taps are streams: `&'static [i32]`, in multiples of
    # 16 bytes.
    products = {("gemm.rs", "r5"), ("rounding.rs", "r5"), ("nine.rs", "r5"), ("gemm.rs", "r1"), ("nine.rs", "r1")}
    allowed = {*products, ("lines.rs", "r2"), ("rounding.rs", "r2"), ("taps16.rs", "r12"), ("up.rs", "r5")}
    # Words that are gathered are those of a table of int32.
    allowed |= {("softmax.rs", "r3"), ("softmax.rs", "r4")}
    assert {(name, base) for name, _, width, base in loads if width != "h"} <= allowed
    assert {kind for _, kind, width, _ in loads if width != "h"} == {"ldr"}
    # Halves are elements of int16.
    halves = {"elementwise16.rs", "pool2d.rs", "taps16.rs", "up.rs"}
    assert {name for name, _, width, _ in loads if width == "h"} <= halves
    path = tmp_path / "operators.tflite"
    rng = np.random.default_rng(27)
    made = [make(rng) for make in (operators.convolution, operators.depthwise, own.large, own.window16) * 4]
    path.write_bytes(tflm.models(made))
    compiled = compile_model(path, ModelOptions(path), BOARD, "model")
    kernels = [step.call.kernel for step in compiled.schedule.steps if "isa::mve" in step.call.kernel.path]
    streams = [value for kernel in kernels for name, value in kernel if name == "stream"]
    assert len(streams) >= 10
    for stream in streams:
        assert isinstance(stream, Packed)
        assert stream.data.dtype == np.int32
        assert stream.data.shape[-1] % 4 == 0, "each four channels begin at a multiple of 16 bytes"


def test_only_cores_that_have_helium_get_it(tmp_path: Path) -> None:
    """The target is the same one: the board file tells."""
    path = tmp_path / "operators.tflite"
    rng = np.random.default_rng(8)
    path.write_bytes(tflm.models([operators.convolution(rng) for _ in range(8)]))

    def text(board: boards.Board) -> str:
        return compile_model(path, ModelOptions(path), board, "model").module_text

    soft = boards.adapted(BOARD, "thumbv8m.main-none-eabi")
    assert soft is not None
    for board in (boards.load("qemu-cortex-m33"), boards.load("generic-thumbv8m.main"), boards.load("rp2350"), soft):
        assert "isa::mve" not in text(board)
    assert "isa::mve" in text(boards.load("cortex-m55"))
