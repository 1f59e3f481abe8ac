"""Einsum, DFT, STFT, MelWeightMatrix and Col2Im: the node tests of `onnx`, and random ones against others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ops.accumulate import Numbers
from tests.ops import node_suite, parity
from tests.ops.qdq import Builder

#: Equations, and the shapes of their operands.
EQUATIONS: list[tuple[str, list[tuple[int, ...]]]] = [
    ("ij->ji", [(3, 4)]),
    ("ij->i", [(3, 4)]),
    ("...ii ->...i", [(3, 5, 5)]),
    ("ii", [(4, 4)]),
    ("i,i", [(5,), (5,)]),
    ("i,j->ij", [(5,), (3,)]),
    ("bij, bjk -> bik", [(5, 2, 3), (5, 3, 4)]),
    ("bhid,bhjd->bhij", [(2, 3, 4, 5), (2, 3, 6, 5)]),
    ("...ij,...jk->...ik", [(2, 3, 4), (2, 4, 5)]),
    ("ab,cd->", [(2, 3), (4, 5)]),
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
    ("ijk,jil->kl", [(3, 4, 5), (4, 3, 2)]),
    ("bqhd,hdm->bqm", [(2, 3, 2, 4), (2, 4, 5)]),
    ("ij,ij->ij", [(3, 4), (3, 4)]),
]


def test_node_suite(tmp_path: Path) -> None:
    chosen = (c for c in node_suite.cases("DFT", "STFT", "Col2Im") if c.inputs[0].dtype == np.float32)
    node_suite.judge(chosen, tmp_path, right=17, rtol=1e-4)


def test_equations(tmp_path: Path) -> None:
    rng, model = np.random.default_rng(51), Builder()
    for equation, shapes in EQUATIONS:
        model.output(model.op("Einsum", [model.input(shape) for shape in shapes], equation=equation))
    path, samples = model.write(tmp_path / "sums.onnx"), model.samples(rng)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference", rtol=1e-4, atol=1e-5)
    parity.agree(parity.host(path, samples), want, "kernels", rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "equation, shapes, words",
    [
        ("ij,jk->ik", [(2, 3), (4, 5)], "the axes `j`"),
        ("ij->ik", [(2, 3)], "one of no operand"),
        ("ijk->i", [(2, 3)], "does not fit an operand of 2 axes"),
        ("ii->i", [(2, 3)], "differ"),
        ("ij", [(2, 3), (2, 3)], "has 1 operands, the node 2"),
    ],
)
def test_refuses(equation: str, shapes: list[tuple[int, ...]], words: str, tmp_path: Path) -> None:
    model = Builder()
    model.output(model.op("Einsum", [model.input(shape) for shape in shapes], equation=equation))
    with pytest.raises(UnsupportedError, match=words):
        import_file(model.write(tmp_path / "m.onnx"))


def transformed(x: Numbers, axis: int, length: int | None, *, inverse: bool, onesided: bool) -> Numbers:
    """Returns what numpy makes of a signal with real and imaginary parts in its last axis."""
    whole = x[..., 0] if x.shape[-1] == 1 else x[..., 0] + 1j * x[..., 1]
    if inverse and onesided:
        return np.asarray(np.fft.irfft(whole, length, axis)[..., None], np.float32)
    found = np.fft.ifft(whole, length, axis) if inverse else np.fft.fft(whole, length, axis)
    if onesided:
        found = np.take(found, range(found.shape[axis] // 2 + 1), axis)
    return np.asarray(np.stack([found.real, found.imag], axis=-1), np.float32)


def test_transforms_equal_numpy(tmp_path: Path) -> None:
    rng, model = np.random.default_rng(52), Builder()
    shapes: list[tuple[tuple[int, ...], int, int | None, bool, bool]] = []
    for _ in range(16):
        inverse, onesided = bool(rng.integers(0, 2)), bool(rng.integers(0, 2))
        parts = 1 if onesided and not inverse else int(rng.integers(1, 3))
        shape = (*(int(n) for n in rng.integers(2, 8, 2)), parts)
        length = None if rng.random() < 0.4 else int(rng.integers(2, 10))
        shapes.append((shape, int(rng.integers(0, 2)), length, inverse, onesided))
    for shape, axis, length, inverse, onesided in shapes:
        given = "" if length is None else model.constant(np.array(length, np.int64))
        inputs = [model.input(shape), given, model.constant(np.array(axis, np.int64))]
        model.output(model.op("DFT", inputs, inverse=int(inverse), onesided=int(onesided)))
    path, samples = model.write(tmp_path / "transforms.onnx", opset=20), model.samples(rng)
    want = [
        [
            transformed(np.asarray(x), a, n, inverse=i, onesided=o)
            for x, (_, a, n, i, o) in zip(sample, shapes, strict=True)
        ]
        for sample in samples
    ]
    parity.agree(parity.reference(path, samples), want, "reference", rtol=1e-4, atol=1e-5)
    parity.agree(parity.host(path, samples), want, "kernels", rtol=1e-4, atol=1e-5)


def test_windows_and_mels_are_constants(tmp_path: Path) -> None:
    """All that they depend on is known: the model adds them to its input."""
    for kind, numbers, opset in (
        ("MelWeightMatrix", [np.int64(8), np.int64(16), np.int64(8192), np.float32(0), np.float32(4096)], 17),
        ("HannWindow", [np.int64(10)], 17),
        ("HammingWindow", [np.int64(9)], 17),
        ("BlackmanWindow", [np.int64(10)], 17),
    ):
        model = Builder()
        made = model.op(kind, [model.constant(np.asarray(number)) for number in numbers])
        model.output(model.op("Add", [model.input((1,)), made]))
        path = model.write(tmp_path / f"{kind}.onnx", opset)
        samples = [[np.zeros(1, np.float32)]]
        want = parity.onnxruntime_answers(path, samples)
        parity.agree(parity.reference(path, samples), want, kind, rtol=1e-4, atol=1e-6)


def test_sizes_of_the_run_time_are_those_that_are_declared(tmp_path: Path) -> None:
    """Inputs there; the shape of the output, which the file declares, tells them."""
    kinds = ("AffineGrid", "CenterCropPad", "HannWindow", "HammingWindow", "BlackmanWindow")
    node_suite.judge(node_suite.cases(*kinds), tmp_path, right=16, rtol=1e-4)


def test_sizes_that_nothing_tells_are_refused(tmp_path: Path) -> None:
    model = Builder()
    model.inputs.append(("sizes", np.int64, (4,)))
    model.output(model.op("Resize", [model.input((1, 1, 3, 3)), "", "", "sizes"], mode="linear"))
    with pytest.raises(UnsupportedError, match="does not declare the shape"):
        import_file(model.write(tmp_path / "m.onnx"))
