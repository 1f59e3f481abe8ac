"""What the memory cannot feed is not split, and takes the time that its weights take."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from ariel_build import boards
from ariel_build.boards.board import Board
from ariel_build.config.options import ModelOptions
from ariel_build.cores.predict import Clock
from ariel_build.driver import Compiled, compile_model
from ariel_build.schedule.cost import weight_bytes
from tools.recorded import DIGITS

CORES = 4


def board(bytes_per_cycle: float | None) -> Board:
    """Returns four RISC-V cores whose flash gives so many bytes in a cycle."""
    found = boards.load("qemu-riscv32")
    memories = [replace(m, bytes_per_cycle=bytes_per_cycle) if m.kind == "flash" else m for m in found.memories]
    return replace(found, memories=tuple(memories))


def compiled(bytes_per_cycle: float | None) -> Compiled:
    """Returns the digits model for these cores."""
    return compile_model(DIGITS, ModelOptions(DIGITS, cores=CORES), board(bytes_per_cycle), "digits")


def tiles(model: Compiled) -> Counter[int]:
    """Returns how many tiles each step has."""
    assert model.units is not None
    return Counter(unit.step for unit in model.units.units if unit.step is not None)


def test_a_memory_that_keeps_up_changes_nothing() -> None:
    assert compiled(1e6).module_text == compiled(None).module_text


def test_steps_whose_weights_come_slowly_stay_whole_and_take_their_time() -> None:
    model, free = compiled(1e-3), compiled(None)
    weights = {step.index: weight_bytes(step.call) for step in model.schedule.steps}
    assert any(weights[step] and count > 1 for step, count in tiles(free).items())
    pieces = {step.index: len(step.pieces) for step in model.schedule.steps}
    assert all(count == pieces[step] for step, count in tiles(model).items() if weights[step])
    assert all(tiles(model)[s] >= n for s, n in tiles(free).items() if not weights[s])
    assert model.predicted.cycles >= sum(weights.values()) / 1e-3


@pytest.mark.parametrize("share", [1.5, 2.5])
def test_a_step_gets_a_tile_for_each_core_that_is_fed(share: float) -> None:
    """Of the step with the most tiles, the weights come `1 / share` of the time late that one core takes."""
    free = compiled(None)
    whole = [s for s in free.schedule.steps if weight_bytes(s.call) and len(s.pieces) == 1]
    most = max(whole, key=lambda s: tiles(free)[s.index])
    core = board(None).cores[0]
    speed = weight_bytes(most.call) * share / max(Clock((core,)).times(most.call))
    model = compiled(speed)
    assert tiles(model)[most.index] == (int(share) + 1) * len(model.schedule.steps[most.index].pieces)
