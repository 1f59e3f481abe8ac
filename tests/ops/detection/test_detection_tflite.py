"""TFLite_Detection_PostProcess over random boxes equals TFLite-Micro: in numpy, and compiled for host and boards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import parity, tflm


def postprocess(rng: np.random.Generator, *, constant: bool = True, **more: float | bool) -> tflm.Operator:
    count, background = int(rng.integers(1, 60)), int(rng.integers(0, 2))
    options: dict[str, float | int | bool] = {
        "max_detections": int(rng.integers(1, 12)),
        "max_classes_per_detection": 1,
        "detections_per_class": int(rng.integers(1, 30)),
        "use_regular_nms": bool(rng.random() < 0.5),
        "nms_score_threshold": float(rng.uniform(0, 0.6)),
        "nms_iou_threshold": float(rng.uniform(0.1, 1.0)),
        "num_classes": int(rng.integers(1, 5)),
        **{f"{side}_scale": float(rng.uniform(2, 12)) for side in "yxhw"},
    }
    options.update(more)
    anchors = np.concatenate([rng.uniform(0, 1, (count, 2)), rng.uniform(0.1, 0.6, (count, 2))], axis=1)
    classes, most = int(options["num_classes"]) + background, int(options["max_detections"])
    inputs = [
        tflm.Tensor("float32", (1, count, int(rng.integers(4, 6)))),
        tflm.Tensor("float32", (1, count, classes)),
        tflm.Tensor("float32", (count, 4), data=anchors.astype(np.float32) if constant else None),
    ]
    outputs = [tflm.Tensor("float32", shape) for shape in ((1, most, 4), (1, most), (1, most), (1,))]
    return tflm.Operator("CUSTOM:TFLite_Detection_PostProcess", inputs, outputs, ("", options), 1)


def samples_for(rng: np.random.Generator, operators: list[tflm.Operator], count: int = 3) -> list[list[Array]]:
    """Returns samples: scores in few steps, so that many are equal; some anchors are not constants."""
    samples: list[list[Array]] = []
    for _ in range(count):
        sample: list[Array] = []
        for op in operators:
            boxes, scores, anchors = op.inputs
            assert boxes is not None and scores is not None and anchors is not None
            sample.append(rng.normal(0, 2, boxes.shape).astype(np.float32))
            sample.append((rng.integers(0, 20, scores.shape) / 20).astype(np.float32))
            if anchors.data is None:
                sample.append(rng.uniform(0.1, 0.6, anchors.shape).astype(np.float32))
        samples.append(sample)
    return samples


def without_rest(operators: list[tflm.Operator], answers: list[list[Array]]) -> list[list[Array]]:
    """Returns the answers with zeros behind the last detection, where TFLite-Micro leaves what was there."""
    result = []
    for answer in answers:
        cut: list[Array] = []
        for k in range(len(operators)):
            *parts, number = answer[4 * k : 4 * k + 4]
            shown = np.arange(parts[1].size).reshape(parts[1].shape) < number[0]
            cut += [np.where(shown[..., None], parts[0], 0), *(np.where(shown, p, 0) for p in parts[1:]), number]
        result.append(cut)
    return result


def test_equals_tflite_micro(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    operators = [postprocess(rng, constant=k > 3) for k in range(24)]
    samples = samples_for(rng, operators)
    path = tmp_path / "detections.tflite"
    want = without_rest(operators, parity.tflite(path, operators, samples))
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")
    assert sum(float(n[0]) for answer in want for n in answer[3::4]) > 100


@pytest.mark.parametrize("board", parity.BOARDS)
def test_on_boards(board: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    operators = [postprocess(rng) for _ in range(6)]
    samples = samples_for(rng, operators)
    path = tmp_path / "detections.tflite"
    path.write_bytes(tflm.models(operators))
    parity.agree(parity.on(board, path, samples), parity.reference(path, samples), board)


def test_boxes_without_area_are_no_detections(tmp_path: Path) -> None:
    operator = postprocess(np.random.default_rng(8), constant=False)
    sample = samples_for(np.random.default_rng(9), [operator], 1)[0]
    sample[2] = np.negative(np.asarray(sample[2], np.float32))
    path = tmp_path / "detections.tflite"
    path.write_bytes(tflm.models([operator]))
    (answer,) = parity.reference(path, [sample])
    assert not any(part.any() for part in answer)
    parity.agree(parity.host(path, [sample]), [answer], "kernels")


@pytest.mark.parametrize(
    "more, words",
    [
        ({"max_classes_per_detection": 2, "use_regular_nms": False, "num_classes": 3}, "more than 1 class"),
        ({"nms_iou_threshold": 1.5}, "`nms_iou_threshold` is 1.5"),
        ({"h_scale": 0.0}, "a scale of its boxes is missing or 0"),
        ({"max_detections": 0}, "`max_detections` is 0, not 1 to"),
    ],
)
def test_the_reason_is_told(more: dict[str, float | bool], words: str, tmp_path: Path) -> None:
    path = tmp_path / "detections.tflite"
    path.write_bytes(tflm.models([postprocess(np.random.default_rng(1), constant=True, **more)]))
    with pytest.raises(UnsupportedError, match=words):
        import_file(path)
