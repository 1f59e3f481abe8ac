"""Suppress: rows (image, class, box) of the best boxes of each class of each image that overlap little.

How many there are is known only when the model runs: there are as many rows as the file declares, or as many as there
can be, and those behind the last box are -1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import Axis, KernelCall, Operand, Scratch, Source, Tiling
from ariel_build.kernels.declared import suppression as declared
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.detection import overlap_of
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape
from ariel_build.ops.traits import OPAQUE, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["Suppress"]

_BOX = 4


@dataclass(frozen=True)
class Suppress(Operator):
    """Inputs: boxes, scores, the most of a class (int64), the greatest overlap, and what scores must exceed.

    A box is two corners, in any order, or `centred` its centre and its size.
    """

    traits = OPAQUE
    passed_on = never
    permuted = keeps_axes

    rows: int
    centred: bool = False

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """f32[n, k, 4], f32[n, c, k], i64[], f32[], f32[] -> i64[rows, 3]."""
        boxes, scores, *limits = inputs
        if boxes is None or scores is None or len(boxes.shape) != 3 or len(scores.shape) != 3:
            raise ValueError(f"{boxes} are no boxes, or {scores} no scores")
        if boxes.shape[2] != _BOX or boxes.shape[:2] != (scores.shape[0], scores.shape[2]):
            raise ValueError(f"{scores} do not fit {boxes}")
        types = [None if t is None else t.dtype for t in inputs]
        if types != [DType.F32, DType.F32, DType.I64, DType.F32, DType.F32]:
            raise ValueError("boxes, scores and thresholds are not float32, or the most boxes not int64")
        if any(t is None or t.elements != 1 for t in limits) or self.rows < 1 or not scores.elements:
            raise ValueError(f"no limits, or no boxes, or {self.rows} rows")
        return [TensorType(DType.I64, (self.rows, 3))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Takes the best box that is left, and what it suppresses away, again and again."""
        boxes, scores = (np.asarray(x, np.float32) for x in inputs[:2])
        most, overlap, least = (np.asarray(x).reshape(()).item() for x in inputs[2:])
        found: list[tuple[int, int, int]] = []
        for image, (own, classes) in enumerate(zip(self._corners(boxes), scores, strict=True)):
            for kind, each in enumerate(classes):
                order = np.argsort(-each, kind="stable")
                left = [int(k) for k in order if each[k] > np.float32(least)]
                count = 0
                while left and count < most:
                    first, *left = left
                    found.append((image, kind, first))
                    count += 1
                    left = [k for k in left if not overlap_of(own[first], own[k]) > np.float32(overlap)]
        rows = np.full((self.rows, 3), -1, np.int64)
        for place, row in enumerate(found[: self.rows]):
            rows[place] = row
        return [rows]

    def _corners(self, boxes: Numbers) -> Numbers:
        """Returns the lesser corner, then the greater one."""
        first, second = boxes[..., :2], boxes[..., 2:]
        if self.centred:
            half = second / np.float32(2)
            return np.concatenate([first - half, first + half], axis=-1)
        return np.concatenate([np.minimum(first, second), np.maximum(first, second)], axis=-1)

    def lower(self, node: Node) -> KernelCall:
        """`suppression::Suppress`: where a row is depends on how many there are before it, so it is one tile."""
        boxes, scores, most, overlap, score = (node.input(k) for k in range(5))
        kernel = declared.Suppress(
            boxes=Source(boxes),
            scores=Source(scores),
            most=Source(most),
            overlap=Source(overlap),
            score=Source(score),
            output=Operand(node.output),
            images=boxes.shape[0],
            classes=scores.shape[1],
            candidates=boxes.shape[1],
            rows=self.rows,
            centred=self.centred,
            scratch=Scratch(boxes.shape[1]),
        )
        inputs = [v for v in (boxes, scores, most, overlap, score) if not v.is_constant]
        return KernelCall.of(kernel, inputs, [node.output], Tiling(Axis.WHOLE, 1))


@imports("onnx", "NonMaxSuppression")
def _from_onnx(importer: Importer) -> None:
    boxes, scores = importer.input(0), importer.input(1)
    if len(scores.shape) != 3:
        raise UnsupportedReason(f"{scores.type} are no scores of boxes of classes of images")

    def number(index: int, default: float, dtype: DType) -> Value:
        value = importer.optional_input(index)
        if value is None:
            return importer.constant(np.array(default, dtype.numpy))
        if value.type.elements != 1:
            raise UnsupportedReason(f"input {index}, {value.type}, is not one number")
        return reshape(importer, value, ())

    images, classes, count = scores.shape
    most = number(2, 0, DType.I64)
    # No class has more than there are boxes.
    each = count if most.data is None else min(max(int(most.data), 0), count)
    if not each:
        raise UnsupportedReason("at most 0 boxes of a class leave an output without elements")
    rows = images * classes * each
    tensor = importer.model.tensors.get(importer.node.outputs[0])
    if tensor is not None and tensor.shape is not None and tensor.shape and isinstance(tensor.shape[0], int):
        rows = min(rows, tensor.shape[0])
    op = Suppress(rows, bool(importer.integer("center_point_box")))
    given = [boxes, scores, most, number(3, 0.0, DType.F32), number(4, -np.inf, DType.F32)]
    importer.bind(*importer.emit(op, given))
