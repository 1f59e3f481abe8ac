"""TFLite_Detection_PostProcess: boxes (float32) from encodings and anchors, the best of those that overlap little.

A box is encoded by its centre and size relative to an anchor: centre = encoded / scale * size of the anchor + centre of
the anchor, size = e^(encoded / scale) * size of the anchor. The best box suppresses all that it shares more than a part
of its union with, then the best of those left, and so on: of all classes at once, by the greatest score of each box, or
class by class (`regular`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType
from ariel_build.kernels import Axis, KernelCall, Operand, Scratch, Source, Tiling
from ariel_build.kernels.declared import detection as declared
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.importer import Importer
from ariel_build.ops.signal.options import number
from ariel_build.ops.traits import OPAQUE, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["DetectionPostprocess", "overlap_of"]

_BOX = 4


@dataclass(frozen=True)
class DetectionPostprocess(Operator):
    """Outputs boxes (top, left, bottom, right), classes, scores and their number; zeros behind the last one.

    Where a box has no area, TFLite-Micro's inference fails; this one detects nothing.
    """

    traits = OPAQUE
    passed_on = never
    permuted = keeps_axes

    detections: int
    classes: int
    score: float
    overlap: float
    #: Of y, x, height and width.
    scales: tuple[float, float, float, float]
    regular: bool = False
    per_class: int = 100

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """f32[1, n, 4 or more], f32[1, n, classes (+ 1)], f32[n, 4] -> f32[1, m, 4], f32[1, m], f32[1, m], f32[1]."""
        boxes, scores, anchors = inputs
        if any(t is None or t.dtype is not DType.F32 for t in inputs):
            raise ValueError("boxes, scores or anchors are not float32")
        assert boxes is not None and scores is not None and anchors is not None  # noqa: S101 - seen above
        if len(boxes.shape) != 3 or boxes.shape[0] != 1 or boxes.shape[2] < _BOX:
            raise ValueError(f"{boxes} are no boxes of one image")
        count = boxes.shape[1]
        if anchors.shape != (count, _BOX) or scores.shape not in [(1, count, self.classes + k) for k in (0, 1)]:
            raise ValueError(f"{scores} or {anchors} do not fit {count} boxes of {self.classes} classes")
        if count < 1 or self.detections < 1:
            raise ValueError(f"there are {count} boxes, and {self.detections} detections at most")
        rows = (1, self.detections)
        shapes = ((*rows, _BOX), rows, rows, (1,))
        return [TensorType(DType.F32, shape) for shape in shapes]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """DetectionPostProcessEval of the source."""
        encoded, scores, anchors = (np.asarray(x, np.float32) for x in inputs)
        boxes = self._boxes(encoded[0, :, :_BOX], anchors)
        scores = scores[0, :, scores.shape[2] - self.classes :]
        outputs = [np.zeros(v.shape, np.float32) for v in node.outputs]
        if (boxes[:, :2] >= boxes[:, 2:]).any():
            return list(outputs)
        found: list[tuple[np.float32, int, int]] = []
        if self.regular:
            for kind in range(self.classes):
                chosen = self._chosen(boxes, scores[:, kind], self.per_class)
                # Python sorts as the source does: what is equal stays in its order.
                found = sorted([*found, *((scores[k, kind], k, kind) for k in chosen)], key=lambda f: -f[0])
                found = found[: self.detections]
        else:
            best = scores.argmax(axis=1)
            chosen = self._chosen(boxes, scores.max(axis=1), self.detections)
            found = [(scores[k, best[k]], k, int(best[k])) for k in chosen]
        for place, (score, box, kind) in enumerate(found):
            outputs[0][0, place], outputs[1][0, place], outputs[2][0, place] = boxes[box], kind, score
        outputs[3][0] = len(found)
        return list(outputs)

    def _boxes(self, encoded: Numbers, anchors: Numbers) -> Numbers:
        """Returns the corners, calculated in float64 and rounded where the source does."""
        wide, scales = encoded.astype(np.float64) / np.array(self.scales, np.float64), anchors.astype(np.float64)
        centre = (wide[:, :2] * scales[:, 2:] + scales[:, :2]).astype(np.float32)
        with np.errstate(over="ignore"):
            half = (0.5 * np.exp(wide[:, 2:]) * scales[:, 2:]).astype(np.float32)
        return np.concatenate([centre - half, centre + half], axis=1)

    def _chosen(self, boxes: Numbers, scores: Numbers, most: int) -> list[int]:
        """Returns the best boxes that overlap little, the best first."""
        order = np.argsort(-scores, kind="stable")
        left = [int(k) for k in order if scores[k] >= np.float32(self.score)]
        chosen: list[int] = []
        while left and len(chosen) < most:
            first, *left = left
            chosen.append(first)
            left = [k for k in left if not overlap_of(boxes[first], boxes[k]) > np.float32(self.overlap)]
        return chosen

    def lower(self, node: Node) -> KernelCall:
        """`detection::Postprocess`: each choice depends on all before it, so it is one tile."""
        boxes, scores, anchors = (node.input(k) for k in range(3))
        count = boxes.shape[1]
        found, kinds, values, number = map(Operand, node.outputs)
        kernel = declared.Postprocess(
            boxes=Operand(boxes),
            scores=Operand(scores),
            anchors=Source(anchors),
            found=found,
            kinds=kinds,
            values=values,
            count=number,
            candidates=count,
            box_row=boxes.shape[2],
            score_row=scores.shape[2],
            classes=self.classes,
            detections=self.detections,
            per_class=self.per_class if self.regular else 0,
            score=self.score,
            overlap=self.overlap,
            scales=self.scales,
            scratch=Scratch((4 * _BOX + 4 + 1) * count),
        )
        inputs = [v for v in (boxes, scores, anchors) if not v.is_constant]
        return KernelCall.of(kernel, inputs, list(node.outputs), Tiling(Axis.WHOLE, 1))


def overlap_of(a: Numbers, b: Numbers) -> np.float32:
    """Returns the part of the union of two boxes that they have in common."""
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    if areas[0] <= 0 or areas[1] <= 0:
        return np.float32(0)
    sides = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), np.float32(0))
    common = sides[0] * sides[1]
    return np.float32(common / (areas[0] + areas[1] - common))


_EXPORTED = {
    "_output_quantized": "it is about what LiteRT's kernel for other types does",
    "_support_output_type_float_in_quantized_op": "it is about what LiteRT's kernel for other types does",
}


@imports("tflite", "CUSTOM:TFLite_Detection_PostProcess", harmless=_EXPORTED)
def _from_tflite(importer: Importer) -> None:
    classes = number(importer, "num_classes", 1, 1 << 16)
    regular = bool(importer.integer("use_regular_nms"))
    if not regular and min(number(importer, "max_classes_per_detection", 1), classes) > 1:
        raise UnsupportedReason("more than 1 class for a detection is not supported without `use_regular_nms`")
    importer.integer("max_classes_per_detection")
    overlap = float(np.float32(importer.real("nms_iou_threshold")))
    if not 0 < overlap <= 1:
        raise UnsupportedReason(f"`nms_iou_threshold` is {overlap:g}, not above 0 and up to 1")
    scales = [float(np.float32(importer.real(f"{side}_scale"))) for side in "yxhw"]
    if not all(scales):
        raise UnsupportedReason(f"a scale of its boxes is missing or 0: {scales}")
    per_class = importer.integer("detections_per_class", 100)
    if per_class < 1:
        raise UnsupportedReason(f"`detections_per_class` is {per_class}")
    op = DetectionPostprocess(
        number(importer, "max_detections", 1, 1 << 16),
        classes,
        float(np.float32(importer.real("nms_score_threshold"))),
        overlap,
        (scales[0], scales[1], scales[2], scales[3]),
        regular,
        min(per_class, 1 << 30),
    )
    importer.emit_declared(op, [importer.input(k) for k in range(3)])
