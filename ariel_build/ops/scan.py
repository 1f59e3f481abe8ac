"""ONNX Scan: its body once for each slice of a sequence, states handed on; importers only, unrolled.

Sequences have a known length here, and functions of ONNX's standard that are scans are short: a loop would need slices
at places that are known at run time only.
"""

from __future__ import annotations

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
    if importer.node.version < 9:
        raise UnsupportedReason("scans over batches of sequences (before operator set 9) are not supported")
    model, scanned = subgraph(importer, "body"), importer.integer("num_scan_inputs")
    values = importer.inputs()
    if not 0 < scanned <= len(values) or len(model.inputs) != len(values):
        raise UnsupportedReason(f"{scanned} scan inputs do not fit {len(values)} inputs")
    states, sequences = values[:-scanned], values[-scanned:]
    given = len(model.outputs) - len(states)
    axes = importer.integers("scan_input_axes", (0,) * scanned)
    backwards = importer.integers("scan_input_directions", (0,) * scanned)
    output_axes = importer.integers("scan_output_axes", (0,) * given)
    output_backwards = importer.integers("scan_output_directions", (0,) * given)
    if not len(axes) == len(backwards) == scanned or not len(output_axes) == len(output_backwards) == given:
        raise UnsupportedReason("axes or directions do not fit the inputs and outputs that are scanned")
    places = [axes_of([a], len(x.shape))[0] for a, x in zip(axes, sequences, strict=True)]
    steps = {x.shape[a] for a, x in zip(places, sequences, strict=True)}
    if len(steps) != 1 or not 0 < max(steps) <= MOST_STEPS:
        raise UnsupportedReason(
            f"sequences of {sorted(steps)} steps are not supported, only of one length to {MOST_STEPS}"
        )
    (count,) = steps
    parts: list[list[Value]] = [[] for _ in range(given)]
    for step in range(count):
        slices = []
        for x, axis, is_backwards in zip(sequences, places, backwards, strict=True):
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
    for part, wanted, is_backwards in zip(parts, output_axes, output_backwards, strict=True):
        (axis,) = axes_of([wanted], len(part[0].shape) + 1)
        whole = [reshape(importer, v, (*v.shape[:axis], 1, *v.shape[axis:])) for v in part]
        stacked.append(concat(importer, whole[::-1] if is_backwards else whole, axis))
    importer.bind(*states, *stacked)
