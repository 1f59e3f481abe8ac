"""Packed kernels of Arm's M profile give what TFLite-Micro gives, emulated: whole, cut, at opt-levels 0 and s."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions, Optimize
from ariel_build.driver import Compiled, compile_model
from ariel_build.ir import Array
from ariel_build.run.execute import execute
from tests.ops import parity, tflm
from tests.ops.armv7e_m import operators
from tests.ops.sums import samples_for

#: One board with the DSP extension, and one without.
BOARDS = {"armv7e_m": "qemu-cortex-m7", "thumb2": "qemu-cortex-m3"}

pytestmark = [pytest.mark.emulator("qemu-system-arm")]


def on(folder: str) -> object:
    """Returns the parameter of a test for the board that runs the kernels of a folder."""
    return pytest.param(folder, marks=pytest.mark.target(boards.load(BOARDS[folder]).target))


CUT = Path(__file__).with_name("cut.rs").read_text()
#: Units at whose multiples the tiles of a kernel begin, where that is not 1.
UNITS = {
    "FullyConnected": 2,
    "FullyConnected16": 2,
    "ConvTranspose16": 2,
    "DeepConnected": 4,
    "DeepConnectedInt4": 4,
    "FullyConnectedInt4": 4,
}
#: Kernels of weights of four bits, and of int16, which not every folder has.
INT4 = ("Conv2dInt4", "DeepConnectedInt4", "FullyConnectedInt4")
WIDE = ("Conv2d16", "ConvTranspose16", "FullyConnected16")
ONLY = {
    "armv7e_m": (
        *WIDE,
        *INT4,
        "Add16",
        "BatchMatMul",
        "DepthwiseConv2d16<isa::armv7e_m::Far>",
        "DepthwiseConv2d16<isa::armv7e_m::Near>",
        "LeakyRelu16",
        "LinearRuns",
        "MulRuns",
        "ProductRuns",
        "SquareRuns",
    ),
    "dsp_fpu": (*INT4, "BatchMatMul"),
    "thumb2": WIDE,
}


def cut(text: str, folder: str) -> str:
    """Returns a generated module whose steps are run in tiles of unequal sizes."""

    def wrap(found: re.Match[str]) -> str:
        name, kernel, parameter, fields = found.groups()
        unit = UNITS.get(kernel, 1)
        path = f"isa::{folder}::{kernel}"
        return f"static {name}: Cut<{path}{parameter}, {unit}> = Cut({path} {{{fields}\n    }});"

    text, count = re.subn(
        rf"static (\w+): isa::{folder}::(\w+)((?:<\w+>)?) =\s+isa::{folder}::\w+ \{{(.*?)\n    \}};",
        wrap,
        text,
        flags=re.DOTALL,
    )
    assert count, f"no kernel of {folder} in the module"
    own = "".join(f"    cut!({kernel});\n" for kernel in ONLY.get(folder, ()))
    return re.sub(r"\n\}\n*$", CUT.replace("armv7e_m", folder) + own + "}\n", text)


def emulated(
    compiled: Compiled, text: str, folder: Path, samples: parity.Samples, level: str, board: boards.Board
) -> list[list[Array]]:
    """Returns the outputs of each sample, as the generated Rust computes them on an emulated board."""
    (folder / "ariel_models.rs").write_text(text)
    (folder / "model.weights").write_bytes(compiled.weights)
    given = [b"".join(x.tobytes() for x in sample) for sample in samples]
    answers = execute(folder, "model", board, given, stats=False, opt_level=level).outputs
    outputs: list[list[Array]] = []
    for answer in answers:
        arrays: list[Array] = []
        at = 0
        for value in compiled.graph.outputs:
            size = value.type.bytes
            arrays.append(np.frombuffer(answer[at : at + size], value.type.dtype.numpy).reshape(value.shape))
            at += size
        outputs.append(arrays)
    return outputs


@pytest.mark.parametrize(
    "make, seed",
    [
        (operators.convolution, 5),
        (operators.depthwise, 6),
        (operators.dense, 7),
        (operators.addition, 9),
        (operators.average, 10),
        (operators.convolution16, 11),
        (operators.dense16, 12),
        (operators.transposed16, 13),
    ],
    ids=[
        "convolution",
        "depthwise",
        "dense",
        "addition",
        "average",
        "convolution16",
        "dense16",
        "transposed16",
    ],
)
@pytest.mark.parametrize(
    "tiles, level, goal",
    [
        ("whole", "3", "speed"),
        pytest.param("cut", "0", "speed", marks=pytest.mark.at_length),
        ("cut", "s", "speed"),
        ("cut", "3", "size"),
    ],
)
@pytest.mark.parametrize("folder", [on("armv7e_m"), on("thumb2")])
def test_equals_tflite_micro(
    tmp_path: Path,
    make: Callable[[np.random.Generator], tflm.Operator],
    seed: int,
    tiles: str,
    level: str,
    goal: Optimize,
    folder: str,
) -> None:
    board = boards.load(BOARDS[folder])
    rng = np.random.default_rng(seed)
    made = [make(rng) for _ in range(40)]
    samples = samples_for(rng, made)
    path = tmp_path / "operators.tflite"
    want = parity.tflite(path, made, samples)
    compiled = compile_model(path, ModelOptions(path, optimize=goal), board, "model")
    ours = sum(f"isa::{folder}" in step.call.kernel.path for step in compiled.schedule.steps)
    assert ours >= 30, "most of the operators shall have packed kernels"
    text = compiled.module_text if tiles == "whole" else cut(compiled.module_text, folder)
    parity.agree(emulated(compiled, text, tmp_path, samples, level, board), want, f"{tiles}, opt-level {level}, {goal}")


@pytest.mark.parametrize(
    "make, seed",
    [
        (operators.addition16, 14),
        (operators.leaky16, 15),
        (operators.depthwise16, 17),
        (operators.matrices, 21),
        (operators.product, 18),
        (operators.square, 19),
        (operators.spread, 20),
    ],
    ids=["add", "leaky", "depthwise16", "matrices", "product", "square", "spread"],
)
@pytest.mark.parametrize("tiles, level", [("whole", "3"), ("cut", "s")])
@pytest.mark.parametrize("folder", [on("armv7e_m")])
def test_what_only_dsp_has_equals_tflite_micro(
    tmp_path: Path,
    make: Callable[[np.random.Generator], tflm.Operator],
    seed: int,
    tiles: str,
    level: str,
    folder: str,
) -> None:
    test_equals_tflite_micro(tmp_path, make, seed, tiles, level, "speed", folder)


@pytest.mark.target("thumbv8m.main-none-eabi")
def test_cores_that_differ_share_layers_of_int16(tmp_path: Path) -> None:
    rng = np.random.default_rng(16)
    makers = (operators.convolution16, operators.dense16, operators.transposed16)
    made = [make(rng) for make in makers for _ in range(8)]
    samples = samples_for(rng, made, 2)
    path = tmp_path / "operators.tflite"
    want = parity.tflite(path, made, samples)
    compiled = compile_model(path, ModelOptions(path, cores=2), boards.load("qemu-cortex-m33x2"), "model")
    assert sum("isa::unequal" in step.call.kernel.path for step in compiled.schedule.steps) >= 18
    parity.agree(parity.on("qemu-cortex-m33x2", path, samples, 2), want, "two cores")


def test_portable_code_has_none_of_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    path = tmp_path / "operators.tflite"
    path.write_bytes(tflm.models([operators.convolution(rng)]))
    compiled = compile_model(path, ModelOptions(path), boards.load("qemu-cortex-m7"), "model", portable=True)
    assert "isa::" not in compiled.module_text
