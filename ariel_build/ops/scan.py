"""ONNX Scan: its body once for each slice of a sequence, states handed on; importers only.

Sequences have a known length here, and functions of ONNX's standard that are scans are short: these are unrolled, with
slices at known places. Longer ones are loops that gather each slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ariel_build.frontends.source import SourceModel
from ariel_build.ir import Value
from ariel_build.ops.base import UnsupportedReason, axes_of, imports
from ariel_build.ops.concat import concat
from ariel_build.ops.control import inline, subgraph
from ariel_build.ops.gather import Gather
from ariel_build.ops.importer import Importer
from ariel_build.ops.importing import import_nodes
from ariel_build.ops.loops import counted, row_number, stack
from ariel_build.ops.map2 import Map2
from ariel_build.ops.reshape import reshape
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.transpose import transpose

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
    places = [axes_of([a], len(x.shape))[0] for a, x in zip(ends.axes, sequences, strict=True)]
    steps = {x.shape[a] for a, x in zip(places, sequences, strict=True)}
    if len(steps) != 1 or 0 in steps:
        raise UnsupportedReason(f"sequences of {sorted(steps)} steps are not supported, only of one length above 0")
    (count,) = steps
    cuts = list(zip(sequences, places, map(bool, ends.backwards), strict=True))
    if count > MOST_STEPS:
        results = _looped(importer, model, states, cuts, count)
        states, rows = results[: len(states)], results[len(states) :]
    else:
        states, parts = _unrolled(importer, model, states, cuts, count)
        rows = [concat(importer, [reshape(importer, v, (1, *v.shape)) for v in part], 0) for part in parts]
    stacked = []
    for whole, wanted, is_backwards in zip(rows, ends.made, ends.made_backwards, strict=True):
        rank = len(whole.shape)
        (axis,) = axes_of([wanted], rank)
        turned = emit_slice(importer, whole, {0: (count - 1, count, -1)}) if is_backwards else whole
        stacked.append(transpose(importer, turned, (*range(1, axis + 1), 0, *range(axis + 1, rank))))
    return [*states, *stacked]


#: What is cut into slices, along which axis, and whether from its end.
_Cut = tuple[Value, int, bool]


def _unrolled(
    importer: Importer, model: SourceModel, states: list[Value], cuts: Sequence[_Cut], count: int
) -> tuple[list[Value], list[list[Value]]]:
    """Puts the body in once for each step; returns the last states, and what each output gives step by step."""
    parts: list[list[Value]] = [[] for _ in model.outputs[len(states) :]]
    for step in range(count):
        slices = []
        for x, axis, is_backwards in cuts:
            own = emit_slice(importer, x, {axis: (count - 1 - step if is_backwards else step, 1, 1)})
            slices.append(reshape(importer, own, (*x.shape[:axis], *x.shape[axis + 1 :])))
        found = inline(importer, model, [*states, *slices])
        for begin, end in zip(states, found, strict=False):
            if begin.shape != end.shape or begin.type.dtype is not end.type.dtype:
                raise UnsupportedReason(f"it carries {begin.type}, and then {end.type}")
        states = found[: len(states)]
        for part, value in zip(parts, found[len(states) :], strict=True):
            part.append(value)
    return states, parts


def _looped(
    importer: Importer, model: SourceModel, states: list[Value], cuts: Sequence[_Cut], count: int
) -> list[Value]:
    """Makes a loop of it; returns the last states, and the outputs with a row for each step."""
    inner = importer.inner(model, apart=True)
    index, following = row_number(inner)
    # A state that its body hands on as it is need not be carried.
    handed = [len(model.outputs) > k and _is_handed_on(model, k) for k in range(len(states))]
    inputs = [
        inner.capture(v) if stays else Value(v.type, v.name, origin=v.origin)
        for v, stays in zip(states, handed, strict=True)
    ]
    slices = []
    for x, axis, is_backwards in cuts:
        at = index
        if is_backwards:
            (at,) = inner.emit(Map2("Sub"), [inner.constant(np.array(count - 1, np.int32)), index])
        slices += inner.emit(Gather(axis=axis, wraps=False), [inner.capture(x), at], [x.type.quant])
    for key, value in zip(model.inputs, [*inputs, *slices], strict=True):
        inner.values[key] = value
    import_nodes(inner)
    found = [inner.value(key) for key in model.outputs]
    rows, written = stack(inner, index, found[len(states) :], count)
    zeros = [importer.constant(np.zeros(v.shape, v.type.dtype.numpy)) for v in (index, *rows)]
    carried = [pair for pair, stays in zip(zip(states, inputs, found, strict=False), handed, strict=True) if not stays]
    results = iter(
        counted(importer, inner, [*carried, *zip(zeros, (index, *rows), (following, *written), strict=True)], count)
    )
    last = [v if stays else next(results) for v, stays in zip(states, handed, strict=True)]
    next(results)
    return [*last, *results]


def _is_handed_on(model: SourceModel, state: int) -> bool:
    """Whether a body gives a state as it took it."""
    key, makers = model.outputs[state], {key: node for node in model.nodes for key in node.outputs}
    while key in makers and makers[key].op == "Identity" and makers[key].inputs[0] is not None:
        key = str(makers[key].inputs[0])
    return key == model.inputs[state]
