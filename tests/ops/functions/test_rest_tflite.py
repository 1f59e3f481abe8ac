"""Operators of TFLite that become formulas of others equal LiteRT's kernels: in numpy, and on the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import parity, tflm

Options = tuple[str, Mapping[str, Any]]


def ints(*numbers: int) -> tflm.Tensor:
    return tflm.Tensor("int32", (len(numbers),), data=np.array(numbers, np.int32))


def real(*shape: int, data: Array | None = None) -> tflm.Tensor:
    return tflm.Tensor("float32", shape, data=None if data is None else data.astype(np.float32))


def check(path: Path, operators: Sequence[tflm.Operator], sample: Sequence[Array]) -> None:
    path.write_bytes(tflm.models(operators))
    want = parity.litert(path, [sample], optimized=True)
    parity.agree(parity.reference(path, [sample]), want, "reference", atol=1e-5)
    parity.agree(parity.host(path, [sample]), want, "kernels", atol=1e-5)


def normals(rng: np.random.Generator, *shapes: Sequence[int]) -> list[Array]:
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def test_local_response_normalization_equals_litert(tmp_path: Path) -> None:
    def lrn(channels: int, **options: float) -> tflm.Operator:
        x = real(2, 3, 2, channels)
        made = ("LocalResponseNormalizationOptions", options)
        return tflm.Operator("LOCAL_RESPONSE_NORMALIZATION", [x], [x], made, 1)

    operators = [
        lrn(7, radius=2, bias=1.0, alpha=0.3, beta=0.75),
        lrn(4, radius=5, bias=2.0, alpha=1e-2, beta=0.5),
        lrn(5, radius=0, bias=0.5, alpha=1.0, beta=1.0),
    ]
    check(tmp_path / "lrn.tflite", operators, normals(np.random.default_rng(1), *((2, 3, 2, c) for c in (7, 4, 5))))


def test_fake_quant_equals_litert(tmp_path: Path) -> None:
    def fake(**options: float | bool) -> tflm.Operator:
        return tflm.Operator("FAKE_QUANT", [real(400)], [real(400)], ("FakeQuantOptions", options), 1)

    operators = [
        fake(min=-1.0, max=1.0, numBits=8, narrowRange=False),
        fake(min=-0.3, max=2.9, numBits=8, narrowRange=False),
        fake(min=0.0, max=6.0, numBits=4, narrowRange=False),
        fake(min=-4.0, max=0.0, numBits=16, narrowRange=False),
    ]
    samples = normals(np.random.default_rng(2), *[(400,)] * 4)
    check(tmp_path / "fake.tflite", operators, [s * 2 for s in samples])


def test_bucketize_and_dilate_equal_litert(tmp_path: Path) -> None:
    bounds = ("BucketizeOptions", {"boundaries": [-1.5, 0.0, 0.0, 3.25]})
    operators = [
        tflm.Operator("BUCKETIZE", [tflm.Tensor(dtype, (4, 5))], [tflm.Tensor("int32", (4, 5))], bounds, 1)
        for dtype in ("float32", "int32")
    ]
    for dtype, value in (("float32", -1.5), ("int32", 7), ("int8", -3)):
        x, y = tflm.Tensor(dtype, (2, 3, 1)), tflm.Tensor(dtype, (2, 7, 1))
        padding = tflm.Tensor(dtype, (), data=np.array(value, dtype))
        operators.append(tflm.Operator("DILATE", [x, ints(1, 3, 2), padding], [y], ("DilateOptions", {}), 1))
    rng = np.random.default_rng(3)
    sample: list[Array] = [np.round(rng.normal(size=(4, 5)) * 8).astype(np.float32) / 4]
    sample += [rng.integers(-3, 5, (4, 5)).astype(np.int32)]
    sample += [rng.integers(-9, 9, (2, 3, 1)).astype(dtype) for dtype in ("float32", "int32", "int8")]
    check(tmp_path / "rest.tflite", operators, sample)


def test_transposed_convolutions_of_volumes_equal_litert(tmp_path: Path) -> None:
    rng, operators, shapes = np.random.default_rng(4), [], []
    for padding, stride, size, bias in ((0, 2, 3, True), (1, 1, 2, False), (1, 2, 3, True), (0, 1, 2, False)):
        image = (1, 2, 3, 2, 3)
        made = tuple(n * stride if padding == 0 else (n - 1) * stride + size for n in image[1:4])
        weights, biases = rng.normal(size=(size, size, size, 2, 3)), rng.normal(size=2)
        options = {
            "padding": padding,
            **{f"stride{axis}": stride for axis in "DHW"},
            **{f"dilation{axis}Factor": 1 for axis in "DHW"},
        }
        inputs = [ints(1, *made, 2), real(*weights.shape, data=weights), real(*image)]
        inputs += [real(2, data=biases)] if bias else []
        outputs = [real(1, *made, 2)]
        operators.append(tflm.Operator("CONV_3D_TRANSPOSE", inputs, outputs, ("Conv3DOptions", options), 1))
        shapes.append(image)
    check(tmp_path / "volumes.tflite", operators, normals(rng, *shapes))


def spectra(*ops: str, count: int = 12, length: int = 16) -> bytes:
    """The spectrum of rows, and what is made of it, as one chain."""
    first = tflm.Operator(
        "RFFT2D",
        [real(3, 1, count), ints(1, length)],
        [tflm.Tensor("complex64", (3, 1, length // 2 + 1))],
        ("Rfft2dOptions", {}),
        1,
    )
    chain = [first]
    for op in ops:
        shape = (3, length // 2 + 1) if len(chain) > 1 or op == "SQUEEZE" else (3, 1, length // 2 + 1)
        dtype = "complex64" if op == "SQUEEZE" else "float32"
        options: Options | None = ("SqueezeOptions", {"squeezeDims": [1]}) if op == "SQUEEZE" else None
        chain.append(tflm.Operator(op, [chain[-1].outputs[0]], [tflm.Tensor(dtype, shape)], options, 1))
    return tflm.chained(chain)


@pytest.mark.parametrize("ops", [("COMPLEX_ABS",), ("SQUEEZE", "COMPLEX_ABS"), ("REAL",), ("SQUEEZE", "IMAG")])
@pytest.mark.parametrize("count", [12, 16])
def test_spectra_equal_litert(ops: tuple[str, ...], count: int, tmp_path: Path) -> None:
    path = tmp_path / "spectrum.tflite"
    path.write_bytes(spectra(*ops, count=count))
    sample = normals(np.random.default_rng(5), (3, 1, count))
    want = parity.litert(path, [sample], optimized=True)
    parity.agree(parity.reference(path, [sample]), want, "reference", atol=1e-5)
    if count == 12:
        parity.agree(parity.host(path, [sample]), want, "kernels", atol=1e-5)


@pytest.mark.parametrize(
    "file, why",
    [
        (spectra, "its output, complex numbers, is one of the model's: end with their size or parts"),
        (lambda: spectra("NEG"), "complex numbers are not supported"),
    ],
)
def test_complex_numbers_elsewhere_are_refused(file: Callable[[], bytes], why: str, tmp_path: Path) -> None:
    path = tmp_path / "spectrum.tflite"
    path.write_bytes(file())
    with pytest.raises(UnsupportedError, match=why):
        import_file(path)
