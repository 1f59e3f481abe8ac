"""Which core ran which tile when, on an emulated board with several cores: in instructions, or in clock cycles.

The firmware is built anew so that it stores a byte before and behind each unit; the counter notes these stores with the
time. That takes four instructions per unit.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ariel_build.boards import Board
from ariel_build.cores.units import Units
from ariel_build.errors import InternalError
from ariel_build.records import dataclass
from ariel_build.run import elf, emulators, firmware
from ariel_build.run.emulate import emulate

__all__ = ["Span", "Timeline", "is_told_by", "record"]

_SYMBOL = "ARIEL_TIMELINE"


@dataclass(frozen=True)
class Span:
    """A tile of a step on a core, from one time to another; `stolen` where another core was to run it."""

    core: int
    start: int
    end: int
    step: int
    units: tuple[int, int]
    stolen: bool


@dataclass(frozen=True)
class Timeline:
    """The tiles of one inference, and the time that all of it took."""

    spans: tuple[Span, ...]
    makespan: int
    cores: int
    unit: str = "instructions"


def is_told_by(board: Board) -> bool:
    """Returns whether the emulator of a board notes stores with their time: ours of the RP2040, and the counter's."""
    return board.run is not None and (bool(board.run.doorbells) or emulators.of(board)[1].notes_stores)


def record(
    folder: Path,
    module: str,
    units: Units,
    board: Board,
    sample: bytes,
    *,
    timeout: float = 600.0,
    say: Callable[[str], None] = lambda _: None,
) -> Timeline:
    """Runs module `module` of `folder`/ariel_models.rs once, and returns what the cores did."""
    cores = units.workers
    image = firmware.build(board, firmware.Subject(folder, module, features=("timeline",)), cores=cores, say=say)
    place = elf.symbol(image.read_bytes(), _SYMBOL)
    if 2 * len(units.units) > place[1]:
        raise InternalError("the model has more units than the timeline has room for", {"units": len(units.units)})
    emulated = emulate(board, image, [sample], cores=cores, count=True, timeout=timeout, timeline=place, say=say)
    for count in emulated.counts or []:
        unit, makespan = ("instructions", count.makespan) if count.makespan is not None else ("cycles", count.cycles)
        if makespan is not None and count.timeline is not None:
            return Timeline(tuple(_spans(count.timeline, units)), makespan, cores, unit)
    raise InternalError("the counter told nothing of the timeline")


def _spans(events: list[tuple[int, int, int]], units: Units) -> list[Span]:
    """Pairs the beginnings with the ends."""
    began: dict[int, int] = {}
    found = []
    for core, time, offset in events:
        index, is_end = divmod(offset, 2)
        if not is_end:
            began[index] = time
            continue
        unit = units.units[index]
        if unit.step is None or index not in began:
            raise InternalError("a unit ended that never began", {"unit": index})
        span = (unit.tile.start, unit.tile.end)
        found.append(Span(core, began.pop(index), time, unit.step, span, core != unit.worker))
    return found
