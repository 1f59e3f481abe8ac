"""UNIDIRECTIONAL_SEQUENCE_LSTM: its tensors, of which both states are variables, and either layout of time."""

from __future__ import annotations

from ariel_build.ir import DType
from ariel_build.ops.base import UnsupportedReason, constant, imports
from ariel_build.ops.importer import Importer
from ariel_build.ops.lstm import Lstm
from ariel_build.ops.recurrent_tflite import FORWARD, bind_states, in_layout, real_lstm, refuse_variants
from ariel_build.ops.reshape import reshape
from ariel_build.ops.variables import variable

__all__: list[str] = []


@imports(
    "tflite",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    harmless={
        "intermediates": "they are scales of layer normalisation, which is refused",
        "proj_clip": "it is about the projection, which is refused",
        "asymmetric_quantize_inputs": "it is about how LiteRT quantises activations at run time, which are not here",
    },
)
def _unidirectional_sequence_lstm(importer: Importer) -> None:
    refuse_variants(importer, FORWARD)
    if importer.attribute("diagonal_recurrent_tensors", False):
        raise UnsupportedReason("diagonal recurrent weights are not supported")
    if len(importer.input(0).shape) != 3:
        raise UnsupportedReason(f"the input has the shape {list(importer.input(0).shape)}, not 3 axes")
    x, clip = in_layout(importer, importer.input(0)), importer.real("cell_clip")
    if x.type.dtype is DType.F32:
        importer.bind(in_layout(importer, real_lstm(importer, x, FORWARD, clip=clip)))
        return
    # TFLite-Micro's integers have neither.
    refuse_variants(importer, FORWARD, [("peephole weights of integers", FORWARD.peephole)])
    if importer.text("fused_activation_function", "NONE") != "TANH":
        raise UnsupportedReason(f"activation {importer.text('fused_activation_function', 'NONE')} is not supported")
    weights = [importer.input(index) for index in (*FORWARD.of_input, *FORWARD.of_hidden)]
    biases = [importer.optional_input(index) for index in FORWARD.bias]
    for value in (*weights, *biases):
        if value is not None:
            constant(value, "a weight")
    states = [variable(importer, index) for index in (FORWARD.hidden, FORWARD.cell)]
    batch = x.shape[0]
    given = [reshape(importer, s.next, (batch, s.next.type.elements // max(batch, 1))) for s in states]
    types = [given[0].type.with_shape((*x.shape[:2], given[0].shape[1])), *(s.type for s in given)]
    output, *after = importer.emit(Lstm(clip), [x, *given, *weights, *biases], types=types)
    bind_states(importer, states, after)
    importer.bind(in_layout(importer, output))
