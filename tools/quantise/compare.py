"""One model three times: in float32, quantised by us, and by onnxruntime's `quantize_static`, on the same samples."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ariel_build.config.options import ModelOptions, Quantization
from ariel_build.driver import import_file
from ariel_build.quantize import quantize
from ariel_build.quantize.clean import clean
from ariel_build.quantize.writers import write_model
from tools.quantise import digits
from tools.recorded import MODELS

__all__ = ["ROWS", "Case", "Found", "answers", "compare", "ratio", "table"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Set:
    """Samples to calibrate with, others to judge by, and the right classes of the latter, where they are known."""

    calibration: F32
    test: F32
    classes: I64 | None = None


@dataclass(frozen=True)
class Case:
    """A row: what it is called, what it is, and its model and samples."""

    name: str
    about: str
    model: Callable[[Path], Path]
    samples: Callable[[tuple[int, ...]], Set]
    max_drop: float | None = None


@dataclass(frozen=True)
class Found:
    """What a row says: accuracies, or how often the greatest output is float32's, and noise in decibels."""

    case: Case
    samples: int
    float_accuracy: float | None
    ours: float
    theirs: float
    ours_ratio: float
    theirs_ratio: float
    ours_bytes: int
    theirs_bytes: int


def _of_digits(shape: tuple[int, ...]) -> Set:
    """Each fourth digit of the training part calibrates."""
    data = digits.read()
    train, test = data.split()
    images = data.images.reshape(-1, *shape)
    return Set(images[train][::4], images[test], data.classes[test])


def _of_model(name: str) -> Callable[[tuple[int, ...]], Set]:
    """Mixtures of recorded samples, some of which calibrate and others judge.

    There are 16 of each model. A mixture is one of them for the most part, and another one for the rest.
    """

    def read(shape: tuple[int, ...]) -> Set:
        samples = np.load(MODELS / "dev" / name / "in_0.npy").astype(np.float32).reshape(-1, *shape)
        rng = np.random.default_rng(0)

        def mixed(some: F32, count: int) -> F32:
            share = rng.uniform(0.7, 1.0, (count, *(1 for _ in shape))).astype(np.float32)
            first, second = (some[rng.integers(0, len(some), count)] for _ in range(2))
            return np.asarray(share * first + (1 - share) * second, np.float32)

        return Set(mixed(samples, 128), mixed(samples, 512))

    return read


def _dev(name: str) -> Callable[[Path], Path]:
    return lambda _: next((MODELS / "dev" / name).glob("model.*"))


ROWS: Sequence[Case] = (
    Case("digits-cnn", "digits, convolutional", lambda f: digits.network(f / "digits.onnx", digits.read()), _of_digits),
    Case("transformer-pre", "digits, transformer, TFLite", _dev("own_tf_pre_d24_f32"), _of_digits),
    Case("transformer-post", "digits, transformer, ONNX", _dev("own_tf_post_d16_onnx"), _of_digits),
    Case("gru", "digits, GRU, unrolled", _dev("own_gru12_unrolled_f32"), _of_digits),
    Case("mlperf-kws", "MLPerf Tiny, keywords", _dev("mlperf_kws_f32"), _of_model("mlperf_kws_f32")),
    Case("mlperf-ic", "MLPerf Tiny, images", _dev("mlperf_ic_f32"), _of_model("mlperf_ic_f32")),
    Case("mlperf-ad", "MLPerf Tiny, anomalies", _dev("mlperf_ad_f32"), _of_model("mlperf_ad_f32")),
    Case(
        "emx-kws",
        "keywords, convolutional, ONNX",
        _dev("emx_micro_kws_m_static_fp32"),
        _of_model("emx_micro_kws_m_static_fp32"),
    ),
)


def compare(case: Case, folder: Path) -> Found:
    """Quantises a row's model twice and runs all three in onnxruntime."""
    path = case.model(folder)
    graph, _ = import_file(path)
    data = case.samples(graph.inputs[0].shape)
    clean(graph)
    plain = folder / f"{case.name}.onnx"
    plain.write_bytes(write_model(graph).SerializeToString())
    npz, ours, theirs = (folder / f"{case.name}-{end}" for end in ("c.npz", "ours.onnx", "theirs.onnx"))
    np.savez(npz, input_0=data.calibration)
    outcome = quantize(ModelOptions(path), Quantization(npz, case.max_drop))
    ours.write_bytes(outcome.model.SerializeToString())
    _static(plain, theirs, data.calibration)
    want, mine, other = (answers(file, data.test) for file in (plain, ours, theirs))
    chosen = [outputs.reshape(len(data.test), -1).argmax(axis=1) for outputs in (want, mine, other)]
    right = chosen[0] if data.classes is None else data.classes
    shares = [float(np.mean(found == right)) for found in chosen]
    return Found(
        case=case,
        samples=len(data.test),
        float_accuracy=None if data.classes is None else shares[0],
        ours=shares[1],
        theirs=shares[2],
        ours_ratio=ratio(want, mine),
        theirs_ratio=ratio(want, other),
        ours_bytes=ours.stat().st_size,
        theirs_bytes=theirs.stat().st_size,
    )


def ratio(want: F32, got: F32) -> float:
    """Returns the signal-to-noise ratio in decibels."""
    noise = float(np.mean(np.square(np.subtract(want, got, dtype=np.float64))))
    return math.inf if noise == 0 else 10 * math.log10(float(np.mean(np.square(want, dtype=np.float64))) / noise)


def _session(path: Path) -> Any:  # noqa: ANN401 - onnxruntime has no types
    import onnxruntime  # noqa: PLC0415 - named in the module's words, not needed to list rows

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def answers(path: Path, samples: F32) -> F32:
    """Returns what onnxruntime makes of each sample."""
    session = _session(path)
    name = session.get_inputs()[0].name
    return np.stack([session.run(None, {name: sample})[0] for sample in samples])


def _static(source: Path, target: Path, samples: F32) -> None:
    """Quantises by onnxruntime as its documentation has it: preprocessed, QDQ, weights by channel, the rest default."""
    from onnxruntime import quantization  # noqa: PLC0415
    from onnxruntime.quantization import shape_inference  # noqa: PLC0415

    logging.disable(logging.WARNING)
    prepared = source.with_name(f"{source.stem}-prepared.onnx")
    shape_inference.quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    name = _session(prepared).get_inputs()[0].name

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(samples)

        def get_next(self) -> dict[str, F32] | None:
            sample = next(self.left, None)
            return None if sample is None else {name: sample}

    quantization.quantize_static(
        str(prepared), str(target), Reader(), quant_format=quantization.QuantFormat.QDQ, per_channel=True
    )
    logging.disable(logging.NOTSET)


_COLUMNS = (
    "model",
    "samples",
    "float32",
    "ours",
    "onnxruntime's",
    "noise: ours",
    "onnxruntime's",
    "bytes: ours",
    "onnxruntime's",
)


def table(rows: Sequence[Found]) -> str:
    """Returns the rows in Markdown."""
    lines = [
        f"| {' | '.join(_COLUMNS)} |",
        f"|{'---|' * len(_COLUMNS)}",
    ]
    for row in rows:
        kind = "" if row.float_accuracy is not None else " *"
        before = "" if row.float_accuracy is None else f"{row.float_accuracy:.2%}"
        cells = [
            row.case.about + kind,
            str(row.samples),
            before,
            f"{row.ours:.2%}",
            f"{row.theirs:.2%}",
            f"{row.ours_ratio:.1f} dB",
            f"{row.theirs_ratio:.1f} dB",
            f"{row.ours_bytes:,}",
            f"{row.theirs_bytes:,}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])
