"""Non-maximum suppression: of boxes that overlap, the one with the greatest score remains.

The best box is compared with those chosen before it. One that it shares the threshold, or more, of their union with
hides it; with a `sigma`, the others lower its score by `e^(-overlap^2 / (2 * sigma))`, and it must wait for its turn. A
box without area is hidden by none, not by itself either, and is chosen again and again: TFLite does so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType
from ariel_build.kernels import Axis, KernelCall, Operand, Scratch, Source, Tiling
from ariel_build.kernels.declared import suppression as declared
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.detection import overlap_of
from ariel_build.ops.importer import Importer
from ariel_build.ops.traits import OPAQUE, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["NonMaxSuppression"]

_BOX = 4


@dataclass(frozen=True)
class NonMaxSuppression(Operator):
    """Outputs the indices of boxes that remain, the best first, their scores, and their number; zeros behind the last.

    Of boxes with equal scores the first is the better one; TFLite leaves that open.
    """

    traits = OPAQUE
    passed_on = never
    permuted = keeps_axes

    most: int
    score: float
    overlap: float
    sigma: float = 0.0

    @property
    def decay(self) -> float:
        """The factor of the square of an overlap in the exponent; 0 where scores stay."""
        return float(np.float32(-0.5) / np.float32(self.sigma)) if self.sigma > 0 else 0.0

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """f32[n, 4], f32[n] -> i32[most], f32[most], i32[]."""
        boxes, scores = inputs
        if boxes is None or scores is None or {boxes.dtype, scores.dtype} != {DType.F32}:
            raise ValueError("boxes or scores are not float32")
        if len(boxes.shape) != 2 or boxes.shape[1] != _BOX or scores.shape != boxes.shape[:1]:
            raise ValueError(f"{boxes} and {scores} are no boxes with a score each")
        if not boxes.shape[0] or self.most < 1:
            raise ValueError(f"of {boxes.shape[0]} boxes up to {self.most} cannot be chosen")
        kinds = ((DType.I32, (self.most,)), (DType.F32, (self.most,)), (DType.I32, ()))
        return [TensorType(dtype, shape) for dtype, shape in kinds]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """NonMaxSuppression of the source (reference/non_max_suppression.h)."""
        boxes, scores = (np.array(x, np.float32) for x in inputs)
        corners = np.concatenate([np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], 1)
        least = np.float32(self.score)
        begins = {k: 0 for k in range(len(scores)) if scores[k] > least}
        chosen: list[int] = []
        most = min(self.most, len(begins))
        while begins and len(chosen) < most:
            best = max(begins, key=lambda k: (scores[k], -k))
            left = self._compared(corners, scores[best], best, chosen[begins[best] :])
            if left == scores[best]:
                begins[best] = len(chosen)
                chosen.append(best)
            elif left is not None and left > least:
                scores[best], begins[best] = left, len(chosen)
            else:
                del begins[best]
        made = [np.zeros(v.shape, v.type.dtype.numpy) for v in node.outputs]
        made[0][: len(chosen)], made[1][: len(chosen)], made[2][...] = chosen, scores[chosen], len(chosen)
        return list(made)

    def _compared(self, corners: Numbers, score: np.float32, box: int, chosen: Sequence[int]) -> np.float32 | None:
        """Returns the score of a box after chosen ones, the last one first; None where one of them hides it."""
        for other in reversed(chosen):
            shared = overlap_of(corners[box], corners[other])
            if shared >= np.float32(self.overlap):
                return None
            if self.decay:
                score = np.float32(score * np.exp(np.float32(self.decay) * shared * shared))
            if score <= np.float32(self.score):
                break
        return score

    def lower(self, node: Node) -> KernelCall:
        """`suppression::SoftSuppress`: each choice depends on all before it, so it is one tile."""
        boxes, scores = node.input(0), node.input(1)
        selected, values, count = map(Operand, node.outputs)
        kernel = declared.SoftSuppress(
            boxes=Source(boxes),
            scores=Source(scores),
            selected=selected,
            values=values,
            count=count,
            candidates=boxes.shape[0],
            most=self.most,
            score=self.score,
            overlap=self.overlap,
            decay=self.decay,
            scratch=Scratch(8 * boxes.shape[0]),
        )
        inputs = [v for v in dict.fromkeys((boxes, scores)) if not v.is_constant]
        return KernelCall.of(kernel, inputs, list(node.outputs), Tiling(Axis.WHOLE, 1))


@imports("tflite", "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5")
def _from_tflite(importer: Importer) -> None:
    soft = importer.node.op.endswith("V5")
    most = int(importer.constant_input(2, "how many boxes remain at most").reshape(()))
    words = ("the threshold of overlaps", "the threshold of scores", *(["sigma"] if soft else []))
    numbers = [float(np.float32(importer.constant_input(3 + k, what).reshape(()))) for k, what in enumerate(words)]
    if not all(np.isfinite(numbers)) or (soft and numbers[2] < 0):
        raise UnsupportedReason(f"thresholds {numbers} are not finite, or sigma is less than 0")
    op = NonMaxSuppression(most, numbers[1], numbers[0], numbers[2] if soft else 0.0)
    selected, values, count = importer.emit(op, [importer.input(0), importer.input(1)])
    importer.bind(selected, *([values] if soft else []), count)
