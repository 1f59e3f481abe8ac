"""ONNX Scan: its body once for each slice of a sequence, states handed on; importers only, unrolled.

Sequences have a known length here, and functions of ONNX's standard that are scans are short: a loop would need slices
at places that are known at run time only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ariel_build.frontends.source import SourceModel
from ariel_build.ir import Value
from ariel_build.ops.base import UnsupportedReason, axes_of, imports
from ariel_build.ops.concat import concat
from ariel_build.ops.control import inline, subgraph
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape
from ariel_build.ops.slice import emit_slice

__all__: list[str] = []

#: Steps that are unrolled.
MOST_STEPS = 128


@imports("onnx", "Scan")
def _from_onnx(importer: Importer) -> None:
    model, scanned = subgraph(importer, "body"), importer.integer("num_scan_inputs")
    if importer.node.version < 9:
        _batches_from_onnx(importer, model, scanned)
        return
    values = importer.inputs()
    _check(model, values, scanned)
    given = len(model.outputs) - len(values) + scanned
    ends = _Ends(
        importer.integers("scan_input_axes", (0,) * scanned),
        importer.integers("scan_input_directions", (0,) * scanned),
        importer.integers("scan_output_axes", (0,) * given),
        importer.integers("scan_output_directions", (0,) * given),
    )
    if not len(ends.axes) == len(ends.backwards) == scanned or not len(ends.made) == len(ends.made_backwards) == given:
        raise UnsupportedReason("axes or directions do not fit the inputs and outputs that are scanned")
    importer.bind(*_scanned(importer, model, values[:-scanned], values[-scanned:], ends))


def _batches_from_onnx(importer: Importer, model: SourceModel, scanned: int) -> None:
    """Before operator set 9 everything had an axis of batches in front, and sequences their lengths as first input."""
    if importer.optional_input(0) is not None:
        raise UnsupportedReason("sequences of several lengths (input 0) are not supported")
    values = importer.inputs()
    _check(model, values, scanned)
    given = len(model.outputs) - len(values) + scanned
    ends = _Ends((0,) * scanned, importer.integers("directions", (0,) * scanned), (0,) * given, (0,) * given)
    (batches,) = {x.shape[0] if x.shape else 0 for x in values}
    if len(ends.backwards) != scanned or not 0 < batches * max(x.shape[1] for x in values[-scanned:]) <= MOST_STEPS:
        raise UnsupportedReason(
            f"{batches} batches of sequences are not supported, only up to {MOST_STEPS} steps in all"
        )
    found = []
    for batch in range(batches):
        own = [reshape(importer, emit_slice(importer, x, {0: (batch, 1, 1)}), x.shape[1:]) for x in values]
        made = _scanned(importer, model, own[:-scanned], own[-scanned:], ends)
        found.append([reshape(importer, value, (1, *value.shape)) for value in made])
    importer.bind(*(concat(importer, list(each), 0) for each in zip(*found, strict=True)))


class _Ends(NamedTuple):
    """Along which axes inputs are cut and outputs joined, and which of them backwards."""

    axes: Sequence[int]
    backwards: Sequence[int]
    made: Sequence[int]
    made_backwards: Sequence[int]


def _check(model: SourceModel, values: Sequence[Value], scanned: int) -> None:
    if not 0 < scanned <= len(values) or len(model.inputs) != len(values):
        raise UnsupportedReason(f"{scanned} scan inputs do not fit {len(values)} inputs")


def _scanned(
    importer: Importer, model: SourceModel, states: list[Value], sequences: list[Value], ends: _Ends
) -> list[Value]:
    """Returns the last states, and the outputs of all steps."""
    given = len(model.outputs) - len(states)
    places = [axes_of([a], len(x.shape))[0] for a, x in zip(ends.axes, sequences, strict=True)]
    steps = {x.shape[a] for a, x in zip(places, sequences, strict=True)}
    if len(steps) != 1 or not 0 < max(steps) <= MOST_STEPS:
        raise UnsupportedReason(
            f"sequences of {sorted(steps)} steps are not supported, only of one length to {MOST_STEPS}"
        )
    (count,) = steps
    parts: list[list[Value]] = [[] for _ in range(given)]
    for step in range(count):
        slices = []
        for x, axis, is_backwards in zip(sequences, places, ends.backwards, strict=True):
            at = count - 1 - step if is_backwards else step
            own = emit_slice(importer, x, {axis: (at, 1, 1)})
            slices.append(reshape(importer, own, (*x.shape[:axis], *x.shape[axis + 1 :])))
        found = inline(importer, model, [*states, *slices])
        for begin, end in zip(states, found, strict=False):
            if begin.shape != end.shape or begin.type.dtype is not end.type.dtype:
                raise UnsupportedReason(f"it carries {begin.type}, and then {end.type}")
        states = found[: len(states)]
        for part, value in zip(parts, found[len(states) :], strict=True):
            part.append(value)
    stacked = []
    for part, wanted, is_backwards in zip(parts, ends.made, ends.made_backwards, strict=True):
        (axis,) = axes_of([wanted], len(part[0].shape) + 1)
        whole = [reshape(importer, v, (*v.shape[:axis], 1, *v.shape[axis:])) for v in part]
        stacked.append(concat(importer, whole[::-1] if is_backwards else whole, axis))
    return [*states, *stacked]
