"""Models of `ai.onnx.ml` made at random: trees in both forms, support vectors, linear models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from ariel_build.ir import Array

__all__ = ["FEATURES", "MODES", "Model", "boosted", "classifier", "members", "regressor", "rows", "trees"]

FEATURES = 5
MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
#: Numbers of features and thresholds that are equal now and then.
GRID = np.array([-2.0, -1.0, -1e-45, -0.0, 0.0, 1e-45, 0.5, 1.0, 3.0], np.float32)
DOMAIN = "ai.onnx.ml"


class Model:
    """Operators of `ai.onnx.ml` side by side, all of which read `x`."""

    def __init__(self, shape: Sequence[int], dtype: npt.DTypeLike = np.float32) -> None:
        self.input = helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), list(shape))
        self.nodes: list[onnx.NodeProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []

    def add(
        self, op: str, types: Sequence[npt.DTypeLike], attributes: Mapping[str, Any], inputs: Sequence[str] = ("x",)
    ) -> None:
        """Adds a node with outputs of these types."""
        names = [f"y{len(self.outputs) + k}" for k in range(len(types))]
        given = {name: value for name, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(op, list(inputs), names, domain=DOMAIN, **given))
        for name, dtype in zip(names, types, strict=True):
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
            self.outputs.append(helper.make_tensor_value_info(name, kind, None))

    def write(self, path: Path, version: int = 3) -> Path:
        """Writes the model and returns its path."""
        graph = helper.make_graph(self.nodes, "g", [self.input], self.outputs)
        sets = [helper.make_opsetid("", 18), helper.make_opsetid(DOMAIN, version)]
        path.write_bytes(helper.make_model(graph, opset_imports=sets, ir_version=9).SerializeToString())
        return path


def rows(
    rng: np.random.Generator, count: int, batch: int, dtype: npt.DTypeLike = np.float32, *, none: bool = True
) -> list[list[Array]]:
    """Returns samples: numbers of the grid, infinities, what is no number, of either sign, and any."""
    found = []
    for _ in range(count):
        x = rng.choice(GRID, (batch, FEATURES))
        x = np.where(rng.random(x.shape) < 0.2, rng.normal(size=x.shape).astype(np.float32), x)
        x = np.where(rng.random(x.shape) < 0.05, rng.choice(np.array([np.inf, -np.inf], np.float32), x.shape), x)
        if none and np.dtype(dtype).kind == "f":
            bits = np.array([0x7FC00000, 0xFFC00000], np.uint32).view(np.float32)
            x = np.where(rng.random(x.shape) < 0.15, rng.choice(bits, x.shape), x)
        elif np.dtype(dtype).kind == "i":
            x = rng.integers(-3, 4, x.shape)
        found.append([x.astype(dtype)])
    return found


def trees(
    rng: np.random.Generator,
    count: int,
    modes: Sequence[str],
    depth: int,
    dtype: npt.DTypeLike = np.float32,
    cuts: Array | None = None,
) -> tuple[dict[str, Any], list[tuple[int, int]]]:
    """Returns the attributes of nodes, and the leaves as (tree, node); nodes of a tree are numbered in any order.

    They compare with these `cuts`, or with numbers of the grid and any.
    """
    found: dict[str, list[Any]] = {
        name: []
        for name in ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids", "missing")
    }
    leaves = []
    for tree in range(count):
        nodes: list[list[Any]] = []

        def grow(left: int, nodes: list[list[Any]] = nodes) -> int:
            place = len(nodes)
            nodes.append([])
            if left == 0 or (place and rng.random() < 0.25):
                nodes[place] = [0, "LEAF", 0.0, 0, 0, 0]
                return place
            sides = grow(left - 1), grow(left - 1)
            any_ = rng.choice(GRID) if rng.random() < 0.8 else rng.normal()
            cut = any_ if cuts is None else rng.choice(cuts)
            nodes[place] = [
                int(rng.integers(FEATURES)),
                str(rng.choice(list(modes))),
                float(np.float32(cut)),
                *sides,
                int(rng.random() < 0.4),
            ]
            return place

        grow(int(rng.integers(0, depth + 1)))
        names = [0, *(int(v) for v in 1 + rng.permutation(len(nodes) - 1))]
        for place, (feature, mode, value, true, false, missing) in enumerate(nodes):
            inner = mode != "LEAF"
            line = (tree, names[place], feature, mode, value, names[true] * inner, names[false] * inner, missing)
            for name, own in zip(found, line, strict=True):
                found[name].append(own)
            if not inner:
                leaves.append((tree, names[place]))
    attributes: dict[str, Any] = {f"nodes_{name}": own for name, own in found.items() if name != "missing"}
    if np.dtype(dtype) == np.float64:
        values = np.asarray(attributes.pop("nodes_values"), np.float64) * (1 + 1e-12)
        attributes["nodes_values_as_tensor"] = onnx.numpy_helper.from_array(values, "v")
    if rng.random() < 0.7:
        attributes["nodes_missing_value_tracks_true"] = found["missing"]
    return attributes, leaves


def _weights(
    rng: np.random.Generator,
    leaves: Sequence[tuple[int, int]],
    targets: Sequence[Sequence[int]],
    kind: str,
    dtype: npt.DTypeLike,
    *,
    positive: bool,
) -> dict[str, Any]:
    """Returns the attributes of weights: `targets` are those of each leaf."""
    lines = [(tree, node, target) for (tree, node), own in zip(leaves, targets, strict=True) for target in own]
    values = rng.choice([0.25, 0.5, 0.125, 1.0], len(lines)) if positive else rng.normal(size=len(lines))
    found: dict[str, Any] = {
        f"{kind}_treeids": [line[0] for line in lines],
        f"{kind}_nodeids": [line[1] for line in lines],
        f"{kind}_ids": [line[2] for line in lines],
    }
    if np.dtype(dtype) == np.float64:
        found[f"{kind}_weights_as_tensor"] = onnx.numpy_helper.from_array(np.asarray(values, np.float64), "w")
    else:
        found[f"{kind}_weights"] = [float(v) for v in values]
    return found


def regressor(rng: np.random.Generator, model: Model, dtype: npt.DTypeLike = np.float32) -> None:
    """Adds a TreeEnsembleRegressor of any kind."""
    modes = MODES if rng.random() < 0.5 else [str(rng.choice(MODES))]
    attributes, leaves = trees(rng, int(rng.integers(1, 12)), modes, 5, dtype)
    targets = int(rng.integers(1, 4))
    sparse = targets > 1 and rng.random() < 0.4
    own = [[int(rng.integers(targets))] if sparse else list(range(targets)) for _ in leaves]
    attributes |= _weights(rng, leaves, own, "target", dtype, positive=False)
    fold = str(rng.choice(["SUM", "AVERAGE", "MIN", "MAX"]))
    attributes |= {"n_targets": targets, "aggregate_function": fold}
    if rng.random() < 0.5 and np.dtype(dtype) == np.float32:
        attributes["base_values"] = [float(v) for v in rng.normal(size=targets)]
    attributes["post_transform"] = str(rng.choice(["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"]))
    model.add("TreeEnsembleRegressor", [np.float32], attributes)


def classifier(rng: np.random.Generator, model: Model, dtype: npt.DTypeLike = np.float32) -> None:
    """Adds a TreeEnsembleClassifier of any kind."""
    modes = MODES if rng.random() < 0.5 else [str(rng.choice(MODES))]
    attributes, leaves = trees(rng, int(rng.integers(1, 12)), modes, 5, dtype)
    classes = int(rng.integers(1, 5))
    way = str(rng.choice(["all", "one each", "first", "last"]))
    choices = {
        "all": lambda: list(range(classes)),
        "one each": lambda: [int(rng.integers(classes))],
        "first": lambda: [0],
        "last": lambda: [classes - 1],
    }
    own = [choices[way]() for _ in leaves]
    positive = bool(rng.random() < 0.5)
    attributes |= _weights(rng, leaves, own, "class", dtype, positive=positive)
    attributes["classlabels_int64s"] = [int(v) for v in rng.permutation(20)[:classes]]
    # With fewer base values than classes onnxruntime's answers are those of no rule, but for one class or two.
    if rng.random() < 0.5 and np.dtype(dtype) == np.float32 and not (classes == 2 and way == "one each"):
        attributes["base_values"] = [float(v) for v in rng.normal(size=classes)]
    attributes["post_transform"] = str(rng.choice(["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"]))
    model.add("TreeEnsembleClassifier", [np.int64, np.float32], attributes)


def boosted(rng: np.random.Generator, model: Model) -> None:
    """Adds what boosting makes of three classes: each tree speaks for one of them, and all its leaves do."""
    attributes, leaves = trees(rng, 12, ["BRANCH_LEQ"], 4)
    own = [[tree % 3] for tree, _ in leaves]
    attributes |= _weights(rng, leaves, own, "class", np.float32, positive=False)
    attributes |= {"classlabels_int64s": [0, 1, 2], "base_values": [0.5, 0.25, -1.0], "post_transform": "SOFTMAX"}
    model.add("TreeEnsembleClassifier", [np.int64, np.float32], attributes)


def members(rng: np.random.Generator, model: Model, dtype: npt.DTypeLike = np.float32, post: int = 0) -> None:
    """Adds a TreeEnsemble, some of whose nodes ask for membership in a set."""
    nodes: list[list[Any]] = []
    leaves: list[tuple[int, float]] = []
    sets: list[float] = []
    targets = int(rng.integers(1, 4))

    def grow(left: int, *, root: bool = False) -> tuple[int, int]:
        """Returns the number of a node or a leaf, and whether it is a leaf, which no root is."""
        if left == 0 or (not root and rng.random() < 0.25):
            leaves.append((int(rng.integers(targets)), float(rng.normal())))
            return len(leaves) - 1, 1
        place = len(nodes)
        mode = int(rng.integers(0, 7))
        nodes.append([])
        if mode == 6:
            # onnxruntime has sets of integers only.
            sets.extend([*(float(v) for v in rng.permutation(7)[: int(rng.integers(1, 5))] - 2), float("nan")])
        cut = float(rng.choice(GRID))
        feature, missing = int(rng.integers(FEATURES)), int(rng.random() < 0.3)
        nodes[place] = [feature, mode, cut, missing]
        nodes[place] += [*grow(left - 1), *grow(left - 1)]
        return place, 0

    roots = [grow(int(rng.integers(1, 5)), root=True)[0] for _ in range(int(rng.integers(1, 6)))]
    array = onnx.numpy_helper.from_array
    columns = list(zip(*nodes, strict=True))
    attributes = {
        "nodes_featureids": columns[0],
        "nodes_modes": array(np.array(columns[1], np.uint8), "m"),
        "nodes_splits": array(np.array(columns[2], dtype), "s"),
        "nodes_missing_value_tracks_true": columns[3],
        "nodes_truenodeids": columns[4],
        "nodes_trueleafs": columns[5],
        "nodes_falsenodeids": columns[6],
        "nodes_falseleafs": columns[7],
        "leaf_targetids": [target for target, _ in leaves],
        "leaf_weights": array(np.array([weight for _, weight in leaves], dtype), "w"),
        "membership_values": array(np.array(sets, dtype), "v") if sets else None,
        "tree_roots": roots,
        "n_targets": targets,
        "aggregate_function": int(rng.integers(0, 4)),
        "post_transform": post,
    }
    model.add("TreeEnsemble", [dtype], attributes)
