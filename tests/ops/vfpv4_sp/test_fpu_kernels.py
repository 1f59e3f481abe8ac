"""float32 kernels of VFPv4 and of Helium give what onnxruntime and portable kernels give, whole and cut anywhere."""

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

BOARDS = [boards.load(name) for name in ("qemu-cortex-m7", "qemu-cortex-m4", "qemu-cortex-m55")]
M7, M4, M55 = BOARDS
MAKERS = [
    operators.convolution,
    operators.depthwise,
    operators.dense,
    operators.elementwise,
    operators.matrices,
    operators.softmax,
]
OURS = ("isa::vfpv4_sp::", "isa::mve::")
#: Kernels that Helium has none for yet.
SCALAR = ("BatchMatMul", "Softmax")

pytestmark = [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target(M7.target), pytest.mark.target(M55.target)]

CUT = Path(__file__).with_name("cut.rs").read_text()


def cut(compiled: Compiled) -> str:
    """Returns the generated module with steps that are run in tiles of unequal sizes."""
    calls = iter([step.call for step in compiled.schedule.steps if step.call.kernel.path.startswith(OURS)])

    def wrap(found: re.Match[str]) -> str:
        name, kernel, fields = found.groups()
        call = next(calls)
        assert call.kernel.path == kernel
        return f"static {name}: Cut<{kernel}, {call.tiling.granularity}> = Cut({kernel} {{{fields}\n    }});"

    pattern = r"static (\w+): (isa::(?:vfpv4_sp|mve)::\w+) =\s+isa::\w+::\w+ \{(.*?)\n    \};"
    kernels = {step.call.kernel.path for step in compiled.schedule.steps if step.call.kernel.path.startswith(OURS)}
    text = re.sub(pattern, wrap, compiled.module_text, flags=re.DOTALL)
    assert next(calls, None) is None, "a kernel of VFPv4 that is not cut"
    cuts = "".join(f"    cut!({kernel});\n" for kernel in sorted(kernels))
    return re.sub(r"\n\}\n*$", CUT + cuts + "}\n", text)


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
    [
        (M7, "whole", "3"),
        pytest.param(M7, "cut", "0", marks=pytest.mark.at_length),
        (M4, "cut", "s"),
        (M55, "whole", "3"),
        pytest.param(M55, "cut", "0", marks=pytest.mark.at_length),
        (M55, "cut", "s"),
    ],
    ids=["m7-whole-3", "m7-cut-0", "m4-cut-s", "m55-whole-3", "m55-cut-0", "m55-cut-s"],
)
def test_equals_onnxruntime(
    tmp_path: Path, make: Callable[[Builder, np.random.Generator], None], board: Board, tiles: str, level: str
) -> None:
    rng, path = np.random.default_rng(21), tmp_path / "operators.onnx"
    samples = model_of(path, make, rng).samples(rng, 2)
    compiled = compile_model(path, ModelOptions(path), board, "model")
    ours = [step.call.kernel.path for step in compiled.schedule.steps if step.call.kernel.path.startswith(OURS)]
    assert len(ours) == 30, "every operator shall have a kernel of VFPv4, or of Helium"
    assert all(kernel.startswith("isa::mve::") == (board is M55) for kernel in ours if not kernel.endswith(SCALAR))
    text = compiled.module_text if tiles == "whole" else cut(compiled)
    got = emulated(compiled, text, tmp_path, samples, board, level)
    parity.agree(got, parity.onnxruntime_answers(path, samples), f"{tiles}, opt-level {level}", atol=3e-6)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("board", [M7, M55], ids=["m7", "m55"])
def test_infinities_and_nan_are_those_of_the_portable_kernels(
    tmp_path: Path, make: Callable[[Builder, np.random.Generator], None], board: Board
) -> None:
    rng, path = np.random.default_rng(22), tmp_path / "operators.onnx"
    samples = operators.extremes(rng, model_of(path, make, rng).samples(rng, 3))
    answers = []
    for portable in (False, True):
        compiled = compile_model(path, ModelOptions(path), board, "model", portable=portable)
        assert any(room in compiled.module_text for room in OURS) is not portable
        answers.append(emulated(compiled, compiled.module_text, tmp_path, samples, board))
    nan, infinite = (sum(int(test(x).sum()) for sample in answers[1] for x in sample) for test in (np.isnan, np.isinf))
    assert nan > 10
    assert infinite > 10 or make is operators.softmax, "shares are not infinite"
    parity.agree(answers[0], answers[1], "extremes", atol=3e-6)


def test_soft_floats_have_none_of_them(tmp_path: Path) -> None:
    path = tmp_path / "operators.onnx"
    model_of(path, operators.dense, np.random.default_rng(23), 1)
    for name in ("generic-thumbv7em", "qemu-cortex-m3", "qemu-cortex-m33x2"):
        text = compile_model(path, ModelOptions(path), boards.load(name), "model").module_text
        assert not any(room in text for room in OURS)
