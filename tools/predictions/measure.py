"""One model on one board: predicted and measured RAM, flash, stack and instructions, and those of each layer."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np

from ariel_build import frontends
from ariel_build.answers.samples import bind_dims, load
from ariel_build.boards.board import Board
from ariel_build.config.options import ModelOptions
from ariel_build.cores.predict import Clock, step_costs
from ariel_build.driver import Compiled, compile_model
from ariel_build.kernels import KernelCall
from ariel_build.kernels.flow import worst
from ariel_build.run import Facts, execute, firmware
from ariel_build.run.elf import sizes
from ariel_build.run.emulate import Emulated, emulate
from ariel_build.schedule.tiles import Tile
from tools.recorded.models import Recorded

__all__ = ["FIGURES", "Layer", "Row", "of_model"]

#: Inferences that are measured, behind one that warms up.
_SAMPLES = 2
_SECONDS = 900.0
#: A marker before a step (`ariel-ml-rs/src/trace.rs`) on Arm and on RISC-V, where START and its like have less than 16.
_MARKERS = re.compile(rb"\x9f\xf8.[\xf0-\xff]|\x13\x20[\x00-\xf0](?:[\x01-\x3f])", re.DOTALL)
_MARKER = 4
#: The figures of a row, and what stats.json calls them.
FIGURES = {
    "ram": "ram_bytes",
    "flash": "flash_bytes",
    "stack": "stack_bytes",
    "instructions": "instructions_per_inference",
}


@dataclass(frozen=True)
class Layer:
    """A step: the kernel that computes it, instructions of an inference, and how often it runs in one.

    `alone` tells that no other step has the kernel, and that it runs in one piece.
    """

    name: str
    call: KernelCall
    tiles: Sequence[Tile]
    predicted: float
    measured: float
    times: float
    alone: bool

    @property
    def ratio(self) -> float:
        """Predicted by measured."""
        return self.predicted / max(self.measured, 1.0)


@dataclass(frozen=True)
class Row:
    """What was predicted of a model on a board, and what was measured."""

    model: str
    board: str
    predicted: Mapping[str, float]
    measured: Mapping[str, float]
    layers: Sequence[Layer]
    compiled: Compiled

    def ratio(self, figure: str) -> float:
        """Returns predicted by measured; 1 where nothing of it was measured, or both are 0."""
        told, found = self.predicted[figure], self.measured.get(figure)
        return 1.0 if found is None or told == found else told / max(found, 1.0)

    def worst(self, share: float) -> Layer | None:
        """Returns the layer that is furthest off among those that take more than this share of the time."""
        least = share * self.measured["instructions"]
        some = (layer for layer in self.layers if layer.measured > least)
        return max(some, key=lambda layer: abs(layer.ratio - 1), default=None)


def of_model(recorded: Recorded, board: Board, *, quick: bool = False) -> Row:
    """Compiles, builds and runs a model as `run --stats` does, and again with a marker before each step.

    In a hurry (`quick`) only with markers, which are taken off: flash is some bytes off then.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model, samples = _compiled(recorded, board, folder)
        traced = firmware.build(board, firmware.Subject(folder, "model", features=("trace",)))
        emulated = emulate(board, traced, samples, count=True, timeout=_SECONDS)
        if quick:
            measured = _unmarked(model, emulated, traced, firmware.build(board, None))
        else:
            facts = Facts(len(model.weights), model.plan.arena_bytes, model.macs)
            stats = execute(folder, "model", board, samples, facts=facts, timeout=_SECONDS).stats or {}
            measured = {name: stats.get(key) for name, key in FIGURES.items()}  # type: ignore[misc]
    predicted = {
        "ram": model.ram_bytes,
        "flash": model.bounds.expected_flash,
        "stack": model.bounds.expected_stack,
        "instructions": model.predicted.instructions,
    }
    known = {name: float(value) for name, value in measured.items() if value is not None}
    layers = _layers(model, board, [count.steps or {} for count in emulated.counts or []])
    return Row(recorded.name, board.name, predicted, known, layers, model)


def _compiled(recorded: Recorded, board: Board, folder: Path) -> tuple[Compiled, Sequence[bytes]]:
    """Compiles the model into the folder; returns it and its first samples."""
    npz, path = folder / "in.npz", recorded.path
    np.savez(npz, **recorded.given(_SAMPLES))  # type: ignore[arg-type]
    model = compile_model(path, ModelOptions(path, dims=bind_dims(npz, frontends.read(path)), cores=1), board, "model")
    (folder / "model.rs").write_text(model.module_text, encoding="utf-8")
    (folder / "model.weights").write_bytes(model.weights)
    (folder / "ariel_models.rs").write_text('include!("model.rs");\n', encoding="utf-8")
    return model, load(npz, model.graph.inputs).raw()


def _unmarked(model: Compiled, emulated: Emulated, traced: Path, baseline: Path) -> dict[str, float | None]:
    """Returns the figures of firmware with markers, as if it had none."""
    with_it, without = sizes(traced.read_bytes()), sizes(baseline.read_bytes())
    counted = [sum(count.instructions) for count in emulated.counts or []]
    return {
        "ram": with_it.ram - without.ram,
        "flash": with_it.flash - without.flash - _MARKER * len(_MARKERS.findall(traced.read_bytes())),
        "stack": max(emulated.stack) if emulated.stack else None,
        "instructions": sum(counted) / len(counted) - len(model.schedule.pieces) if counted else None,
    }


def _layers(model: Compiled, board: Board, taken: Sequence[Mapping[int, tuple[int, int]]]) -> list[Layer]:
    """Returns the steps that run as often as is known beforehand: all but those of loops that end by their data."""
    schedule = model.schedule
    flow = schedule.flow or (range(len(schedule.steps)),)
    users = Counter(call.kernel.path for call in schedule.calls)
    last = max((index for count in taken for index in count), default=0)
    found = []
    for step, (told, _) in zip(schedule.steps, step_costs(schedule, Clock(board.cores[:1])), strict=True):
        times = worst(flow, lambda block, index=step.index: index in block)  # type: ignore[misc]
        counted = [count[step.index][0] for count in taken if step.index in count]
        # What lies behind the last step is counted with it: states that are copied.
        if counted and times and isfinite(times) and not (model.plan.copies and step.index == last):
            tiles = tuple(piece.tile for piece in step.streamed)
            mean, alone = sum(counted) / len(counted), users[step.call.kernel.path] == 1 and len(tiles) < 2
            found.append(Layer(step.name, step.call, tiles, told * times, mean, times, alone))
    return found
