"""Units -> the `parallel!` of the runtime crate: constant tables of tiles and edges."""

from __future__ import annotations

from collections.abc import Sequence

from ariel_build.codegen.program import Program, Run
from ariel_build.cores.units import Units
from ariel_build.schedule import Schedule

__all__ = ["table", "units_lines"]

#: What `ariel_ml_rs::pool::GATE` is: the home of a unit without work.
GATE = 0xFE
WIDTH = 110


def units_lines(units: Units, schedule: Schedule, runs: Program, digest: int = 0) -> list[str]:
    """Returns the lines that make the generated `Model` one of several cores; `digest` is the plan's among programs."""
    pieces = {(step.index, piece.time.start): piece.tile for step, piece in schedule.pieces}
    after = units.successors()
    first = [0]
    for successors in after:
        first.append(first[-1] + len(successors))
    tiles = [_unit(runs.run_of(u, pieces.get((u.step or 0, u.tick), u.tile))) for u in units.units]
    homes = [GATE if u.step is None else u.worker for u in units.units]
    pairs = zip(schedule.blocks, units.blocks, strict=True)
    blocks = [f"({steps.start}, {len(steps)}, {block.start})" for steps, block in pairs]
    return [
        "",
        "    ariel_ml_rs::parallel! {",
        f"        workers {units.workers}, slots {units.slots};",
        *table("units", tiles),
        *table("needs", [str(len(u.needs)) for u in units.units]),
        *table("first", [str(f) for f in first]),
        *table("next", [str(s) for successors in after for s in successors]),
        *table("homes", [str(h) for h in homes]),
        *(table("blocks", blocks) if schedule.moments else []),
        *([f"        plan {digest:#018x};"] if digest else []),
        "    }",
    ]


def _unit(run: Run) -> str:
    later = f", {run.at}" if run.at else ""
    return f"({run.number}, {run.tile.start}, {run.tile.end}{later})"


def table(name: str, items: Sequence[str]) -> list[str]:
    """Returns `name [item, ..];`, wrapped."""
    lines = [f"        {name} ["]
    line = ""
    for item in items:
        if line and len(line) + len(item) + 2 > WIDTH - 12:
            lines.append(f"            {line}")
            line = ""
        line += f"{item}, "
    return [*[text.rstrip() for text in lines], *([f"            {line.rstrip()}"] if line else []), "        ];"]
