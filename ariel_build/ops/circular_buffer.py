"""CIRCULAR_BUFFER: the last inputs (int8) along an axis, the newest last; importer only, onto Slice and Concat.

TFLite-Micro ends the inference at the operator in all but one of `cycles_max` runs; only buffers that are read in every
run are supported.
"""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.concat import Concat
from ariel_build.ops.importer import Importer
from ariel_build.ops.signal.options import keep
from ariel_build.ops.slice import emit_slice

__all__: list[str] = []

#: Slots of the buffers that TFLite-Micro reads in every run where a file does not say it.
_EVERY_RUN = (5, 13, 25)


@imports("tflite", "CUSTOM:CIRCULAR_BUFFER")
def _circular_buffer(importer: Importer) -> None:
    x, type_ = importer.input(0), importer.output_type()
    tensor = importer.model.tensors[importer.node.outputs[0]]
    if not tensor.is_variable:
        raise UnsupportedReason("its output is no variable: nothing would stay in it")
    fits = len(x.shape) == len(type_.shape) == 4 and x.shape == (1, 1, *type_.shape[2:])
    if not fits or {x.type.dtype, type_.dtype} != {DType.I8} or type_.shape[0] != 1:
        raise UnsupportedReason(f"{x.type} is not one of the int8 slots of {type_}")
    if x.type.quant != type_.quant:
        raise UnsupportedReason("input and output are not quantised alike")
    slots = type_.shape[1]
    cycles = importer.integer("cycles_max")
    if cycles <= 0:
        cycles = 1 if slots in _EVERY_RUN else 2
    if cycles > 1:
        raise UnsupportedReason(f"with `cycles_max` {cycles} inferences end here half-way; only 1 is supported")
    zero = 0 if type_.quant is None else type_.quant.zero_point
    state = keep(importer, "slots", type_, np.full(type_.shape, zero, np.int8))
    kept = [emit_slice(importer, state.current, {1: (1, slots - 1, 1)})] if slots > 1 else []
    (state.next,) = importer.emit(Concat(1), [*kept, x], [type_.quant])
    importer.bind(state.next)
