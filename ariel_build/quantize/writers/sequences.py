"""Layers over sequences: they stay float32."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Array, Node
from ariel_build.ops.base import UnsupportedReason, constant
from ariel_build.ops.recurrent import GATES, Recurrent
from ariel_build.quantize.writers.writer import Writer, writes

__all__: list[str] = []

#: Where ONNX's gates are among ours: i, o, f, g of an LSTM; and its peephole's i, o, f.
_ORDER = {"lstm": (0, 3, 1, 2), "gru": (0, 1, 2), "rnn": (0,)}
_PEEPHOLE = (0, 2, 1)
#: Activations that have one parameter, and those that have two.
_ALPHA = ("Affine", "Elu", "HardSigmoid", "LeakyRelu", "ScaledTanh", "ThresholdedRelu")
_BETA = ("Affine", "HardSigmoid", "ScaledTanh")


@writes(Recurrent)
def _recurrent(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Recurrent)  # noqa: S101 - registered for it
    op, kind, x = node.op, node.op.kind, node.input(0)
    if op.cell_clip > 0:
        raise UnsupportedReason("ONNX has no bounds of the cell")
    states = [node.input(1), node.input(2)] if kind == "lstm" else [node.input(1)]
    weights = node.inputs[1 + len(states) :]
    directions, _, units = node.input(1).shape
    w, r, bias, other = (_ordered(kind, constant(v, "a weight")) for v in weights[:4])
    lengths = writer.constant(np.array(op.lengths, np.int32), "lengths") if op.lengths else ""
    inputs = [
        writer.node("Transpose", [writer.read(x)], f"{x.name or 'value'}_steps", perm=(1, 0, 2)),
        writer.constant(w, "weights"),
        writer.constant(r, "recurrent_weights"),
        writer.constant(np.concatenate([bias, other], axis=1), "biases"),
        lengths,
        *(writer.read(state) for state in states),
    ]
    if kind == "lstm" and weights[4] is not None:
        parts = np.split(constant(weights[4], "the peephole"), 3, axis=1)
        inputs.append(writer.constant(np.concatenate([parts[k] for k in _PEEPHOLE], axis=1), "peephole"))
    kept = list(node.outputs[1:] if op.every else node.outputs)
    found = writer.nodes_outputs(
        kind.upper(),
        inputs,
        [f"{node.output.name or kind}_steps" if op.every else "", *(writer.hint(value) for value in kept)],
        hidden_size=units,
        direction="bidirectional" if directions == 2 else "reverse" if op.backwards else "forward",
        activations=[a.kind for a in op.activations],
        activation_alpha=[a.alpha for a in op.activations if a.kind in _ALPHA] or None,
        activation_beta=[a.beta for a in op.activations if a.kind in _BETA] or None,
        clip=op.clip if op.clip > 0 else None,
        linear_before_reset=int(op.reset_after) if kind == "gru" else None,
    )
    for value, name in zip(kept, found[1:], strict=True):
        writer.bind(value, name)
    if op.every:
        # [t, d, n, u] -> [d, n, t, u]
        writer.write(node.output, "Transpose", [found[0]], perm=(1, 2, 0, 3))


def _ordered(kind: str, data: Array) -> Array:
    """Returns weights [d, gates * u, ..] with the gates in ONNX's order."""
    parts = np.split(data, GATES[kind], axis=1)
    return np.concatenate([parts[k] for k in _ORDER[kind]], axis=1)
