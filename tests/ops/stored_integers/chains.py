"""Random chains of ONNX operators on the integers that QuantizeLinear stores, or that a model takes as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ariel_build.ir import Array

__all__ = ["Chain", "model_of", "random_chain"]

#: Scales and zero points of int8; those of uint8 are 128 more. Two differ in scale only, or in zero point only.
SCALES = ((0.05, 3), (0.05, -7), (0.02, 3), (1.0, 0), (0.0078125, -128))
SHAPE = (1, 3, 4, 5)


@dataclass
class Chain:
    """Nodes from one input to one output; names begin with `prefix`."""

    prefix: str
    rng: np.random.Generator
    signed: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    kinds: list[str] = field(default_factory=list)
    shape: tuple[int, ...] = SHAPE
    last: str = ""
    input_kind: int = onnx.TensorProto.FLOAT
    output_kind: int = onnx.TensorProto.FLOAT

    @property
    def stored(self) -> np.dtype[Any]:
        """The type of the integers."""
        return np.dtype(np.int8 if self.signed else np.uint8)

    def constant(self, data: object) -> str:
        name = f"{self.prefix}c{len(self.constants)}"
        self.constants[name] = np.asarray(data)
        return name

    def add(self, kind: str, *more: str, **attributes: Any) -> None:  # noqa: ANN401 - ONNX attributes are of many types
        """Adds a node whose first input is the end of the chain."""
        name = f"{self.prefix}v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.last, *more], [name], **attributes))
        self.kinds.append(kind)
        self.last = name

    def scale(self) -> tuple[str, str]:
        scale, zero = SCALES[int(self.rng.integers(len(SCALES)))]
        zero += 0 if self.signed else 128
        return self.constant(np.float32(scale)), self.constant(np.asarray(zero, self.stored))

    def number(self) -> int:
        info = np.iinfo(self.stored)
        return int(self.rng.integers(info.min, info.max + 1))

    def full(self, number: int, shape: tuple[int, ...] = ()) -> str:
        return self.constant(np.full(shape, number, self.stored))

    def sample(self) -> Array:
        """Returns an input: every number that is stored, or reals around those of the scales."""
        if self.input_kind == onnx.TensorProto.FLOAT:
            return self.rng.normal(0, 3, SHAPE).astype(np.float32)
        info = np.iinfo(self.stored)
        return self.rng.integers(info.min, info.max + 1, SHAPE).astype(self.stored)


def _clip(chain: Chain) -> None:
    low, high = sorted((chain.number(), chain.number()))
    ends = ("" if chain.rng.random() < 0.3 else chain.full(low)), ("" if chain.rng.random() < 0.3 else chain.full(high))
    chain.add("Clip", *ends)


def _extreme(chain: Chain) -> None:
    kind = str(chain.rng.choice(["Max", "Min"]))
    other = chain.rng.choice(["number", "tensor", "self"])
    shape = chain.shape if other == "tensor" else ()
    chain.add(kind, chain.last if other == "self" else chain.full(chain.number(), shape))


def _arithmetic(chain: Chain) -> None:
    kind = str(chain.rng.choice(["Add", "Sub", "Mul"]))
    chain.add(kind, chain.last if chain.rng.random() < 0.3 else chain.full(chain.number()))


def _pool(chain: Chain) -> None:
    chain.add("MaxPool", kernel_shape=[2, 2], pads=[1, 0, 0, 1])


def _pad(chain: Chain) -> None:
    pads = np.array([0, 0, 1, 0, 0, 1, 0, 2], np.int64)
    value = (chain.full(chain.number()),) if chain.rng.random() < 0.7 else ()
    chain.add("Pad", chain.constant(pads), *value)
    chain.shape = (1, chain.shape[1] + 1, chain.shape[2] + 1, chain.shape[3] + 2)


def _transpose(chain: Chain) -> None:
    perm = (0, *(1 + int(p) for p in chain.rng.permutation(3)))
    chain.add("Transpose", perm=perm)
    chain.shape = tuple(chain.shape[p] for p in perm)


def _reshape(chain: Chain) -> None:
    _, a, b, c = chain.shape
    chain.shape = (1, b, a, c)
    chain.add("Reshape", chain.constant(np.array(chain.shape, np.int64)))


def _slice(chain: Chain) -> None:
    if chain.shape[3] > 2:
        chain.add("Slice", *(chain.constant(np.array([k], np.int64)) for k in (1, 10, 3)))
        chain.shape = (*chain.shape[:3], chain.shape[3] - 1)


def _concat(chain: Chain) -> None:
    chain.add("Concat", chain.full(chain.number(), chain.shape), axis=1)
    chain.shape = (1, 2 * chain.shape[1], *chain.shape[2:])


def _reduce(chain: Chain) -> None:
    kind = str(chain.rng.choice(["ReduceMax", "ReduceMin"]))
    chain.add(kind, chain.constant(np.array([2], np.int64)), keepdims=1)
    chain.shape = (*chain.shape[:2], 1, chain.shape[3])


def _gather(chain: Chain) -> None:
    chain.add("Gather", chain.constant(np.array([chain.shape[1] - 1, 0], np.int64)), axis=1)
    chain.shape = (1, 2, *chain.shape[2:])


def _again(chain: Chain) -> None:
    """To real numbers and back, with other scales each time."""
    chain.add("DequantizeLinear", *chain.scale())
    if chain.rng.random() < 0.5:
        chain.add("Relu")
    chain.add("QuantizeLinear", *chain.scale())


def _one(kind: str, *, signed_only: bool = False, **attributes: Any) -> Callable[[Chain], None]:  # noqa: ANN401 - as above
    def add(chain: Chain) -> None:
        if chain.signed or not signed_only:
            chain.add(kind, **attributes)

    return add


#: Those that compute stand twice: they are what a scale in the wrong place spoils.
_STEPS: tuple[Callable[[Chain], None], ...] = (
    *(_clip, _clip, _extreme, _extreme, _arithmetic, _again),
    *2 * (_one("Relu", signed_only=True), _one("Abs"), _one("Neg", signed_only=True), _one("Sign")),
    *(_pool, _pad, _transpose, _reshape, _slice, _concat, _reduce, _gather),
    *(_one("Identity"), _one("Flatten", axis=1)),
)


def random_chain(seed: int, prefix: str = "") -> Chain:
    """Returns a chain; one seed gives one chain."""
    rng = np.random.default_rng(seed)
    chain = Chain(prefix, rng, bool(rng.random() < 0.7), last=f"{prefix}x")
    whole = onnx.TensorProto.INT8 if chain.signed else onnx.TensorProto.UINT8
    first = chain.scale()
    if rng.random() < 0.6:
        chain.add("QuantizeLinear", *first)
    else:
        chain.input_kind = whole
    for _ in range(int(rng.integers(1, 5))):
        step = _STEPS[int(rng.integers(len(_STEPS)))]
        if len(chain.shape) == 4 and not (chain.kinds and chain.kinds[-1] == "Flatten"):
            step(chain)
        if chain.kinds and chain.kinds[-1] in ("MaxPool", "Flatten"):
            break  # the shape is not followed further
    if rng.random() < 0.8:
        chain.add("DequantizeLinear", *(first if rng.random() < 0.7 else chain.scale()))
    else:
        chain.output_kind = whole
    if not chain.nodes:
        chain.output_kind = whole
        chain.add("Identity")
    return chain


def model_of(chains: list[Chain]) -> bytes:
    """Returns the model file in which chains stand side by side."""
    graph = helper.make_graph(
        [node for chain in chains for node in chain.nodes],
        "chains",
        [helper.make_tensor_value_info(f"{chain.prefix}x", chain.input_kind, SHAPE) for chain in chains],
        [helper.make_tensor_value_info(chain.last, chain.output_kind, None) for chain in chains],
        [numpy_helper.from_array(data, name) for chain in chains for name, data in chain.constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())
