"""The project's targets beside what was measured: met, or missed and by how much."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tools.bench import emx, microflow
from tools.bench.models import M0, M7, M55, RISCV, RP2040, STREAMED
from tools.bench.store import Cost
from tools.bench.table import OURS, Row

__all__ = ["Target", "judged"]

#: Instructions on the Cortex-M7, at most.
_INT8 = {
    "kws (DS-CNN)": 3_100_000,
    # Those whose arena is below their largest tensor, or whose input comes row by row: 1.05 times what they took with
    # every tensor in whole.
    "ResNet-8": 12_289_242,
    "vww (MobileNet v1)": 9_590_288,
    "ad (autoencoder)": 310_000,
    "person_detect": 9_150_492,
    "vww (MobileNet v1)" + STREAMED: 9_590_288,
    "person_detect" + STREAMED: 9_150_492,
    "micro_speech": 600_000,
    "hello_world": 1_500,
    "LSTM": 250_000,
    "SVDF (7, and 5 dense layers)": 60_000,
    "audio front end (9 signal operators)": 100_000,
}
#: Instructions on the Cortex-M55, at most.
_HELIUM = {
    "kws (DS-CNN)": 800_000,
    "ResNet-8": 2_400_000,
    "vww (MobileNet v1)": 2_700_000,
    "ad (autoencoder)": 105_000,
    "person_detect": 2_700_000,
    "micro_speech": 350_000,
}
#: On the Cortex-M7 with activations of int16.
_INT16 = {
    "seanet conv0 (7x7, 2 to 8)": 450_000,
    "seanet conv5 (3x3, 32 to 32)": 420_000,
    "seanet conv10 (3x4, 64 to 64)": 300_000,
    "seanet conv20 (1x1, 16 to 8)": 40_000,
    "seanet transpose_conv0 (3x4)": 400_000,
    "seanet transpose_conv1 (3x4)": 400_000,
    "seanet transpose_conv2 (3x4)": 400_000,
    "seanet add10 (5,248 elements)": 90_000,
    "seanet leaky_relu5 (1,280 elements)": 20_000,
}
#: The same in float32: 60 % of what emx-onnx-cgen took for the public float files (recorded: gcc 12.2 -O3), and IREE.
_FLOAT = {
    "kws (DS-CNN), float32": (16_680_000, 15_910_000),
    "ResNet-8, float32": (77_270_000, 43_760_000),
    "vww (MobileNet v1), float32": (48_550_000, 29_700_000),
    "ad (autoencoder), float32": (1_605_000, 723_000),
}
#: Bytes of the arena, at most.
_ARENA = {
    "vww (MobileNet v1)": 31_000,
    "person_detect": 20_000,
    "ResNet-8": 17_000,
    "vww (MobileNet v1)" + STREAMED: 17_000,
    "person_detect" + STREAMED: 16_000,
    "MCUNet vww, 10 fps": 34_000,
    "kws (DS-CNN)": 12_288,
    "ad (autoencoder)": 1_024,
}
#: Bytes of the constants of the file, and how many times as many there may be in flash.
_CONSTANTS = {
    "kws (DS-CNN)": (24_376, 1.15),
    "vww (MobileNet v1)": (219_072, 1.10),
    "ResNet-8": (78_752, 1.06),
}
#: Cycles per multiply-accumulate of an RP2040, at most.
_CYCLES = {"kws (DS-CNN)": 5.5}


@dataclass(frozen=True)
class Target:
    """What was to be reached, and what was; `bound` is the most that is allowed."""

    what: str
    model: str
    bound: float
    value: float

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.value <= self.bound


def judged(rows: Sequence[Row]) -> Iterator[Target]:
    """Yields every target of which both sides were measured."""
    costs = {(row.engine, row.model, row.board): row.cost for row in rows}

    def ours(model: str, board: str) -> Cost:
        return costs.get((OURS, model, board), Cost())

    for model, bound in _INT8.items():
        yield from _one("instructions, Cortex-M7, int8", model, bound, ours(model, M7).instructions)
    for model, bound in _HELIUM.items():
        yield from _one("instructions, Cortex-M55, int8", model, bound, ours(model, M55).instructions)
    for model, bound in _INT16.items():
        yield from _one("instructions, Cortex-M7, int16", model, bound, ours(model, M7).instructions)
    for row in rows:
        if row.engine == OURS and row.board == RISCV:
            best = _best([costs.get((name, row.model, RISCV)) for name in (microflow.NAME, emx.NAME)], _instructions)
            what = "instructions, RISC-V, 60 % of the best peer"
            yield from _one(what, row.model, best and 0.6 * best, row.cost.instructions)
    for board, model, figure, what in (
        (M0, "hello_world", _instructions, "instructions, Cortex-M0, 50 % of microflow"),
        (RP2040, "kws (DS-CNN)", _cycles, "cycles, RP2040, 50 % of microflow"),
    ):
        best = _best([costs.get((microflow.NAME, model, board))], figure)
        yield from _one(what, model, best and 0.5 * best, figure(ours(model, board)))
    for model, (recorded, iree) in _FLOAT.items():
        mine = ours(model, M7).instructions
        here = _best([costs.get((emx.NAME, model, M7))], _instructions)
        yield from _one("instructions, Cortex-M7, float32, 60 % of emx-onnx-cgen recorded", model, 0.6 * recorded, mine)
        yield from _one("the same, of emx-onnx-cgen measured here", model, here and 0.6 * here, mine)
        yield from _one("the same, below IREE's kernels", model, iree, mine)
    for model, cycles in _CYCLES.items():
        cost = ours(model, RP2040)
        yield from _one("cycles, RP2040", model, cost.macs and cycles * cost.macs, cost.cycles)
    for model, bound in _ARENA.items():
        yield from _one("bytes of arena, Cortex-M7", model, bound, ours(model, M7).arena)
    for model, (constants, times) in _CONSTANTS.items():
        what = f"bytes of constants, Cortex-M7, {times} times the file's"
        yield from _one(what, model, times * constants, ours(model, M7).weights)
    kws, hello = ours("kws (DS-CNN)", M7), ours("hello_world", M7)
    code = kws.flash - kws.weights if kws.flash is not None and kws.weights is not None else None
    yield from _one("bytes of flash less weights, Cortex-M7", "kws (DS-CNN)", 12 * 1024, code)
    yield from _one("bytes of flash in all, Cortex-M7", "hello_world", 3 * 1024, hello.flash)


def _instructions(cost: Cost) -> float | None:
    return cost.instructions


def _cycles(cost: Cost) -> float | None:
    return cost.cycles


def _best(peers: Sequence[Cost | None], figure: Callable[[Cost], float | None]) -> float | None:
    """Returns the least figure of the peers whose answers are right."""
    values = [figure(peer) for peer in peers if peer is not None and not peer.verdict.startswith("wrong")]
    return min((value for value in values if value), default=None)


def _one(what: str, model: str, bound: float | None, value: float | None) -> Iterator[Target]:
    if bound is not None and value is not None:
        yield Target(what, model, bound, value)
