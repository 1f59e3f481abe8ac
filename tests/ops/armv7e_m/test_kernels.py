"""The kernels of Armv7E-M give what TFLite-Micro gives, emulated: whole, cut anywhere, and at opt-levels 0 and s."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.driver import Compiled, compile_model
from ariel_build.ir import Array
from ariel_build.options import ModelOptions, Optimize
from ariel_build.run.execute import execute
from tests.ops import parity, tflm
from tests.ops.armv7e_m import operators
from tests.ops.sums import samples_for

BOARD = boards.load("qemu-cortex-m7")

pytestmark = [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target(BOARD.target)]

CUT = Path(__file__).with_name("cut.rs").read_text()


def cut(text: str) -> str:
    """Returns a generated module whose steps are run in tiles of unequal sizes."""

    def wrap(found: re.Match[str]) -> str:
        name, kernel, parameter, fields = found.groups()
        unit = {"FullyConnected": 2, "DeepConnected": 4}.get(kernel, 1)
        path = f"isa::armv7e_m::{kernel}"
        return f"static {name}: Cut<{path}{parameter}, {unit}> = Cut({path} {{{fields}\n    }});"

    text, count = re.subn(
        r"static (\w+): isa::armv7e_m::(\w+)((?:<\w+>)?) =\s+isa::armv7e_m::\w+ \{(.*?)\n    \};",
        wrap,
        text,
        flags=re.DOTALL,
    )
    assert count, "no kernel of Armv7E-M in the module"
    return re.sub(r"\n\}\n*$", CUT + "}\n", text)


def emulated(compiled: Compiled, text: str, folder: Path, samples: parity.Samples, level: str) -> list[list[Array]]:
    """Returns the outputs of each sample, as the generated Rust computes them on the emulated Cortex-M7."""
    (folder / "ariel_models.rs").write_text(text)
    (folder / "model.weights").write_bytes(compiled.weights)
    given = [b"".join(x.tobytes() for x in sample) for sample in samples]
    answers = execute(folder, "model", BOARD, given, stats=False, opt_level=level).outputs
    outputs: list[list[Array]] = []
    for answer in answers:
        arrays: list[Array] = []
        at = 0
        for value in compiled.graph.outputs:
            size = value.type.bytes
            arrays.append(np.frombuffer(answer[at : at + size], np.int8).reshape(value.shape))
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
    ],
    ids=["convolution", "depthwise", "dense", "addition", "average"],
)
@pytest.mark.parametrize(
    "tiles, level, goal", [("whole", "3", "speed"), ("cut", "0", "speed"), ("cut", "s", "speed"), ("cut", "3", "size")]
)
def test_equals_tflite_micro(
    tmp_path: Path,
    make: Callable[[np.random.Generator], tflm.Operator],
    seed: int,
    tiles: str,
    level: str,
    goal: Optimize,
) -> None:
    rng = np.random.default_rng(seed)
    made = [make(rng) for _ in range(40)]
    samples = samples_for(rng, made)
    path = tmp_path / "operators.tflite"
    want = parity.tflite(path, made, samples)
    compiled = compile_model(path, ModelOptions(path, optimize=goal), BOARD, "model")
    ours = sum("isa::" in step.call.kernel for step in compiled.schedule.steps)
    assert ours >= 30, "most of the operators shall have kernels of Armv7E-M"
    text = compiled.module_text if tiles == "whole" else cut(compiled.module_text)
    parity.agree(emulated(compiled, text, tmp_path, samples, level), want, f"{tiles}, opt-level {level}, {goal}")


def test_portable_code_has_none_of_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    path = tmp_path / "operators.tflite"
    path.write_bytes(tflm.models([operators.convolution(rng)]))
    compiled = compile_model(path, ModelOptions(path), BOARD, "model", portable=True)
    assert "isa::" not in compiled.module_text
