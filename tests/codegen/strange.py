"""Models that are odd at their edges: names, ranks, inputs that are outputs. Small, sound, and all to be compiled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.zoo import FLOAT, INT8, INT64, UINT8, Ends, node, onnx_file

__all__ = ["HOSTILE", "MODELS"]

#: Names that would end a string, a comment or a line, hide what follows, or mean something in Rust.
HOSTILE = (
    'quote " quote',
    "tick ` tick",
    "line\nfn evil() {}\n//",
    "*/ pub fn evil() {} /*",
    "back\\slash",
    "\u202eevil\u202c",
    "{evil",
    "}",
    "#[attribute]",
    "$crate",
    "self",
    "Self",
    "crate",
    "fn",
    "r#type",
    "_",
    "",
    "0",
    "LongName" * 200,
    "x/y:0",
    "X/Y:0",
    "\u00e9t\u00e9",
    "\U0001f600",
    "<script>alert(1)</script>",
    "[link](https://example.com)",
    "| cell | cell |",
    "model",
    "Model",
    "input_7",  # what the brace is called
    "INPUT_SHAPE",
)


def hostile(path: Path) -> Path:
    """Many inputs and outputs, each with a hostile name."""
    names = [name or "unnamed" for name in HOSTILE]
    inputs: Ends = {name: (FLOAT, [2, 3]) for name in names}
    turned = [name.replace("input", "output") + "'" for name in names]
    outputs: Ends = {name: (FLOAT, [3, 2]) for name in turned}
    nodes = [node("Transpose", [a], [b], name=a, perm=[1, 0]) for a, b in zip(names, turned, strict=True)]
    return onnx_file(path, nodes, inputs, outputs)


def rank_0(path: Path) -> Path:
    """A scalar in, a scalar out."""
    ends: tuple[Ends, Ends] = {"x": (FLOAT, [])}, {"y": (FLOAT, [])}
    return onnx_file(path, [node("Mul", ["x", "two"], ["y"])], *ends, {"two": np.float32(2)})


def constant_output(path: Path) -> Path:
    """One output is computed, one is the same for all inputs."""
    constants = {"c": np.arange(4, dtype=np.float32)}
    nodes = [node("Neg", ["x"], ["y"]), node("Identity", ["c"], ["z"])]
    return onnx_file(path, nodes, {"x": (FLOAT, [3])}, {"y": (FLOAT, [3]), "z": (FLOAT, [4])}, constants)


def only_constants(path: Path) -> Path:
    """No output depends on the input."""
    nodes = [node("Identity", ["c"], ["z"])]
    return onnx_file(path, nodes, {"x": (FLOAT, [3])}, {"z": (FLOAT, [4])}, {"c": np.arange(4, dtype=np.float32)})


def identity(path: Path) -> Path:
    """The output is the input, under another name; and once more."""
    nodes = [node("Identity", ["x"], ["y"]), node("Identity", ["x"], ["z"])]
    return onnx_file(path, nodes, {"x": (INT8, [5])}, {"y": (INT8, [5]), "z": (INT8, [5])})


def reshapes(path: Path) -> Path:
    """Nothing but views."""
    nodes = [node("Reshape", ["x", "s"], ["a"]), node("Flatten", ["a"], ["y"], axis=0)]
    ends: tuple[Ends, Ends] = {"x": (FLOAT, [2, 6])}, {"y": (FLOAT, [1, 12])}
    return onnx_file(path, nodes, *ends, {"s": np.array([3, 4], np.int64)})


def batches(path: Path) -> Path:
    """Three rows at once."""
    rng = np.random.default_rng(0)
    constants = {"w": rng.normal(size=(4, 5)).astype(np.float32), "b": rng.normal(size=(1, 5)).astype(np.float32)}
    nodes = [node("MatMul", ["x", "w"], ["a"]), node("Add", ["a", "b"], ["c"]), node("Softmax", ["c"], ["y"])]
    return onnx_file(path, nodes, {"x": (FLOAT, [3, 4])}, {"y": (FLOAT, [3, 5])}, constants)


def types(path: Path) -> Path:
    """Inputs of several types, which pass or are converted."""
    inputs: Ends = {"f": (FLOAT, [3]), "u": (UINT8, [3]), "i": (INT8, [3]), "l": (INT64, [3])}
    nodes = [node("Cast", [name], [f"{name}_y"], to=FLOAT) for name in inputs]
    return onnx_file(path, nodes, inputs, {f"{name}_y": (FLOAT, [3]) for name in inputs})


MODELS: dict[str, Callable[[Path], Path]] = {
    made.__name__: made
    for made in (hostile, rank_0, constant_output, only_constants, identity, reshapes, batches, types)
}
