"""Weights in slow memory: the same answers whoever fetches them, faster where the plan says so, and never slower."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _pytest.mark import ParameterSet

from ariel_build import boards, driver
from ariel_build.boards import Board, Memory
from ariel_build.config.options import ModelOptions
from ariel_build.cores.ahead import ahead
from ariel_build.cores.predict import Clock
from ariel_build.driver import Compiled, compile_model
from ariel_build.isa.fetched import fetched, pieces_of
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import KernelCall
from ariel_build.run.execute import Execution, execute
from tests.ops import parity, tflm
from tests.ops.armv7e_m import operators
from tests.ops.dsp_fpu import operators as qdq
from tests.ops.qdq import Builder
from tests.ops.sums import samples_for
from tests.run.support import ON

SLOW, QEMU = (boards.load(name) for name in ("rtl-riscv32-slow", "qemu-riscv32"))
on_bed = [pytest.mark.rtl, pytest.mark.target(SLOW.target)]


def memories(board: Board, **changes: Any) -> Board:  # noqa: ANN401 - fields of several types
    """Returns the board whose memory with the weights is another."""
    with_weights = board.with_weights
    return replace(board, memories=tuple(replace(m, **changes) if m is with_weights else m for m in board.memories))


def with_slow_memory(name: str, origin: int) -> Board:
    """Returns an emulated board whose weights are in a memory that QEMU has there; the core stands in for a DMA."""
    board = boards.load(name)
    assert board.run is not None
    slow = Memory("slow", "flash", origin, 1 << 20, wait_states=4, weights=True, dma=True)
    return replace(board, name=f"{name}-slow", memories=(*board.memories, slow), run=replace(board.run, dma=0))


M33 = boards.load("qemu-cortex-m33-slow")
#: hw/arm/mps2.c: psram, which is elsewhere on the an500, and hw/arm/mps2-tz.c: mps.ram.
M4, M3 = (with_slow_memory(f"qemu-cortex-{core}", 0x2100_0000) for core in ("m4", "m3"))
M7 = with_slow_memory("qemu-cortex-m7", 0x6000_0000)
M55 = with_slow_memory("qemu-cortex-m55", 0x6000_0000)
ARM = {"m7": M7, "m4": M4, "m3": M3, "m33": M33, "m55": M55}


def without_dma(board: Board) -> Board:
    """Returns the board, where nobody hands over a DMA."""
    assert board.run is not None
    return replace(board, run=replace(board.run, dma=None))


def marked(board: Board, id_: str) -> ParameterSet:
    """Returns a board with what skips a test where a tool is missing."""
    assert board.run is not None
    marks = [pytest.mark.emulator(board.run.emulator), pytest.mark.target(board.target)]
    return pytest.param(board, id=id_, marks=marks)


#: What is compiled for it knows nothing of wait states, and so fetches nothing ahead.
UNAWARE = memories(SLOW, wait_states=0)


def dense(depth: int, count: int, spread: float) -> tflm.Operator:
    """Returns a dense layer over one row, its weights spread as trained ones are."""
    rng = np.random.default_rng(1)
    weights = np.clip(np.rint(rng.normal(0, spread, (count, depth))), -127, 127).astype(np.int8)
    bias = rng.integers(-5000, 5000, count).astype(np.int32)
    inputs = [
        tflm.Tensor("int8", (1, depth), 0.05, 3),
        tflm.Tensor("int8", (count, depth), 0.01, data=weights),
        tflm.Tensor("int32", (count,), 0.0005, data=bias),
    ]
    return tflm.Operator(
        "FULLY_CONNECTED", inputs, [tflm.Tensor("int8", (1, count), 0.3, -4)], ("FullyConnectedOptions", {})
    )


def in_blocks(call: KernelCall, _: Clock) -> KernelCall:
    """Returns the call with its weights fetched in the smallest pieces, whatever it gains."""
    try:
        return fetched(call, pieces_of(call).first)
    except Unfit:
        return call


def ran(
    compiled: Compiled, folder: Path, board: Board, samples: parity.Samples, *, stats: bool = False, cores: int = 1
) -> Execution:
    """Runs a model that may have been compiled for another board."""
    (folder / "ariel_models.rs").write_text(compiled.module_text)
    (folder / "model.weights").write_bytes(compiled.weights)
    return execute(
        folder, "model", board, [b"".join(x.tobytes() for x in s) for s in samples], stats=stats, cores=cores
    )


_DSP = {
    "isa::armv7e_m::FetchedConnected": 2,
    "isa::armv7e_m::FetchedDeep": 1,
    "isa::armv7e_m::FetchedConv2d": 10,
    "isa::armv7e_m::FetchedConnected16": 1,
    "isa::armv7e_m::FetchedConv2d16": 8,
}
_SCALAR = {"isa::scalar::FetchedConnected": 2, "isa::scalar::FetchedConv2d": 10}
#: How many layers each kernel has at least.
FETCHED = {
    **dict.fromkeys(("cv32e40x", "rv32"), _SCALAR),
    **dict.fromkeys(("cortex-m7", "cortex-m4", "cortex-m33"), _DSP),
    "cortex-m3": {"isa::scalar::FetchedConnected": 1, "isa::thumb2::FetchedConv2d": 10},
    "cortex-m55": {"isa::mve::FetchedConv2d<Away>": 10, "isa::mve::FetchedConv2d<Up>": 9},
}


@pytest.mark.parametrize(
    "board",
    [
        pytest.param(SLOW, id="by a DMA", marks=on_bed),
        # Nobody hands a DMA over there: the core copies.
        pytest.param(QEMU, id="by the core", marks=ON["qemu-riscv32"].marks),
        *(marked(board, name) for name, board in ARM.items()),
        marked(without_dma(M7), "m7 by the core"),
    ],
)
def test_what_is_fetched_is_what_is_there(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "ahead", in_blocks)
    rng = np.random.default_rng(3)
    kinds: list[Callable[[np.random.Generator], tflm.Operator]] = [operators.convolution, operators.dense]
    if "cortex" in board.cores[0].name:
        kinds += [operators.convolution16, operators.dense16]
    made = [make(rng) for make in kinds for _ in range(12)]
    made += [dense(96, 44, 60), dense(320, 25, 12)]
    samples = samples_for(rng, made)
    path = tmp_path / "operators.tflite"
    want = parity.tflite(path, made, samples)
    compiled = compile_model(path, ModelOptions(path, cores=1), board, "model")
    paths = Counter(step.call.kernel.path for step in compiled.schedule.steps)
    assert paths >= Counter(FETCHED[board.cores[0].name]), paths
    got = ran(compiled, tmp_path, board, samples).outputs
    assert got == [b"".join(np.ascontiguousarray(x).tobytes() for x in answer) for answer in want]


@pytest.mark.parametrize(
    "board, kernels",
    [
        pytest.param(*marked(M7, "").values, {"dsp_fpu": 20}, id="m7", marks=marked(M7, "").marks),
        pytest.param(*marked(M55, "").values, {"mve": 20}, id="m55", marks=marked(M55, "").marks),
    ],
)
def test_what_rounds_as_onnx_does_is_fetched_too(
    board: Board, kernels: Mapping[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "ahead", in_blocks)
    rng, model, path = np.random.default_rng(37), Builder(), tmp_path / "operators.onnx"
    for _ in range(15):
        qdq.convolution(model, rng)
        qdq.dense(model, rng)
    model.write(path)
    samples = model.samples(rng)
    want = parity.reference(path, samples, optimized=True)
    compiled = compile_model(path, ModelOptions(path, cores=1), board, "model")
    paths = [step.call.kernel.path for step in compiled.schedule.steps]
    rooms = Counter(path.split("::")[1] for path in paths if "Fetched" in path)
    assert rooms >= Counter(kernels), paths
    got = ran(compiled, tmp_path, board, samples).outputs
    assert got == [b"".join(np.ascontiguousarray(x).tobytes() for x in answer) for answer in want]


@pytest.mark.rtl
@pytest.mark.target(SLOW.target)
@pytest.mark.parametrize("depth, count, gain", [(256, 256, 1.3), (8, 128, 1.0)], ids=["64 KB", "1 KB"])
def test_a_dense_layer_is_faster_or_as_fast(depth: int, count: int, gain: float, tmp_path: Path) -> None:
    path = tmp_path / "dense.tflite"
    rng = np.random.default_rng(2)
    samples = [[rng.integers(-128, 128, (1, depth)).astype(np.int8)] for _ in range(2)]
    want = parity.tflite(path, [dense(depth, count, 12)], samples)
    options = ModelOptions(path, cores=1)
    cycles = []
    for board in (SLOW, UNAWARE):
        done = ran(compile_model(path, options, board, "model"), tmp_path, SLOW, samples, stats=True)
        assert done.outputs == [answer[0].tobytes() for answer in want]
        assert done.stats is not None
        cycles.append(float(str(done.stats["cycles"])))
    assert cycles[1] / cycles[0] >= gain


def clamped(count: int, size: tuple[int, int]) -> tflm.Operator:
    """Returns a 3x3 convolution of so many channels, whose RELU6 bounds it from -10 to 110 as stored."""
    rng = np.random.default_rng(count)
    inputs = [
        tflm.Tensor("int8", (1, *size, 5), 0.05, 3),
        tflm.Tensor("int8", (count, 3, 3, 5), 0.01, data=rng.integers(-127, 128, (count, 3, 3, 5)).astype(np.int8)),
        tflm.Tensor("int32", (count,), 0.0005, data=rng.integers(2000, 8000, count).astype(np.int32)),
    ]
    options = {"padding": 0, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    options |= {"fusedActivationFunction": 3}
    return tflm.Operator(
        "CONV_2D", inputs, [tflm.Tensor("int8", (1, *size, count), 0.05, -10)], ("Conv2DOptions", options), 3
    )


@pytest.mark.parametrize("board", [marked(M55, "m55")])
def test_pieces_clamp_their_own_channels(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "ahead", in_blocks)
    # The last piece has one channel, two, three, or all of them; pixels are odd and even.
    made = [clamped(count, size) for count, size in ((9, (5, 7)), (18, (3, 4)), (7, (5, 5)), (12, (3, 3)), (3, (2, 9)))]
    samples = samples_for(np.random.default_rng(43), made)
    path = tmp_path / "clamped.tflite"
    want = parity.tflite(path, made, samples)
    for index in range(len(made)):
        last = np.stack([np.asarray(answer[index])[..., -1] for answer in want])
        assert (last.min(), last.max()) == (-10, 110), "both bounds are met in the last piece"
    compiled = compile_model(path, ModelOptions(path, cores=1), board, "model")
    fetched_ones = [s.call.kernel.path for s in compiled.schedule.steps if "Fetched" in s.call.kernel.path]
    assert len(fetched_ones) >= len(made) - 1, fetched_ones
    got = ran(compiled, tmp_path, board, samples).outputs
    assert got == [b"".join(np.ascontiguousarray(x).tobytes() for x in answer) for answer in want]


def compiled_for(board: Board, path: Path, cores: int = 1, **options: Any) -> list[KernelCall]:  # noqa: ANN401 - of several types
    """Returns the calls whose weights are fetched ahead."""
    made = compile_model(path, ModelOptions(path, cores=cores, **options), board, "model")
    return [step.call for step in made.schedule.steps if "Fetched" in step.call.kernel.path]


def test_only_what_gains_is_fetched(tmp_path: Path) -> None:
    path = tmp_path / "dense.tflite"
    path.write_bytes(tflm.models([dense(256, 256, 12)]))
    assert compiled_for(SLOW, path)
    # The core would copy what is read once.
    assert not compiled_for(memories(SLOW, dma=False), path)
    assert not compiled_for(UNAWARE, path)
    assert not compiled_for(SLOW, path, cores=2)
    assert not compiled_for(SLOW, path, optimize="ram")
    assert not compiled_for(SLOW, path, optimize="size")
    clock = Clock.of(SLOW, 1)
    for depth, count in ((1, 8), (8, 8), (40, 24), (700, 8), (512, 512)):
        path.write_bytes(tflm.models([dense(depth, count, 12)]))
        unaware = compile_model(path, ModelOptions(path, cores=1), UNAWARE, "model")
        (call,) = (step.call for step in unaware.schedule.steps)
        assert clock.times(ahead(call, clock))[0] <= clock.times(call)[0]


def test_arm_fetches_what_gains(tmp_path: Path) -> None:
    path = tmp_path / "dense.tflite"
    path.write_bytes(tflm.models([dense(256, 256, 12)]))
    for board in (M33, M7):
        (call,) = compiled_for(board, path)
        here = compile_model(path, ModelOptions(path, cores=1), board, "model").predicted
        unaware = compile_model(path, ModelOptions(path, cores=1), memories(board, wait_states=0), "model")
        clock = Clock.of(board, 1)
        (where,) = (clock.times(step.call)[0] for step in unaware.schedule.steps)
        assert clock.times(call)[0] < where / 1.2
        assert here.cycles < where
    # Helium computes faster than a DMA brings words, of which each is read once.
    assert not compiled_for(M55, path)


def test_the_arena_has_room_for_two_pieces(tmp_path: Path) -> None:
    path = tmp_path / "dense.tflite"
    path.write_bytes(tflm.models([dense(256, 256, 12)]))
    made = compile_model(path, ModelOptions(path, cores=1), SLOW, "model")
    (call,) = (step.call for step in made.schedule.steps)
    fields: Mapping[str, Any] = dict(call.kernel)
    assert call.scratch_bytes == 2 * 256 * fields["channels"]
    assert made.plan.arena_bytes == 2 * 256 + call.scratch_bytes
