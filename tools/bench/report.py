"""Rows of figures -> docs/benchmarks.md, docs/benchmarks.json and docs/benchmarks.svg."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tools.bench import emx, microflow, picture, targets, words
from tools.bench.layers import Layer
from tools.bench.models import M0, M4, M7, M55, RISCV, RP2040, RTL
from tools.bench.store import Cost
from tools.bench.table import OURS, Row
from tools.bench.wide import KINDS, Wide

__all__ = ["merge", "steps", "write"]

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_CMSIS = "TFLite-Micro + CMSIS-NN"
_REFERENCE = "TFLite-Micro, reference kernels"
_IREE = "IREE 3.13"
Layers = Sequence[tuple[str, str, Sequence[Layer]]]
#: Between sections, and the titles of those that are made of no rows.
_SECTION = "\n## "
_BESIDE, _LAYERS = "int16 beside int8, on cores without SIMD", "Instructions per multiply-accumulate, layer by layer"
_APART = (_BESIDE, _LAYERS)


def write(
    rows: Sequence[Row], layers: Layers, wide: Sequence[Wide], versions: Sequence[str], docs: Path = _DOCS
) -> None:
    """Writes the three files."""
    _write(page(rows, layers, versions, wide), rows, versions, docs)


def merge(rows: Sequence[Row], order: Sequence[str], docs: Path = _DOCS) -> None:
    """Writes the three files with these rows in place of those that they had; all else stays as it was.

    `order` has the names of all models, as the tables have them.
    """
    before, text = json.loads((docs / "benchmarks.json").read_text()), (docs / "benchmarks.md").read_text()
    found = {(row.model, row.board, row.engine, row.conditions): row for row in [*map(_row, before["rows"]), *rows]}
    places = {name: place for place, name in enumerate(order)}
    measured = [row for row in found.values() if row.conditions == "measured"]
    recorded = [row for row in found.values() if row.conditions != "measured"]
    merged = [*sorted(measured, key=lambda row: places.get(row.model, -1)), *recorded]
    parts = dict(map(_headed, page(merged, (), before["versions"]).split(_SECTION)))
    kept = {title: part for title, part in map(_headed, text.split(_SECTION)) if title in _APART or title not in parts}
    titles = [title for title, _ in map(_headed, text.split(_SECTION))]
    _write(_SECTION.join((parts | kept)[title] for title in titles), merged, before["versions"], docs)


def _headed(section: str) -> tuple[str, str]:
    """Returns a section with its title in front."""
    return section.partition("\n")[0], section


def _row(flat: Mapping[str, Any]) -> Row:
    """Returns the row that JSON has."""
    own = {"model", "kind", "element", "board", "engine", "conditions"}
    cost = {key: value for key, value in flat.items() if key not in own}
    return Row(**{key: flat[key] for key in own}, cost=Cost(**cost))


def _write(text: str, rows: Sequence[Row], versions: Sequence[str], docs: Path) -> None:
    docs.joinpath("benchmarks.md").write_text(text, encoding="utf-8")
    content = {"versions": list(versions), "rows": [_flat(row) for row in rows]}
    docs.joinpath("benchmarks.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    docs.joinpath("benchmarks.svg").write_text(picture.drawn(_comparisons(rows)), encoding="utf-8")


def _flat(row: Row) -> dict[str, object]:
    """Returns one row as JSON has it: what is not known is left out."""
    cost = {key: value for key, value in asdict(row.cost).items() if value not in (None, "")}
    return {**{key: value for key, value in asdict(row).items() if key != "cost"}, **cost}


def page(rows: Sequence[Row], layers: Layers, versions: Sequence[str], wide: Sequence[Wide] = ()) -> str:
    """Returns docs/benchmarks.md."""
    table = _Table(rows)
    parts = [words.HEAD, "".join(f"- {version}\n" for version in versions)]
    parts += ["## Targets\n", _targets(rows)]
    parts += ["## int8, Arm Cortex-M7\n", table.compared(M7, "int8", (_CMSIS, microflow.NAME, emx.NAME))]
    parts += ["## int8, Arm Cortex-M55 with Helium\n", words.HELIUM, table.compared(M55, "int8", (_CMSIS,))]
    parts += [words.MODELLED, table.modelled("int8")]
    parts += ["## int8, RISC-V RV32IMAC without SIMD\n", table.compared(RISCV, "int8", (microflow.NAME, emx.NAME))]
    parts += ["## int8, Arm Cortex-M0\n", table.compared(M0, "int8", (microflow.NAME,))]
    parts += ["## int16 activations, int8 weights, Arm Cortex-M7\n", words.INT16]
    parts += [table.compared(M7, "int16", (_CMSIS, _REFERENCE))]
    parts += ["## int16 activations, int8 weights, Arm Cortex-M55 with Helium\n", words.HELIUM16]
    parts += [table.compared(M55, "int16", ()), table.modelled("int16")]
    parts += [f"## {_BESIDE}\n", words.WIDE, _beside(wide)]
    parts += ["## float32, Arm Cortex-M7\n", table.compared(M7, "float32", (emx.NAME, _IREE, "onnx2c"))]
    parts += ["## Clock cycles\n", words.CYCLES, table.cycles()]
    parts += ["## Memory, and time to compile the model\n", words.MEMORY, table.memory()]
    parts += ["## Build speed\n", words.BUILD]
    parts += ["## What peers refused, and wrong answers\n", table.refusals()]
    if layers:
        parts += [f"## {_LAYERS}\n", words.LAYERS]
        parts += [steps(*entry) for entry in layers]
    parts += [words.RULES]
    return "\n".join(parts).rstrip("\n") + "\n"


class _Table:
    """The rows by engine, model and board."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.costs = {(row.engine, row.model, row.board): row.cost for row in rows}

    def models(self, board: str, element: str | None = None) -> list[Row]:
        """Returns our rows on a board."""
        mine = [row for row in self.rows if row.engine == OURS and row.board == board]
        return [row for row in mine if element in (None, row.element)]

    def compared(self, board: str, element: str, engines: Sequence[str]) -> str:
        """Returns the table of instructions of all engines on a board."""
        head = ["model", "MACs", OURS, "per MAC", *engines, "ours / best peer"]
        lines = []
        for row in self.models(board, element):
            peers = [self.costs.get((engine, row.model, board)) for engine in engines]
            best = best_of([peer for peer in peers if peer is not None])
            mine = row.cost.instructions
            share = f"{100 * mine / best:.0f} %" if mine and best else ""
            macs = row.cost.macs
            per_mac = f"{mine / macs:.2f}" if mine and macs else ""
            cells = [f"{macs:,}" if macs else "", f"**{_instructions(row.cost)}**", per_mac]
            lines.append([row.model, *cells, *map(_instructions, peers), share])
        return _markdown(head, lines)

    def cycles(self) -> str:
        """Returns the table of clock cycles, estimated or simulated."""
        lines = []
        for board in (M4, RTL, RP2040):
            for row in self.models(board):
                cost = row.cost
                if cost.cycles and not cost.refused:
                    per = f"{cost.cycles / cost.instructions:.2f}" if cost.instructions else ""
                    mac = f"{cost.cycles / cost.macs:.2f}" if cost.macs else ""
                    peer = self.costs.get((microflow.NAME, row.model, board))
                    other = f"{peer.cycles:,.0f}" if peer and peer.cycles else ""
                    kind = cost.cycles_kind or "clock cycles of the simulated core"
                    count = f"{cost.instructions:,.0f}" if cost.instructions else ""
                    lines.append([row.model, board, count, f"**{cost.cycles:,.0f}**", per, mac, kind, other])
        head = ["model", "board", "instructions", "cycles", "per instruction", "per MAC", "kind", microflow.NAME]
        return _markdown(head, lines)

    def modelled(self, element: str) -> str:
        """Returns the table of modelled cycles on the Cortex-M55."""
        lines = []
        for row in self.models(M55, element):
            mine, peer = row.cost, self.costs.get((_CMSIS, row.model, M55), Cost())
            if mine.cycles and not mine.refused:
                per = f"{mine.cycles / mine.macs:.2f}" if mine.macs else ""
                share = f"{100 * mine.cycles / peer.cycles:.0f} %" if peer.cycles else ""
                lines.append([row.model, f"**{mine.cycles:,.0f}**", per, _number(peer.cycles), share])
        return _markdown(["model", f"{OURS}, modelled cycles", "per MAC", _CMSIS, "ours / theirs"], lines)

    def memory(self) -> str:
        """Returns the table of flash, RAM and stack on the Cortex-M7, ours and the peers'."""
        head = ["model", "flash", "RAM", "of it arena", "of it stack", "compiling, s"]
        engines = (_CMSIS, microflow.NAME, emx.NAME)
        head += [f"{engine}: flash / RAM" for engine in engines]
        lines = []
        for row in self.models(M7):
            cost = row.cost
            cells = [_number(value) for value in (cost.flash, cost.ram, cost.arena, cost.stack)]
            others = [self.costs.get((engine, row.model, M7)) for engine in engines]
            theirs = [f"{_number(c.flash)} / {_number(c.ram)}" if c and c.ram else "" for c in others]
            lines.append([row.model, *cells, f"{cost.compile_seconds:.2f}" if cost.compile_seconds else "", *theirs])
        return _markdown(head, lines)

    def refusals(self) -> str:
        """Returns the list of what could not be measured, and of answers that are not the recorded ones."""
        lines = [
            [row.engine, row.model, row.board, row.cost.verdict or f"refuses: {row.cost.refused}"]
            for row in self.rows
            if row.cost.verdict or row.cost.refused
        ]
        return _markdown(["engine", "model", "board", "what"], lines)


def _beside(wide: Sequence[Wide]) -> str:
    """Returns the table of layers in int16 and in int8."""
    columns = ("int8", "int16", "ratio")
    head = ["layer", "MACs", *(f"{name}, {column}" for name in KINDS.values() for column in columns)]
    lines = []
    for one in wide:
        cells = [one.layer, f"{one.macs:,}" if one.macs else ""]
        for kind in KINDS:
            int16, int8 = one.taken[kind]
            cells += [f"{int8:,}", f"{int16:,}", f"{int16 / int8:.2f}"]
        lines.append(cells)
    return _markdown(head, lines)


def _targets(rows: Sequence[Row]) -> str:
    """Returns the table of targets."""
    lines = []
    for target in targets.judged(rows):
        share = f"{100 * target.value / target.bound:.0f} %"
        cells = [f"{target.bound:,.0f}", f"{target.value:,.0f}", share, "met" if target.met else "**missed**"]
        lines.append([target.what, target.model, *cells])
    return _markdown(["target", "model", "at most", OURS, "of what is allowed", ""], lines)


def best_of(peers: Sequence[Cost]) -> float | None:
    """Returns the fewest instructions of those that gave right answers."""
    return min((c.instructions for c in peers if c.instructions and not c.verdict.startswith("wrong")), default=None)


#: What the picture shows: the benchmark's four networks, where most peers have figures.
_SHOWN = {
    "kws (DS-CNN)": "keyword spotting",
    "ResNet-8": "ResNet-8",
    "vww (MobileNet v1)": "visual wake words",
    "ad (autoencoder)": "autoencoder",
}


def _comparisons(rows: Sequence[Row]) -> list[picture.Panel]:
    """Returns the panels of the picture: ours and each peer, model by model."""
    table = _Table(rows)
    found = []
    for title, board, element, engines, wanted in (
        ("int8, Cortex-M7: instructions per inference", M7, "int8", (_CMSIS, microflow.NAME, emx.NAME), 4),
        ("int8, RISC-V without SIMD", RISCV, "int8", (microflow.NAME, emx.NAME), 2),
        ("float32, Cortex-M7", M7, "float32", (_IREE, "onnx2c", emx.NAME), 2),
    ):
        groups = []
        for row in table.models(board, element):
            name = _SHOWN.get(row.model.removesuffix(", float32"))
            if name is None or not row.cost.instructions:
                continue
            peers = [(engine, table.costs.get((engine, row.model, board))) for engine in engines]
            bars = [_bar(engine, cost) for engine, cost in peers if cost is not None]
            groups.append(picture.Group(name, [picture.Bar(OURS, row.cost.instructions), *bars]))
        found.append(picture.Panel(title, groups[:wanted]))
    return [panel for panel in found if panel.groups]


def _bar(engine: str, cost: Cost) -> picture.Bar:
    """Returns a peer's bar; a refusal has none, and neither have wrong answers."""
    if cost.refused:
        return picture.Bar(engine, None, f"refuses it ({cost.refused})")
    if cost.verdict.startswith("wrong"):
        return picture.Bar(engine, None, "answers wrong")
    return picture.Bar(engine, cost.instructions, "differs" if cost.verdict else "")


def steps(model: str, board: str, layers: Sequence[Layer]) -> str:
    """Returns the table of a model's steps."""
    head = ["step", "kernel", "output", "MACs", "instructions", "per MAC", "cycles", "share"]
    total = sum(layer.instructions for layer in layers) or 1
    lines = [
        [
            layer.step,
            f"`{layer.kernel}`" if layer.kernel else "",
            layer.output,
            f"{layer.macs:,}" if layer.macs else "",
            f"{layer.instructions:,}",
            f"{layer.instructions / layer.macs:.2f}" if layer.macs else "",
            f"{layer.cycles:,}" if layer.cycles else "",
            f"{100 * layer.instructions / total:.1f} %",
        ]
        for layer in layers
    ]
    return f"### {model}, {board}\n\n" + _markdown(head, lines)


def _instructions(cost: Cost | None) -> str:
    if cost is None or cost.instructions is None:
        return "refuses" if cost and cost.refused else ""
    mark = " (wrong)" if cost.verdict.startswith("wrong") else " (differs)" if cost.verdict else ""
    return f"{cost.instructions:,.0f}{mark}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Returns a table; columns without a single entry are left out."""
    if not lines:
        return "None.\n"
    used: Callable[[int], bool] = lambda column: any(line[column] for line in lines)  # noqa: E731 - one line
    columns = [column for column in range(len(head)) if used(column)]
    rows = [[line[column] for column in columns] for line in [head, ["---"] * len(head), *lines]]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)
