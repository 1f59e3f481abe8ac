"""changes(new, old): what differs between two reports, in all and layer by layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ariel_build.errors import MetadataError
from ariel_build.report.facts import FORMAT, VERSION
from ariel_build.report.lines import line, read_json

__all__ = ["changes", "read_report"]

#: What is compared of a layer.
_COSTS = ("instructions", "cycles", "macs", "weights_bytes", "live_bytes")
#: Layers that are listed, at most: those with the largest changes.
_MOST = 500
_HELP = "give the file that `report --json` wrote"


def read_report(path: Path) -> dict[str, Any]:
    """Returns the parts of an older report that are compared; MetadataError where the file is none."""
    report = read_json(path, _HELP)
    if not isinstance(report, dict) or report.get("format") != FORMAT:
        raise MetadataError("this is no report", str(path), _HELP)
    if report.get("version") != VERSION:
        told = "make it again, or compare with the ariel-build that made it"
        raise MetadataError(f"this is a report of version {line(str(report.get('version')))}", str(path), told)
    try:
        return _parts(report)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise MetadataError("the report is damaged", str(path), _HELP) from None


def _parts(report: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is compared, each number and name of the type that it must have."""
    return {
        "ariel_build": _text(report["ariel_build"]),
        "model": {"file": _text(report["model"]["file"]), "sha256": _text(report["model"]["sha256"])},
        "board": {"name": _text(report["board"]["name"])},
        "options": {"cores": _number(report["options"]["cores"]), "optimize": _text(report["options"]["optimize"])},
        "totals": {_text(key): _number(value) for key, value in report["totals"].items()},
        "layers": [
            {
                **{key: _text(layer[key]) for key in ("name", "origin", "kernel")},
                **{key: _number(layer[key]) for key in _COSTS},
            }
            for layer in report["layers"]
        ],
    }


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return line(value)


def _number(value: object) -> float | None:
    if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
        raise TypeError
    return value


def changes(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """Returns totals [what, before, after], and layers that are new, gone, or cost something else than before.

    Layers are the same whose origins are, or else their names, the first with the first where several have one.
    """
    before = {key: layer for layer, key in zip(old["layers"], _keys(old["layers"]), strict=True)}
    rows = []
    for index, (layer, key) in enumerate(zip(new["layers"], _keys(new["layers"]), strict=True)):
        was = before.pop(key, None)
        row = _row(index, layer["name"], was, layer)
        if was is None or row["kernel"][0] != row["kernel"][1] or any(a != b for a, b in row["costs"].values()):
            rows.append(row)
    rows += [_row(None, was["name"], was, None) for was in before.values()]
    rows.sort(key=_size, reverse=True)
    totals = [
        [key, old["totals"].get(key), value] for key, value in new["totals"].items() if key != "longest_tile_layer"
    ]
    return {
        "old": {key: old[key] for key in ("ariel_build", "model", "board", "options")},
        "totals": totals,
        "layers": rows[:_MOST],
        "changed": len(rows),
        "alike": len(new["layers"]) - sum(row["index"] is not None for row in rows),
    }


def _keys(layers: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    seen: Counter[str] = Counter()
    keys = []
    for layer in layers:
        name = layer["origin"] or layer["name"]
        keys.append((name, seen[name]))
        seen[name] += 1
    return keys


def _row(index: int | None, name: str, was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "index": index,
        "name": name,
        "kernel": [was and was["kernel"], now and now["kernel"]],
        "costs": {key: [was and was[key], now and now[key]] for key in _COSTS},
    }


def _size(row: Mapping[str, Any]) -> float:
    """Returns how much the instructions changed, by which the rows are ordered."""
    a, b = row["costs"]["instructions"]
    return float(abs((b or 0) - (a or 0)))
