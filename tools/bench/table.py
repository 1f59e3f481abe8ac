"""All figures of the table: every engine, model and board, as many at once as there are processors."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ariel_build import boards
from ariel_build.errors import ArielError, SetupError
from ariel_build.machine import resources
from tools.bench import emx, microflow, ours
from tools.bench.models import M0, M7, RISCV, RP2040, Model
from tools.bench.store import Cost
from tools.setup import rp2040, rtl

__all__ = ["OURS", "RECORDED", "Row", "measured", "recorded", "runnable"]

OURS = "Ariel-ML"
RECORDED = Path(__file__).resolve().parents[2] / "benchmarks" / "recorded.toml"
#: The engines that are measured, and on which boards beside ours.
_PEERS: Sequence[tuple[str, Callable[[Model, str, Path], Cost], Collection[str]]] = (
    (microflow.NAME, microflow.measure, (M7, RISCV, M0, RP2040)),
    (emx.NAME, emx.measure, (M7, RISCV)),
)


@dataclass(frozen=True)
class Row:
    """One engine with one model on one board."""

    model: str
    kind: str
    element: str
    board: str
    engine: str
    cost: Cost
    conditions: str = "measured"


def runnable(board: str) -> bool:
    """Returns whether firmware for this board can run here."""
    if board not in boards.known():
        return False
    run = boards.load(board).run
    if run is None:
        return False
    others = {"verilator": rtl.is_complete, "rp2040js": rp2040.is_complete}
    return others.get(run.emulator, lambda: resources.emulator(run.emulator) is not None)()


def measured(
    models: Sequence[Model], wanted: Collection[str], folder: Path, say: Callable[[str], None], *, peers: bool
) -> list[Row]:
    """Returns what all engines cost with these models on the boards that are wanted and can run here."""
    here = {board: runnable(board) for board in wanted}

    def jobs() -> Iterator[tuple[Model, str, str, Callable[[Model, str, Path], Cost]]]:
        for model in models:
            for board in model.boards:
                if not here.get(board):
                    continue
                yield model, board, OURS, ours.measure
                for name, measure, where in _PEERS if peers and not model.streamed else ():
                    if board in where and not (name == microflow.NAME and not model.is_tflite):
                        yield model, board, name, measure

    def do(job: tuple[Model, str, str, Callable[[Model, str, Path], Cost]]) -> Row:
        model, board, engine, measure = job
        try:
            cost = measure(model, board, folder / _plain(f"{model.name}-{board}-{engine}"))
        except SetupError:
            # Something is missing on this machine: a table without it would look as if a peer had refused.
            raise
        except ArielError as error:
            cost = Cost(refused=error.diagnostics[0].message)
        if cost.refused:
            said = f"refused: {cost.refused}"
        else:
            said = f"{cost.instructions or cost.cycles:,} {cost.verdict and 'WRONG: ' + cost.verdict}"
        say(f"{model.name} on {board}, {engine}: {said}")
        return Row(model.name, model.kind, model.element, board, engine, cost)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(do, jobs()))


def recorded(models: Sequence[Model]) -> list[Row]:
    """Returns the figures that were recorded once, for models that are here."""
    engines: dict[str, Any] = tomllib.loads(RECORDED.read_text())["engines"]
    known = {model.name: model for model in models}
    return [
        Row(name, known[name].kind, known[name].element, board, engine, replace(Cost(), **figures), about["conditions"])
        for engine, about in engines.items()
        for board, models_ in {M7: about["models"], **about.get("on", {})}.items()
        for name, figures in models_.items()
        if name in known
    ]


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-." else "_" for c in name)
