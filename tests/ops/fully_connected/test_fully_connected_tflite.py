"""FULLY_CONNECTED of random shapes equals TFLite-Micro: in numpy, and compiled for the host."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.errors import ArielError
from tests.ops import parity, tflm
from tests.ops.sums import ACTIVATIONS, Sum, samples_for


def random_layer(rng: np.random.Generator, *, kind: str) -> tflm.Operator:
    depth, count = int(rng.integers(1, 70)), int(rng.integers(1, 30))
    rows = int(rng.choice([1, 1, 2, 3, 9]))
    keep = bool(rng.random() < 0.3)
    shape = (1, rows, depth) if keep else (rows, depth)
    out = (1, rows, count) if keep else (rows, count)
    options = {"fusedActivationFunction": int(rng.choice(ACTIVATIONS)), "keepNumDims": keep}
    table = ("FullyConnectedOptions", options)
    if kind == "float32":
        inputs = [
            tflm.Tensor("float32", shape),
            tflm.Tensor("float32", (count, depth), data=rng.normal(0, 0.3, (count, depth)).astype(np.float32)),
            tflm.Tensor("float32", (count,), data=rng.normal(0, 1, count).astype(np.float32)),
        ]
        return tflm.Operator("FULLY_CONNECTED", inputs, [tflm.Tensor("float32", out)], table, 4)
    per_channel = bool(rng.random() < 0.3)
    quantisation = Sum.random(rng, depth, count, per_channel=per_channel, dtype=kind)
    tensors = quantisation.tensors(rng, shape, (count, depth), 0, bias=bool(rng.random() < 0.7))
    filter_ = tensors[1]
    if not per_channel and kind == "int8" and filter_ is not None:
        tensors[1] = replace(filter_, zero_point=int(rng.choice([0, 0, -7, 30])))
    return tflm.Operator("FULLY_CONNECTED", tensors, [quantisation.output(out)], table, 4)


@pytest.mark.parametrize("kind", ["int8", "int16", "float32"])
def test_equals_tflite_micro(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(3)
    operators = [random_layer(rng, kind=kind) for _ in range(36)]
    samples = samples_for(rng, operators)
    path = tmp_path / "layers.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


@pytest.mark.parametrize("kind", ["int8", "int16", "float32"])
def test_filters_that_are_computed_at_run_time_equal_tflite_micro(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(4)
    operators = [_computed(random_layer(rng, kind=kind)) for _ in range(12)]
    samples = samples_for(rng, operators)
    if kind == "float32":
        # Sums in another order differ by less than the tolerance.
        samples = [[np.multiply(x, np.float32(0.25)) for x in sample] for sample in samples]
    path = tmp_path / "layers.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


def test_a_bias_beside_a_computed_filter_of_integers_is_refused(tmp_path: Path) -> None:
    x, filter_ = tflm.Tensor("int8", (2, 4), 0.5), tflm.Tensor("int8", (3, 4), 0.5)
    bias = tflm.Tensor("int32", (3,), 0.25, data=np.ones(3, np.int32))
    options = ("FullyConnectedOptions", {"fusedActivationFunction": 0})
    path = tmp_path / "layer.tflite"
    path.write_bytes(tflm.model("FULLY_CONNECTED", [x, filter_, bias], [tflm.Tensor("int8", (2, 3), 0.5)], options))
    with pytest.raises(ArielError, match="computed at run time; then a bias is supported in float32 only"):
        compile_model(path, ModelOptions(path), boards.load("generic"), "model")


def _computed(operator: tflm.Operator) -> tflm.Operator:
    """Returns the layer with its filter as an input; integers have one scale, and no bias."""
    x, filter_, bias = operator.inputs
    assert filter_ is not None
    scale = filter_.scale[0] if isinstance(filter_.scale, tuple) else filter_.scale
    filter_ = replace(filter_, data=None, scale=scale)
    return replace(operator, inputs=[x, filter_, bias if filter_.dtype == "float32" else None])
