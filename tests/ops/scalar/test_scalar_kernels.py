"""The kernels of scalar cores give what TFLite-Micro gives: whole, cut anywhere, and at opt-levels 0 and s."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.boards import Board
from ariel_build.config.options import ModelOptions
from ariel_build.driver import Compiled, compile_model
from ariel_build.ir import Array, DType, Quant, TensorType, Value
from ariel_build.isa import select
from ariel_build.isa.scalar.narrow import narrowed
from ariel_build.isa.scalar.packing import in_parts, sums_of
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import KernelCall, LayerCall, Operand, Packed
from ariel_build.kernels.declared import isa_scalar
from ariel_build.kernels.declared.quant import Bounds, Reduced
from ariel_build.kernels.layer import Dense, Stored
from ariel_build.run.execute import execute
from tests.ops import parity, tflm
from tests.ops.armv7e_m import operators
from tests.ops.sums import samples_for
from tests.run.support import ON

CUT = Path(__file__).with_name("cut.rs").read_text()
STATIC = re.compile(r"static (\w+): isa::scalar::(\w+) =\s+isa::scalar::\w+ \{(.*?)\n    \};", re.DOTALL)


#: Kernels of int16 in sums of 32 bits.
NARROW = {
    "isa::scalar::Conv2d16",
    "isa::scalar::DepthwiseLines<Int16>",
    "fully_connected::Quantized<Narrow>",
    "conv_transpose::Quantized<Narrow>",
}


def unit(kernel: str, fields: str) -> int:
    """Returns the multiple in which a call's tiles are cut."""
    if kernel == "FullyConnected":
        return 8
    if "Axis::Channels" in fields:
        return 4 if kernel == "Conv2d" else 1
    found = re.search(r"output: Image \{[^}]*width: (\d+)", fields)
    return int(found[1]) if found and kernel == "DepthwiseConv2d" else 1


def cut(text: str) -> str:
    """Returns a generated module whose steps are run in tiles of unequal sizes."""

    def wrap(found: re.Match[str]) -> str:
        name, kernel, fields = found.groups()
        path = f"isa::scalar::{kernel}"
        return f"static {name}: Cut<{path}, {unit(kernel, fields)}> = Cut({path} {{{fields}\n    }});"

    text, count = STATIC.subn(wrap, text)
    assert count, "no kernel of scalar cores in the module"
    return re.sub(r"\n\}\n*$", CUT + "}\n", text)


def emulated(
    compiled: Compiled, text: str, folder: Path, board: Board, samples: parity.Samples, level: str
) -> list[list[Array]]:
    """Returns the outputs of each sample, as the generated Rust computes them on the emulated board."""
    (folder / "ariel_models.rs").write_text(text)
    (folder / "model.weights").write_bytes(compiled.weights)
    given = [b"".join(x.tobytes() for x in sample) for sample in samples]
    answers = execute(folder, "model", board, given, stats=False, opt_level=level).outputs
    sizes = [value.type.bytes for value in compiled.graph.outputs]
    ends = np.cumsum(sizes)
    return [
        [
            np.frombuffer(answer[end - size : end], value.type.dtype.numpy).reshape(value.shape)
            for value, size, end in zip(compiled.graph.outputs, sizes, ends, strict=True)
        ]
        for answer in answers
    ]


@pytest.mark.parametrize(
    "make, seed, least",
    [(operators.convolution, 5, 30), (operators.depthwise, 6, 5), (operators.dense, 7, 10)],
    ids=["convolution", "depthwise", "dense"],
)
@pytest.mark.parametrize(
    "board, tiles, level",
    [
        pytest.param(ON[name].values[0], tiles, level, marks=ON[name].marks, id=f"{name}-{tiles}-{level}")
        for name, tiles, level in (
            ("qemu-riscv32", "whole", "3"),
            ("qemu-riscv32", "cut", "s"),
            ("qemu-cortex-m0", "whole", "3"),
            ("qemu-cortex-m0", "whole", "s"),
        )
    ],
)
def test_equals_tflite_micro(
    tmp_path: Path,
    make: Callable[[np.random.Generator], tflm.Operator],
    seed: int,
    least: int,
    board: Board,
    tiles: str,
    level: str,
) -> None:
    rng = np.random.default_rng(seed)
    is_large = board.total("ram") != 16 << 10
    made = [make(rng) for _ in range(40 if is_large else 3)]
    samples = samples_for(rng, made)
    path = tmp_path / "operators.tflite"
    want = parity.tflite(path, made, samples)
    compiled = compile_model(path, ModelOptions(path), board, "model")
    ours = sum(
        "scalar" in step.call.kernel.path or "Stepped" in step.call.kernel.path for step in compiled.schedule.steps
    )
    assert ours >= (least if is_large else 1), "most of the operators shall have kernels of scalar cores"
    text = compiled.module_text if tiles == "whole" else cut(compiled.module_text)
    parity.agree(emulated(compiled, text, tmp_path, board, samples, level), want, f"{tiles}, opt-level {level}")


@pytest.mark.parametrize("taps", ["row", "tap"])
@pytest.mark.parametrize(
    "board, level",
    [
        pytest.param(ON[name].values[0], level, marks=ON[name].marks, id=f"{name}-{level}")
        for name, level in (("qemu-riscv32", "3"), ("qemu-riscv32", "s"), ("qemu-cortex-m0", "3"))
    ],
)
def test_convolutions_in_parts_equal_tflite_micro(
    tmp_path: Path, board: Board, level: str, taps: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patches packed a row of taps at a time, or a tap."""
    rng = np.random.default_rng(12)
    made = [operators.convolution(rng) for _ in range(60 if board.total("ram") != 16 << 10 else 6)]
    kernels = list[isa_scalar.Conv2d]()

    def lean(calls: Sequence[KernelCall], _: int) -> list[KernelCall]:
        found = []
        for call in calls:
            kernel = call.kernel
            if isinstance(kernel, isa_scalar.Conv2d):
                with contextlib.suppress(Unfit):
                    kernel = in_parts(kernel, kernel.window.width if taps == "row" else 1)
                    kernels.append(kernel)
            found.append(replace(call, kernel=kernel))
        return found

    monkeypatch.setattr(select, "for_cores", lean)
    samples = samples_for(rng, made)
    path = tmp_path / "operators.tflite"
    want = parity.tflite(path, made, samples)
    compiled = compile_model(path, ModelOptions(path), board, "model")
    assert kernels, "some of the convolutions shall be in parts"
    parity.agree(emulated(compiled, compiled.module_text, tmp_path, board, samples, level), want, f"opt-level {level}")


def test_several_cores_need_less_scratch_where_sums_are_in_segments_anyway(tmp_path: Path) -> None:
    """One core packs all taps, each of four packs one: so many bytes are saved for few more sums."""
    rng = np.random.default_rng(11)
    quantisation, tensors = operators.tensors_of(rng, (1, 8, 8, 64), (64, 3, 3, 64), 0, 576)
    options = {"padding": 0, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    operator = tflm.Operator("CONV_2D", tensors, [quantisation.output((1, 8, 8, 64))], ("Conv2DOptions", options), 3)
    path = tmp_path / "operators.tflite"
    path.write_bytes(tflm.models([operator]))
    found = []
    for cores in (1, 4):
        (step,) = compile_model(path, ModelOptions(path, cores=cores), boards.load("qemu-riscv32"), "m").schedule.steps
        assert isinstance(step.call.kernel, isa_scalar.Conv2d)
        found.append(step.call.kernel)
    alone, shared = found
    assert (alone.taps, shared.taps) == (9, 1)
    assert sums_of(alone) > 1, "sums are in segments"
    assert 3 * shared.scratch.bytes < alone.scratch.bytes


@pytest.mark.parametrize(
    "board", [pytest.param(ON["qemu-cortex-m0"].values[0], marks=ON["qemu-cortex-m0"].marks, id="qemu-cortex-m0")]
)
def test_each_end_of_sums_equals_tflite_micro(tmp_path: Path, board: Board) -> None:
    """Sums of 20 bits and of more, round multipliers and others, with and without two less for negative sums."""
    rng, found = np.random.default_rng(9), dict[tuple[str, bool, bool], tflm.Operator]()
    path = tmp_path / "operators.tflite"
    for make in (operators.convolution, operators.depthwise) * 60:
        path.write_bytes(tflm.models([operator := make(rng)]))
        (step,) = compile_model(path, ModelOptions(path), board, "model", must_fit=False).schedule.steps
        kernel = step.call.kernel
        small = sum(v.type.bytes for v in [*step.call.inputs, *step.call.outputs]) < 1 << 10
        if small and isinstance(kernel, isa_scalar.Conv2d | isa_scalar.DepthwiseLines) and kernel.sum_bits <= 21:
            multipliers = kernel.channels.data.view(np.int32).reshape(-1, 2)[:, 0]
            round_ = kernel.sum_bits <= 20 and not np.bitwise_or.reduce(multipliers) & 127
            found.setdefault((type(kernel).__name__, bool(round_), kernel.limits.below != 0), operator)
    assert len(found) >= 7, sorted(found)
    made = list(found.values())
    for part in (made[::2], made[1::2]):
        samples = samples_for(rng, part)
        want = parity.tflite(path, part, samples)
        compiled = compile_model(path, ModelOptions(path), board, "model")
        parity.agree(emulated(compiled, compiled.module_text, tmp_path, board, samples, "3"), want, "3")


@pytest.mark.parametrize(
    "board, level",
    [
        pytest.param(ON[name].values[0], level, marks=ON[name].marks, id=f"{name}-{level}")
        for name, level in (("qemu-riscv32", "3"), ("qemu-riscv32", "s"), ("qemu-cortex-m0", "3"))
    ],
)
def test_int16_equals_tflite_micro(tmp_path: Path, board: Board, level: str) -> None:
    """Sums that are proved to fit 32 bits have no more; those of other layers have 64."""
    rng = np.random.default_rng(8)
    makers = (operators.convolution16, operators.depthwise16, operators.dense16, operators.transposed16)
    is_large = board.total("ram") != 16 << 10
    made = [make(rng) for make in makers for _ in range(8 if is_large else 1)]
    samples = samples_for(rng, made)
    path = tmp_path / "operators.tflite"
    want = parity.tflite(path, made, samples)
    compiled = compile_model(path, ModelOptions(path), board, "model")
    paths = [step.call.kernel.path for step in compiled.schedule.steps]
    narrow = {found for found in paths if "scalar" in found or "Narrow" in found}
    assert narrow >= NARROW or not is_large, paths
    assert narrow, paths
    parity.agree(emulated(compiled, compiled.module_text, tmp_path, board, samples, level), want, f"opt-level {level}")


@pytest.mark.parametrize(
    "bias, weight, proved", [(0, 64, True), (2**31 - 1, 64, False), (2**40, 0, False), (-(2**31), 0, True)]
)
def test_sums_of_int16_have_32_bits_where_no_input_leaves_them(bias: int, weight: int, *, proved: bool) -> None:
    value = Value(TensorType(DType.I16, (1, 4), Quant((0.5,), (0,))), "x")
    out = Value(TensorType(DType.I16, (1, 1), Quant((0.5,), (0,))), "y")
    multipliers = Packed(np.array([[1 << 14, 0]], np.int32), "multipliers")
    finish = Stored(np.array([bias], np.int64), Reduced(multipliers=multipliers), Bounds(zero_point=0, min=-9, max=9))
    layer = Dense(
        weights=np.full((1, 4), weight, np.int8), finish=finish, input=Operand(value), output=Operand(out), rows=1
    )
    call = LayerCall(layer, [value], [out])
    if proved:
        assert narrowed(call).kernel.path == "fully_connected::Quantized<Narrow>"
    else:
        with pytest.raises(Unfit):
            narrowed(call)
