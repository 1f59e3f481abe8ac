"""Cast between all types that tensors have equals onnxruntime, within what the target can hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import helper

from ariel_build.driver import import_file
from ariel_build.ir import Array
from tests.ops import parity, tflm
from tests.zoo import node, onnx_file

TYPES = (np.int8, np.uint8, np.int16, np.int32, np.int64, np.float32, np.bool_)


def test_all_pairs_on_the_host(tmp_path: Path) -> None:
    rng = np.random.default_rng(80)
    nodes, inputs, outputs = [], {}, {}
    sample: list[Array] = []
    for source in TYPES:
        for target in TYPES:
            if source is target or target is np.uint8:
                continue
            name = f"{source.__name__}_{target.__name__}"
            number = helper.np_dtype_to_tensor_dtype(np.dtype(target))
            nodes.append(node("Cast", [name], [f"{name}_y"], to=number))
            inputs[name] = (helper.np_dtype_to_tensor_dtype(np.dtype(source)), [3, 20])
            outputs[f"{name}_y"] = (number, [3, 20])
            data = rng.uniform(0 if source is np.uint8 else -100, 100, (3, 20))
            sample.append((data > 0 if source is np.bool_ else data).astype(source))
    path = onnx_file(tmp_path / "casts.onnx", nodes, inputs, outputs)
    want = parity.onnxruntime_answers(path, [sample])
    parity.agree(parity.reference(path, [sample]), want, "reference")
    parity.agree(parity.host(path, [sample]), want, "host")


def test_a_half_precision_constant_is_folded(tmp_path: Path) -> None:
    path = onnx_file(
        tmp_path / "half.onnx",
        [node("Cast", ["w"], ["wide"], to=1), node("Add", ["x", "wide"], ["y"])],
        {"x": (1, [3])},
        {"y": (1, [3])},
        {"w": np.array([0.5, 1.25, -3], np.float16)},
    )
    graph, _ = import_file(path)
    assert [n.op.name for n in graph.nodes] == ["Add"]
    (got,) = parity.reference(path, [[np.zeros(3, np.float32)]])
    np.testing.assert_array_equal(got[0], [0.5, 1.25, -3])


WHOLE = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64)


def test_all_pairs_of_tflite_equal_litert(tmp_path: Path) -> None:
    rng = np.random.default_rng(81)
    operators, sample = [], list[Array]()
    for source in (*WHOLE, np.float32, np.bool_):
        for target in (*WHOLE, np.float32, np.bool_):
            names = [np.dtype(kind).name.replace("bool_", "bool") for kind in (source, target)]
            x, y = (tflm.Tensor(name, (2, 30)) for name in names)
            operators.append(tflm.Operator("CAST", [x], [y], ("CastOptions", {})))
            if np.issubdtype(source, np.integer):
                # Any bits; what a target does not hold wraps.
                data = rng.integers(0, 256, (2, 30 * np.dtype(source).itemsize), np.uint8).view(source)
            else:
                data = np.asarray(rng.uniform(0 if np.issubdtype(target, np.unsignedinteger) else -100, 100, (2, 30)))
                data = (np.greater(data, 0) if source is np.bool_ else data).astype(source)
            sample.append(data)
    path = tmp_path / "casts.tflite"
    path.write_bytes(tflm.models(operators))
    want = parity.litert(path, [sample])
    parity.agree(parity.reference(path, [sample]), want, "reference")
    parity.agree(parity.host(path, [sample]), want, "host")
