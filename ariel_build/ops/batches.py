"""Batches of images: the kernels over windows take one image, so that lowering makes a call for each of several.

Where inputs are prepared image by image, as integers that get a scale each, every image gets nodes of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ariel_build.ir import Quant, Value
from ariel_build.ops.base import Operator, UnsupportedReason
from ariel_build.ops.concat import concat
from ariel_build.ops.importer import Importer
from ariel_build.ops.slice import emit_slice

__all__ = ["declared_image_by_image", "each_image"]

#: Images for which calls are made: a batch of more is data, and no model for a microcontroller.
MOST_IMAGES = 64


#: What becomes of the inputs of an operator for one image before it gets them.
Prepare = Callable[[Sequence[Value | None]], Sequence[Value | None]]


def each_image(
    importer: Importer,
    op: Operator,
    inputs: Sequence[Value | None],
    quant: Quant | None = None,
    prepare: Prepare | None = None,
) -> Value:
    """Returns what `op` makes of a batch of images (input 0, [N, ..]), each of which is prepared by itself."""
    x = inputs[0]
    if x is not None and x.shape and x.shape[0] > MOST_IMAGES:
        raise UnsupportedReason(f"a batch of {x.shape[0]} images is not supported, only up to {MOST_IMAGES}")
    if prepare is None:
        return importer.emit(op, inputs, [quant])[0]
    if x is None or not x.shape or x.shape[0] <= 1:
        return importer.emit(op, prepare(inputs), [quant])[0]
    parts = []
    for index in range(x.shape[0]):
        own = emit_slice(importer, x, {0: (index, 1, 1)})
        parts.append(importer.emit(op, prepare([own, *inputs[1:]]), [quant])[0])
    return concat(importer, parts, 0)


def declared_image_by_image(
    importer: Importer, op: Operator, inputs: Sequence[Value | None], prepare: Prepare | None = None
) -> None:
    """Binds what `op` makes of each image of a batch to the output that the file declares (TFLite)."""
    x = inputs[0]
    if x is None or not x.shape or x.shape[0] <= 1:
        importer.emit_declared(op, inputs if prepare is None else prepare(inputs))
        return
    declared = importer.model.tensors[importer.node.outputs[0]]
    importer.bind(each_image(importer, op, inputs, declared.quant, prepare))
