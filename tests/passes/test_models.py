"""The passes on real models: what remains of them, and that it still gives the recorded answers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ariel_build import frontends
from ariel_build.answers.reference import Interpreter
from ariel_build.driver import import_file
from ariel_build.ir import Graph
from ariel_build.passes import optimize

pytestmark = pytest.mark.models

#: Quantised operators that may remain: what is float at the ends, and changes of scale.
INTEGER = {"Quantize": 1, "Dequantize": 1}
#: Model -> most nodes that remain of some operators; 0 where one is not named.
MODELS: dict[str, dict[str, int]] = {
    "emx_micro_kws_m_qdq": INTEGER,
    "emx_micro_kws_m_static_fp32": {},
    "emx_micro_kws_m_static_qoperator": INTEGER,
    "mlperf_ad_qop_s8": INTEGER,
    "mlperf_ic_f32_onnx": {},
    "mlperf_vww_qdq_u8": INTEGER,
    "onnx2c_mnist_cntk": {},
    "onnx2c_mnist_pytorch": {},
    "onnx2c_tfl_helloworld": {},
    "own_tcn_onnx": {},
    "own_tcn_qdq": {"Quantize": 2, "Dequantize": 1, "Pad": 1},
    "own_tf_post_d16_onnx": {"Transpose": 1},
    "own_tf_post_d16_qdq": {**INTEGER, "Transpose": 1},
    "tflm_micro_speech_int8_tf2onnx_qdq": {},
    "tract_keras_example": {},
    "ultraface_slim320_onnx": {"Transpose": 1},
    "yunet_n_320": {"Transpose": 1},
}
WATCHED = ("Transpose", "Quantize", "Dequantize", "Pad", "Relu", "Clip", "Copy")


def optimized(folder: Path) -> Graph:
    """Returns the graph after all passes, free dimensions as in the recorded inputs."""
    path = folder / "model.onnx"
    source = frontends.read(path)
    dims = {
        name: int(np.load(folder / f"in_{source.inputs.index(key)}.npy", mmap_mode="r").shape[axis + 1])
        for name, places in source.free_dims.items()
        for key, axis in places
        if key in source.inputs
    }
    graph, _ = import_file(path, dims)
    optimize(graph)
    return graph


@pytest.mark.parametrize("name", MODELS)
def test_little_remains(name: str, models: Path) -> None:
    counts = Counter(node.op.name for node in optimized(models / "dev" / name).nodes)
    assert {op: counts[op] for op in WATCHED if counts[op] > MODELS[name].get(op, 0)} == {}


@pytest.mark.parametrize("name", [n for n in MODELS if n not in ("ultraface_slim320_onnx", "yunet_n_320")])
def test_the_answers_stay(name: str, models: Path) -> None:
    folder = models / "dev" / name
    graph = optimized(folder)
    interpreter = Interpreter(graph)
    for sample in range(2):
        inputs = [np.load(folder / f"in_{k}.npy")[sample].reshape(v.shape) for k, v in enumerate(graph.inputs)]
        for k, got in enumerate(interpreter.outputs(inputs)):
            want = np.load(folder / f"expected_{k}.npy")[sample]
            # Two quanta of a probability in int8; the float models stay within their own tolerance, which is narrower.
            atol = 2.02 / 256 if "q" in name else 1e-4 * float(np.abs(want).max())
            np.testing.assert_allclose(got.reshape(want.shape), want, rtol=1e-4, atol=atol)
