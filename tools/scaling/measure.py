"""point(model, board, cores) = what an inference takes on so many cores, and whether its answer is that of one core."""

from __future__ import annotations

import fcntl
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ariel_build import boards
from ariel_build.boards import Board
from ariel_build.codegen import generate
from ariel_build.config.options import ModelOptions
from ariel_build.cores.check_units import check_units
from ariel_build.cores.split import split
from ariel_build.cores.units import build_units
from ariel_build.driver import Compiled, compile_model
from ariel_build.run import cache, elf, firmware
from ariel_build.run.emulate import emulate
from ariel_build.run.stats import Facts, collect

__all__ = ["POOL_OF_ONE", "Point", "point"]

#: In place of a number of cores: the pool's code with one worker, on one core.
POOL_OF_ONE = 0
_SEED = 5


@dataclass(frozen=True)
class Point:
    """A model on some cores of a board. `time` is in clock cycles where the board has them, else in instructions."""

    model: str
    board: str
    cores: int
    time: float
    unit: str
    instructions: float | None
    units: float | None
    steals: float | None
    flash: int | None
    ram: int | None
    bus_waits: float | None
    answer: str


def point(name: str, path: Path, board_name: str, cores: int, say: Callable[[str], None]) -> Point:
    """Returns what was measured of the same firmware before, else measures one inference, on noise."""
    board = boards.load(board_name)
    with tempfile.TemporaryDirectory(prefix="ariel-scaling-") as place:
        folder = Path(place)
        compiled = _compiled(path, board, cores, folder)
        subject = firmware.Subject(folder, "model", features=("multicore",) if cores == POOL_OF_ONE else ())
        image = firmware.build(board, subject, cores=max(cores, 1), say=say)
        kept = cache.folder("scaling") / f"{cache.digest([repr(board), str(cores), image.read_bytes()])}.json"
        with kept.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if kept.exists():
                return replace(Point(**json.loads(kept.read_text())), model=name)
            found = _measured(name, compiled, board, cores, image, say)
            kept.write_text(json.dumps(asdict(found)))
    return found


def _compiled(path: Path, board: Board, cores: int, folder: Path) -> Compiled:
    """Compiles the model into the folder."""
    compiled = compile_model(path, replace(ModelOptions(path), cores=max(cores, 1)), board, "model")
    text = compiled.module_text
    if cores == POOL_OF_ONE:
        units = build_units(compiled.schedule, compiled.plan, 1, split)
        check_units(units, compiled.schedule, compiled.plan)
        plan = (compiled.graph, compiled.schedule, compiled.plan)
        text = generate("model", *plan, section=".rodata.ariel.model", target=board.target, units=units).text
    (folder / "ariel_models.rs").write_text(text, encoding="utf-8")
    (folder / "model.weights").write_bytes(compiled.weights)
    return compiled


def _measured(
    name: str, compiled: Compiled, board: Board, cores: int, image: Path, say: Callable[[str], None]
) -> Point:
    rng = np.random.default_rng(_SEED)
    size = sum(value.type.bytes for value in compiled.graph.inputs)
    sample = rng.integers(0, 256, size, dtype=np.uint8).tobytes()
    facts = Facts(len(compiled.weights), compiled.plan.arena_bytes, compiled.macs)
    count = max(cores, 1)
    emulated = emulate(board, image, [sample], cores=count, count=True, timeout=3600, say=say)
    without = elf.sizes(firmware.build(board, None, cores=count, say=say).read_bytes())
    stats = collect(board, emulated, facts, elf.sizes(image.read_bytes()), without, cores=count)

    def number(key: str) -> float | None:
        value = stats.get(key)
        return value if isinstance(value, int | float) else None

    cycles, makespan = number("cycles"), number("makespan_instructions")
    waits = stats.get("bus_waits_per_core")
    counted = [wait for wait in waits if wait is not None] if isinstance(waits, list) else []
    flash, ram = number("flash_bytes"), number("ram_bytes")
    time = makespan if cycles is None else cycles
    assert time is not None  # noqa: S101 - every board of the table counts
    return Point(
        name,
        board.name,
        cores,
        time,
        "instructions" if cycles is None else "cycles",
        number("instructions_per_inference"),
        number("units_per_inference"),
        number("steals_per_inference"),
        None if flash is None else int(flash),
        None if ram is None else int(ram),
        sum(counted) if counted else None,
        cache.digest(emulated.outputs),
    )
