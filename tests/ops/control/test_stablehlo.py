"""Operators of StableHLO in TFLite files are what numpy says they are: in the reference, and on the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.frontends.tflite_writer import code, encode, model, operator, subgraph, tensor
from tests.ops import parity, tflm

F32 = Callable[..., Any]
Options = tuple[str, Mapping[str, Any]] | None


def given(*arrays: Array) -> list[tflm.Tensor]:
    return [tflm.Tensor(str(a.dtype), a.shape) for a in arrays]


def known(array: Array) -> tflm.Tensor:
    return tflm.Tensor(str(array.dtype), array.shape, data=array)


class Case:
    """An operator, what it is given, and what it must make of that."""

    def __init__(
        self,
        op: str,
        inputs: Sequence[Array | tflm.Tensor],
        want: Any,  # noqa: ANN401 - anything like an array
        options: Options = None,
    ) -> None:
        self.sample = [a for a in inputs if not isinstance(a, tflm.Tensor)]
        self.want = np.asarray(want)
        specs = [a if isinstance(a, tflm.Tensor) else given(a)[0] for a in inputs]
        self.operator = tflm.Operator(f"STABLEHLO_{op}", specs, given(self.want), options, 1)


def cases() -> list[Case]:
    rng = np.random.default_rng(1)
    x, y = (rng.normal(size=(2, 3, 4)).astype(np.float32) for _ in range(2))
    n, m = (rng.integers(-50, 50, (2, 3)).astype(np.int32) for _ in range(2))
    m[m == 0] = 7
    size, yes, no = np.abs(x), x > 0, y > 0
    one: dict[str, F32] = {
        "ABS": np.abs,
        "COSINE": np.cos,
        "EXPONENTIAL": np.exp,
        "FLOOR": np.floor,
        "LOGISTIC": lambda v: 1 / (1 + np.exp(-v)),
        "NEGATE": np.negative,
        "TANH": np.tanh,
        "CBRT": np.cbrt,
    }
    two: dict[str, F32] = {
        "ADD": np.add,
        "DIVIDE": np.divide,
        "MAXIMUM": np.maximum,
        "MINIMUM": np.minimum,
        "MULTIPLY": np.multiply,
        "REMAINDER": np.fmod,
        "SUBTRACT": np.subtract,
    }
    made = [Case(op, [x], function(x)) for op, function in one.items()]
    made += [Case("LOG", [size], np.log(size)), Case("RSQRT", [size], 1 / np.sqrt(size))]
    made += [Case(op, [x, y], function(x, y)) for op, function in two.items()]
    made += [Case(op, [n, m], function(n, m)) for op, function in two.items() if op != "DIVIDE"]
    made += [Case("POWER", [size, y], size**y), Case("SHIFT_LEFT", [n, np.abs(m) % 8], n << (np.abs(m) % 8))]
    made += [Case("AND", [yes, no], yes & no), Case("OR", [yes, no], yes | no), Case("AND", [n, m], n & m)]
    low, high = np.float32(-0.5), np.float32(0.25)
    made.append(Case("CLAMP", [known(np.array(low)), x, known(np.array(high))], np.clip(x, low, high)))
    compare = tflite.StablehloComparisonDirection
    for name, function in (("GT", np.greater), ("LE", np.less_equal), ("EQ", np.equal), ("NE", np.not_equal)):
        direction = getattr(compare, f"STABLEHLO_COMPARISON_DIRECTION_{name}")
        made.append(
            Case("COMPARE", [n, m], function(n, m), ("StablehloCompareOptions", {"comparisonDirection": direction}))
        )
    made += [Case("SELECT", [yes, x, y], np.where(yes, x, y)), Case("CONVERT", [n], n.astype(np.float32))]
    made += [Case("RESHAPE", [x], x.reshape(4, 6))]
    made += [Case("TRANSPOSE", [x], x.transpose(2, 0, 1), ("StablehloTransposeOptions", {"permutation": [2, 0, 1]}))]
    made.append(
        Case("CONCATENATE", [x, y], np.concatenate([x, y], 1), ("StablehloConcatenateOptions", {"dimension": 1}))
    )
    spread = ("StablehloBroadcastInDimOptions", {"broadcastDimensions": [1, 2]})
    made.append(Case("BROADCAST_IN_DIM", [n[:, :1]], np.broadcast_to(n[:, :1], (4, 2, 5)).copy(), spread))
    ranges = {"startIndices": [0, 1, 0], "limitIndices": [2, 3, 4], "strides": [1, 1, 3]}
    made.append(Case("SLICE", [x], x[:, 1:, ::3], ("StablehloSliceOptions", ranges)))
    bordered = np.full((4, 6), -7, np.int32)
    bordered[1:4:2, 0:5:2] = n
    borders = {"edgePaddingLow": [1, 0], "edgePaddingHigh": [0, 1], "interiorPadding": [1, 1]}
    made.append(Case("PAD", [n, known(np.array(-7, np.int32))], bordered, ("StablehloPadOptions", borders)))
    at = [np.array(k, np.int32) for k in (1, 9)]
    made.append(Case("DYNAMIC_SLICE", [n, *at], n[1:, 1:], ("StablehloDynamicSliceOptions", {"sliceSizes": [1, 2]})))
    updated = n.copy()
    updated[1:, 1:] = m[:1, :2]
    made.append(Case("DYNAMIC_UPDATE_SLICE", [n, m[:1, :2], *at], updated))
    batched = {
        "lhsBatchingDimensions": [0],
        "rhsBatchingDimensions": [1],
        "lhsContractingDimensions": [2],
        "rhsContractingDimensions": [2],
    }
    right = rng.normal(size=(5, 2, 4)).astype(np.float32)
    want = np.einsum("abc,dac->abd", x, right)
    return [*made, Case("DOT_GENERAL", [x, right], want, ("StablehloDotGeneralOptions", batched))]


def test_is_what_numpy_says(tmp_path: Path) -> None:
    path, made = tmp_path / "net.tflite", cases()
    path.write_bytes(tflm.models([case.operator for case in made]))
    sample, want = [a for case in made for a in case.sample], [[case.want for case in made]]
    parity.agree(parity.reference(path, [sample]), want, "reference", rtol=1e-4)
    parity.agree(parity.host(path, [sample]), want, "kernels", rtol=1e-4)


def test_counted_numbers_are_constants(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    row = tflm.Tensor("int32", (2, 3))
    counted = tflm.Operator("STABLEHLO_IOTA", [], [row], ("StablehloIotaOptions", {"iotaDimension": 1}), 1)
    x, y = tflm.Tensor("int32", (2, 3)), tflm.Tensor("int32", (2, 3))
    path.write_bytes(tflm.chained([counted, tflm.Operator("ADD", [x, row], [y], ("AddOptions", {}), 1)]))
    (answer,) = parity.reference(path, [[np.full((2, 3), 5, np.int32)]])
    np.testing.assert_array_equal(answer[0], [[5, 6, 7], [5, 6, 7]])


def composite() -> bytes:
    """A composite of two operators, `(a + b) * b`, twice."""
    kind = int(tflite.BuiltinOptions2.StableHLOCompositeOptions)
    first, second = (
        operator(0, ins, outs) | {11: ("B", kind), 12: {0: "odml.example", 1: ("i", 1), 2: ("B*", [])}}
        for ins, outs in (([0, 1], [2]), ([2, 1], [3]))
    )
    main = subgraph([tensor(name, [2, 3]) for name in "abcd"], [0, 1], [3], [first, second])
    inner = [operator(1, [0, 1], [2], (11, {})), operator(2, [2, 1], [3], (21, {}))]
    body = subgraph([tensor(name, [2, 3]) for name in "pqrs"], [0, 1], [3], inner)
    builtin = tflite.BuiltinOperator
    codes = [code(n) for n in (builtin.STABLEHLO_COMPOSITE, builtin.ADD, builtin.MUL)]
    return encode(model(codes, [main, body]))


def test_a_composite_is_its_subgraph(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(composite())
    rng = np.random.default_rng(2)
    samples = [[rng.normal(size=(2, 3)).astype(np.float32) for _ in range(2)]]
    a, b = samples[0]
    want = [[((a + b) * b + b) * b]]
    parity.agree(parity.litert(path, samples, optimized=True), want, "LiteRT")
    parity.agree(parity.reference(path, samples), want, "reference")


def test_quantised_operands_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    x = tflm.Tensor("int8", (4,), 0.5, 3)
    path.write_bytes(tflm.model("STABLEHLO_ADD", [x, x], [x], None, 1))
    with pytest.raises(UnsupportedError, match=r"STABLEHLO_ADD: an operand, .*, is quantised"):
        import_file(path)
