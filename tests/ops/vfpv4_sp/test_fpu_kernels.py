"""The kernels of VFPv4 give what onnxruntime and the portable kernels give, emulated: whole and cut anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.boards import Board
from ariel_build.config.options import ModelOptions
from ariel_build.driver import Compiled, compile_model
from ariel_build.ir import Array
from ariel_build.run.execute import execute
from tests.ops import parity
from tests.ops.qdq import Builder
from tests.ops.vfpv4_sp import operators

BOARDS = [boards.load(name) for name in ("qemu-cortex-m7", "qemu-cortex-m4")]
M7 = BOARDS[0]
MAKERS = [
    operators.convolution,
    operators.depthwise,
    operators.dense,
    operators.elementwise,
    operators.matrices,
    operators.softmax,
]
OURS = "isa::vfpv4_sp::"

pytestmark = [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target(M7.target)]

CUT = Path(__file__).with_name("cut.rs").read_text()


def cut(compiled: Compiled) -> str:
    """Returns the generated module with steps that are run in tiles of unequal sizes."""
    calls = iter([step.call for step in compiled.schedule.steps if step.call.kernel.path.startswith(OURS)])

    def wrap(found: re.Match[str]) -> str:
        name, kernel, fields = found.groups()
        call = next(calls)
        assert call.kernel.path == OURS + kernel
        return (
            f"static {name}: Cut<{OURS}{kernel}, {call.tiling.granularity}> = Cut({OURS}{kernel} {{{fields}\n    }});"
        )

    pattern = r"static (\w+): isa::vfpv4_sp::(\w+) =\s+isa::vfpv4_sp::\w+ \{(.*?)\n    \};"
    text = re.sub(pattern, wrap, compiled.module_text, flags=re.DOTALL)
    assert next(calls, None) is None, "a kernel of VFPv4 that is not cut"
    return re.sub(r"\n\}\n*$", CUT + "}\n", text)


def emulated(
    compiled: Compiled, text: str, folder: Path, samples: parity.Samples, board: Board, level: str = "3"
) -> list[list[Array]]:
    """Returns the outputs of each sample, as the generated Rust computes them on the board."""
    (folder / "ariel_models.rs").write_text(text)
    (folder / "model.weights").write_bytes(compiled.weights)
    given = [b"".join(x.tobytes() for x in sample) for sample in samples]
    outputs: list[list[Array]] = []
    for answer in execute(folder, "model", board, given, stats=False, opt_level=level).outputs:
        arrays: list[Array] = []
        at = 0
        for value in compiled.graph.outputs:
            arrays.append(np.frombuffer(answer[at : at + value.type.bytes], np.float32).reshape(value.shape))
            at += value.type.bytes
        outputs.append(arrays)
    return outputs


def model_of(
    path: Path, make: Callable[[Builder, np.random.Generator], None], rng: np.random.Generator, count: int = 30
) -> Builder:
    """Writes a model of random operators side by side."""
    model = Builder()
    for _ in range(count):
        make(model, rng)
    model.write(path)
    return model


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize(
    "board, tiles, level",
    [(BOARDS[0], "whole", "3"), (BOARDS[0], "cut", "0"), (BOARDS[1], "cut", "s")],
    ids=["m7-whole-3", "m7-cut-0", "m4-cut-s"],
)
def test_equals_onnxruntime(
    tmp_path: Path, make: Callable[[Builder, np.random.Generator], None], board: Board, tiles: str, level: str
) -> None:
    rng, path = np.random.default_rng(21), tmp_path / "operators.onnx"
    samples = model_of(path, make, rng).samples(rng, 2)
    compiled = compile_model(path, ModelOptions(path), board, "model")
    ours = sum(step.call.kernel.path.startswith(OURS) for step in compiled.schedule.steps)
    assert ours == 30, "every operator shall have a kernel of VFPv4"
    text = compiled.module_text if tiles == "whole" else cut(compiled)
    got = emulated(compiled, text, tmp_path, samples, board, level)
    parity.agree(got, parity.onnxruntime_answers(path, samples), f"{tiles}, opt-level {level}", atol=3e-6)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_infinities_and_nan_are_those_of_the_portable_kernels(
    tmp_path: Path, make: Callable[[Builder, np.random.Generator], None]
) -> None:
    rng, path = np.random.default_rng(22), tmp_path / "operators.onnx"
    samples = operators.extremes(rng, model_of(path, make, rng).samples(rng, 3))
    answers = []
    for portable in (False, True):
        compiled = compile_model(path, ModelOptions(path), M7, "model", portable=portable)
        assert (OURS in compiled.module_text) is not portable
        answers.append(emulated(compiled, compiled.module_text, tmp_path, samples, M7))
    nan, infinite = (sum(int(test(x).sum()) for sample in answers[1] for x in sample) for test in (np.isnan, np.isinf))
    assert nan > 10
    assert infinite > 10 or make is operators.softmax, "shares are not infinite"
    parity.agree(answers[0], answers[1], "extremes", atol=3e-6)


def test_soft_floats_have_none_of_them(tmp_path: Path) -> None:
    path = tmp_path / "operators.onnx"
    model_of(path, operators.dense, np.random.default_rng(23), 1)
    for name in ("generic-thumbv7em", "qemu-cortex-m3", "qemu-cortex-m33x2"):
        assert OURS not in compile_model(path, ModelOptions(path), boards.load(name), "model").module_text
