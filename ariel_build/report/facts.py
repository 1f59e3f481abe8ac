"""facts_of(compiled) = what a report says, as JSON: names are the model's own, printable and of bounded length.

Nothing in it depends on the time or the place of its making: the same model, board and options give the same report.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ariel_build import __version__
from ariel_build.boards import Board
from ariel_build.config.options import ModelOptions
from ariel_build.cores.energy import energy
from ariel_build.cores.predict import Clock, step_costs
from ariel_build.driver import Compiled
from ariel_build.frontends.card import read_card
from ariel_build.ir import Graph, TensorType, Value
from ariel_build.passes import PASSES
from ariel_build.report.dataflow import Flow, flow_of
from ariel_build.report.drawing import NODE, draw
from ariel_build.report.lines import line, lines, rounded
from ariel_build.report.times import memory_of, timeline_of
from ariel_build.schedule import Interval, Schedule
from ariel_build.schedule.cost import weight_bytes

__all__ = ["FORMAT", "VERSION", "facts_of"]

#: What the JSON calls itself; a later version may have other keys.
FORMAT, VERSION = "ariel-report", 1
#: Origins that are listed of a rewrite, at most.
_ORIGINS = 40


def facts_of(compiled: Compiled, path: Path, options: ModelOptions, board: Board, misfit: str | None) -> dict[str, Any]:
    """Returns the report of a model that was compiled for a board; `misfit` says why it does not fit, if so."""
    clock = Clock.of(board, compiled.schedule.cores)
    flow = flow_of(compiled)
    memory = memory_of(compiled, flow)
    return {
        "format": FORMAT,
        "version": VERSION,
        "ariel_build": __version__,
        "model": _model(compiled, path),
        "board": _board(board, clock),
        "options": {"optimize": options.optimize, "cores": compiled.schedule.cores},
        "fits": misfit is None,
        "misfit": misfit,
        "totals": _totals(compiled, board),
        "ram_by_memory": dict(compiled.ram_by_memory),
        "layers": _layers(compiled, clock, memory["live"]),
        "graph": _graph(flow),
        "memory": memory,
        "timeline": timeline_of(compiled, clock),
        "passes": _passes(compiled),
        "measured": None,
        "profile": None,
        "changes": None,
    }


def _model(compiled: Compiled, path: Path) -> dict[str, Any]:
    card = read_card(path)
    graph = compiled.graph
    return {
        "file": line(path.name),
        "format": card.format,
        "bytes": card.bytes,
        "sha256": card.sha256,
        "name": line(card.name),
        "producer": line(card.producer),
        "version": line(card.version),
        "author": line(card.author),
        "licence": lines(card.licence),
        "description": lines(card.description),
        "signature": line(graph.signature),
        "inputs": [_named(value) for value in graph.inputs],
        "outputs": [_named(value) for value in graph.outputs],
        "states": [_named(state.current) for state in graph.memories],
        "operators": dict(compiled.operators),
        "quantisation": _quantisation(graph, compiled.schedule),
        "constants": _constants(graph),
        "activations": dict(Counter(v.type.dtype.label for s in compiled.schedule.steps for v in s.call.outputs)),
        "notes": [lines(note) for note in compiled.notes],
    }


def _named(value: Value) -> dict[str, Any]:
    quant = value.type.quant
    single = quant is not None and quant.per_tensor
    return {
        "name": line(value.name),
        **_type(value.type),
        "scale": quant.scale if quant is not None and single else None,
        "zero_point": quant.zero_point if quant is not None and single else None,
    }


def _type(type_: TensorType) -> dict[str, Any]:
    return {"dtype": type_.dtype.label, "shape": list(type_.shape)}


def _quantisation(graph: Graph, schedule: Schedule) -> str:
    """Returns what most weights and most activations are, in words."""
    weights = [entry for entry in _constants(graph) if entry["dtype"] != "int32"] or _constants(graph)
    written = Counter(
        v.type.dtype for step in schedule.steps for v in step.call.outputs for _ in range(v.type.elements > 1)
    )
    if not written:
        return ""
    activations = written.most_common(1)[0][0]
    kind = weights[0]["dtype"] if weights else activations.label
    if activations.is_real and kind.startswith(("float", "bfloat")):
        return f"none: {activations.label}"
    scales = (
        ", most with a scale for each channel"
        if weights and 2 * weights[0]["per_channel"] > weights[0]["tensors"]
        else ""
    )
    return f"weights {kind}{scales}; activations {activations.label}"


def _constants(graph: Graph) -> list[dict[str, Any]]:
    """Returns the model's constants by their types, the largest first; how many have a scale for each channel."""
    values = dict.fromkeys(
        v for region in graph.regions() for node in region.nodes for v in node.inputs if v is not None and v.is_constant
    )
    found: dict[str, dict[str, Any]] = {}
    for value in values:
        label = value.type.dtype.label
        entry = found.setdefault(label, {"dtype": label, "tensors": 0, "elements": 0, "bytes": 0, "per_channel": 0})
        entry["tensors"] += 1
        entry["elements"] += value.type.elements
        entry["bytes"] += value.type.bytes
        entry["per_channel"] += value.type.quant is not None and not value.type.quant.per_tensor
    return sorted(found.values(), key=lambda entry: (-entry["bytes"], entry["dtype"]))


def _board(board: Board, clock: Clock) -> dict[str, Any]:
    return {
        "name": board.name,
        "description": board.description,
        "target": board.target,
        "cores": [{"name": c.name, "isa": c.isa, "clock_hz": c.clock_hz} for c in clock.cores],
        "ram_bytes": board.total("ram"),
        "flash_bytes": board.total("flash"),
    }


def _totals(compiled: Compiled, board: Board) -> dict[str, Any]:
    """Returns bytes and times of an inference; None for what has no bound, or where no clock or current is known."""
    predicted = compiled.predicted
    joules = energy(predicted, board, compiled.schedule.cores)
    return {
        "macs": compiled.macs,
        "ram_bytes": compiled.ram_bytes,
        "arena_bytes": compiled.plan.arena_bytes,
        "arena_floor_bytes": compiled.plan.lower_bound,
        "flash_bytes": compiled.bounds.expected_flash,
        "flash_bytes_max": compiled.bounds.flash,
        "weights_bytes": len(compiled.weights),
        "stack_bytes": compiled.bounds.expected_stack,
        "stack_bytes_max": compiled.bounds.stack,
        "instructions": _finite(predicted.instructions),
        "cycles": _finite(predicted.cycles),
        "latency_ms": rounded(predicted.seconds, 1e-3),
        "energy_uj": rounded(joules, 1e-6),
        "longest_tile_us": rounded(predicted.longest_seconds, 1e-6),
        "longest_tile_layer": predicted.longest.index if predicted.longest else None,
    }


def _finite(number: float) -> int | None:
    return int(number) if math.isfinite(number) else None


def _layers(compiled: Compiled, clock: Clock, live: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """Returns the steps in their order, with their costs on the first core."""
    costs = step_costs(compiled.schedule, clock)
    total = math.fsum(cycles for _, cycles in costs) or 1.0
    layers = []
    for step, (instructions, cycles) in zip(compiled.schedule.steps, costs, strict=True):
        call = step.call
        layers.append(
            {
                "name": step.name,
                "operator": call.label.rpartition("_")[0] or call.label or call.kernel.path,
                "kernel": call.kernel.path,
                "origin": line(call.origin),
                "inputs": [_type(v.type) for v in dict.fromkeys(call.inputs) if not v.is_constant],
                "outputs": [_type(v.type) for v in call.outputs],
                "macs": call.macs,
                "instructions": round(instructions),
                "cycles": round(cycles),
                "share": round(cycles / total, 5),
                "weights_bytes": weight_bytes(call),
                "scratch_bytes": call.scratch_bytes,
                "fast_scratch": call.fast,
                "live_bytes": _most(live, step.time),
                "pieces": len(step.pieces),
                "tiles": len(step.tiles),
            }
        )
    return layers


def _most(live: Sequence[Sequence[int]], time: Interval) -> int:
    """Returns the most bytes that are held during some tick of a time."""
    first = max(bisect_right(live, time.start, key=lambda change: change[0]) - 1, 0)
    last = bisect_right(live, time.end - 1, key=lambda change: change[0])
    return max((held for _, held in live[first:last]), default=0)


def _graph(flow: Flow) -> dict[str, Any]:
    drawing = draw(len(flow.points), [(edge.start, edge.end) for edge in flow.edges])
    nodes = [
        {"kind": point.kind, "name": line(point.name), "layer": point.step, "x": x, "y": y}
        | ({} if point.value is None else _type(point.value.type))
        for point, (x, y) in zip(flow.points, drawing.places, strict=True)
    ]
    edges = [
        {"from": edge.start, "to": edge.end, **_type(edge.value.type)}
        | ({"via": bends} if bends else {})
        | ({"back": True} if edge.back else {})
        | ({"decides": True} if edge.decides else {})
        for edge, bends in zip(flow.edges, drawing.bends, strict=True)
    ]
    return {"nodes": nodes, "edges": edges, "node": NODE, "width": drawing.width, "height": drawing.height}


def _passes(compiled: Compiled) -> list[dict[str, Any]]:
    """Returns what each pass did and what it refused, alike ones together; all passes, in their order."""
    return [
        {
            "name": rewrite.__name__,
            "about": " ".join((rewrite.__doc__ or "").split("\n\n")[0].split()),
            "rewrites": _together(what for name, *what in compiled.log.rewrites if name == rewrite.__name__),
            "refusals": _together(what for name, *what in compiled.log.refusals if name == rewrite.__name__),
        }
        for rewrite in PASSES
    ]


def _together(entries: Iterable[Sequence[str]]) -> list[dict[str, Any]]:
    """Returns entries (origin, what) by what was done, with some of their origins."""
    found: dict[str, list[str]] = {}
    for origin, what in entries:
        found.setdefault(what, []).append(origin)
    return [
        {"what": lines(what), "count": len(origins), "origins": [line(origin) for origin in origins[:_ORIGINS]]}
        for what, origins in found.items()
    ]
