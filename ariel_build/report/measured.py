"""measured(report, stats): what `run --stats` measured, beside what was predicted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ariel_build.errors import MetadataError
from ariel_build.report.lines import line, read_json

__all__ = ["measured", "read_stats"]

#: What is measured, what that is called, what kind of prediction it has, and which of a report's totals.
_ROWS = (
    ("ram_bytes", "RAM, bytes", "exact", "ram_bytes"),
    ("arena_bytes", "arena, bytes", "exact", "arena_bytes"),
    ("weights_bytes", "weights, bytes", "exact", "weights_bytes"),
    ("macs", "multiply-accumulates", "exact", "macs"),
    ("flash_bytes", "flash, bytes", "predicted", "flash_bytes"),
    ("stack_bytes", "stack, bytes", "predicted, from above", "stack_bytes"),
    ("instructions_per_inference", "instructions, all cores", "predicted", "instructions"),
    ("makespan_instructions", "instructions from start to end", "predicted", "cycles"),
    ("cycles", "clock cycles", "predicted", "cycles"),
)
_HELP = "give the file that `run --stats` wrote"


def read_stats(path: Path) -> dict[str, Any]:
    """Returns what is compared of a stats.json, and its board, cores and samples; MetadataError where it is none."""
    stats = read_json(path, _HELP)
    known = isinstance(stats, dict) and isinstance(stats.get("board"), str)
    if not known or not all(_is_count(stats.get(key)) for key in ("cores", "samples")):
        raise MetadataError("these are no stats of a run", str(path), _HELP)
    found = {key: stats.get(key) for key, *_ in _ROWS}
    if any(value is not None and not _is_number(value) for value in found.values()):
        raise MetadataError("these stats are damaged", str(path), _HELP)
    return {**found, "board": line(stats["board"]), "cores": stats["cores"], "samples": stats["samples"]}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def measured(report: Mapping[str, Any], stats: Mapping[str, Any]) -> dict[str, Any]:
    """Returns rows [name, kind of prediction, predicted, measured] of what the board could measure.

    Raises MetadataError where it measured another model.
    """
    if stats["macs"] is not None and stats["macs"] != report["totals"]["macs"]:
        macs = f"{stats['macs']:,} multiply-accumulates, not {report['totals']['macs']:,}"
        told = f"these are stats of another model: {macs}"
        raise MetadataError(told, "--stats", "measure this one: `run --stats`")
    rows = [
        [name, kind, report["totals"][total], stats[key]]
        for key, name, kind, total in _ROWS
        if stats[key] is not None and not (key == "makespan_instructions" and stats["cores"] == 1)
    ]
    return {"board": stats["board"], "cores": stats["cores"], "samples": stats["samples"], "rows": rows}
