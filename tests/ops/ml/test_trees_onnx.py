"""Forests with random nodes of all modes equal onnxruntime: in numpy, and compiled for the host and for boards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ops.ml.trees import TreeKeys, TreeLeaves
from tests.ops import node_suite, parity
from tests.ops.ml import learned

SEEDS = range(12)


def _many(seed: int, dtype: type[np.generic] = np.float32, batch: int = 1) -> learned.Model:
    """Returns some forests of each kind over the same features."""
    rng = np.random.default_rng(seed)
    model = learned.Model((batch, learned.FEATURES), dtype)
    for _ in range(3):
        if np.dtype(dtype).kind == "f":
            # onnxruntime has no regressor over integers.
            learned.regressor(rng, model, dtype)
        learned.classifier(rng, model, dtype)
    return model


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_the_reference_equals_onnxruntime(seed: int, dtype: type[np.generic], tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    path = _many(seed, dtype).write(tmp_path / "m.onnx")
    samples = learned.rows(rng, 12, 1, dtype)
    parity.agree(parity.reference(path, samples), parity.onnxruntime_answers(path, samples), "reference", atol=3e-6)


@pytest.mark.parametrize("seed", range(10))
def test_float64_equals_onnxruntime(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    model = learned.Model((1, learned.FEATURES), np.float64)
    learned.regressor(rng, model, np.float64)
    learned.classifier(rng, model, np.float64)
    path = model.write(tmp_path / "m.onnx")
    samples = learned.rows(rng, 12, 1, np.float64)
    parity.agree(parity.reference(path, samples), parity.onnxruntime_answers(path, samples), "reference", atol=3e-6)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_newer_form_equals_onnxruntime(seed: int, dtype: type[np.generic], tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    model = learned.Model((1, learned.FEATURES), dtype)
    learned.members(rng, model, dtype)
    path = model.write(tmp_path / "m.onnx", version=5)
    # onnxruntime looks for the whole part of a number in a set; we for the number, as the standard says.
    samples = [[np.trunc(x)] for (x,) in learned.rows(rng, 12, 1, dtype)]
    parity.agree(parity.reference(path, samples), parity.onnxruntime_answers(path, samples), "reference", atol=3e-6)


@pytest.mark.parametrize("post, theirs", [(1, 2), (2, 1), (3, 3)])
def test_transforms_have_the_numbers_of_the_standard(post: int, theirs: int, tmp_path: Path) -> None:
    """SOFTMAX is 1 and LOGISTIC is 2; onnxruntime takes them the other way round."""
    files: list[Path] = []
    for number in (post, theirs):
        model = learned.Model((1, learned.FEATURES))
        for seed in (1, 3, 4):
            learned.members(np.random.default_rng(seed), model, post=number)
        files.append(model.write(tmp_path / f"m{len(files)}.onnx", version=5))
    samples = [[np.trunc(x)] for (x,) in learned.rows(np.random.default_rng(0), 8, 1)]
    ours, want = parity.reference(files[0], samples), parity.onnxruntime_answers(files[1], samples)
    parity.agree(ours, want, "reference", atol=3e-6)


def _both(folder: Path) -> tuple[Path, parity.Samples]:
    """Returns a file with forests of all kinds in float32, and samples of three rows."""
    rng = np.random.default_rng(7)
    model = _many(7, batch=3)
    learned.boosted(rng, model)
    return model.write(folder / "m.onnx"), learned.rows(rng, 8, 3)


def test_kernels_equal_onnxruntime_on_the_host(tmp_path: Path) -> None:
    path, samples = _both(tmp_path)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.host(path, samples), want, "kernels", atol=3e-6)
    parity.agree(parity.on("host", path, samples, cores=3), want, "kernels on three cores", atol=3e-6)


def test_kernels_of_float64_equal_onnxruntime_on_the_host(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    model = learned.Model((2, learned.FEATURES), np.float64)
    for _ in range(2):
        learned.regressor(rng, model, np.float64)
        learned.classifier(rng, model, np.float64)
    path, samples = model.write(tmp_path / "m.onnx"), learned.rows(rng, 8, 2, np.float64)
    parity.agree(parity.host(path, samples), parity.onnxruntime_answers(path, samples), "kernels", atol=3e-6)


@pytest.mark.parametrize("board", parity.BOARDS)
def test_kernels_equal_onnxruntime_on_boards(board: str, tmp_path: Path) -> None:
    path, samples = _both(tmp_path)
    parity.agree(parity.on(board, path, samples), parity.onnxruntime_answers(path, samples), board, atol=3e-6)


def test_large_forests_have_leaves_in_pairs(tmp_path: Path) -> None:
    """More leaves than two numbers of nine bits can tell."""
    rng = np.random.default_rng(3)
    model = learned.Model((1, learned.FEATURES))
    attributes, leaves = learned.trees(rng, 60, ["BRANCH_LEQ"], 7)
    assert len(leaves) > 512
    attributes |= {
        "target_treeids": [tree for tree, _ in leaves],
        "target_nodeids": [node for _, node in leaves],
        "target_ids": [0] * len(leaves),
        "target_weights": [float(v) for v in rng.normal(size=len(leaves))],
        "n_targets": 1,
    }
    model.add("TreeEnsembleRegressor", [np.float32], attributes)
    path, samples = model.write(tmp_path / "m.onnx"), learned.rows(rng, 20, 1)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference", atol=1e-5)
    parity.agree(parity.host(path, samples), want, "kernels", atol=1e-5)


def _short(folder: Path, batch: int = 2) -> tuple[Path, parity.Samples]:
    """Returns forests whose nodes are single words, with all modes, and samples.

    Nodes share cuts, of which ranks of 7 bits tell one forest's; the other one has two slots for each feature, and more
    leaves than two numbers of 7 bits tell.
    """
    rng = np.random.default_rng(4)
    model = learned.Model((batch, learned.FEATURES))
    some, many = np.append(learned.GRID, np.float32(-np.inf)), np.linspace(-3, 3, 150, dtype=np.float32)
    for count, cuts, weights in ((60, some, np.array([0.25, -0.5, 1.0])), (300, many, rng.normal(size=200))):
        attributes, leaves = learned.trees(rng, count, learned.MODES, 7, cuts=cuts)
        attributes |= {
            "target_treeids": [tree for tree, _ in leaves],
            "target_nodeids": [node for _, node in leaves],
            "target_ids": [0] * len(leaves),
            "target_weights": [float(v) for v in rng.choice(weights, len(leaves))],
            "n_targets": 1,
        }
        model.add("TreeEnsembleRegressor", [np.float32], attributes)
    path, samples = model.write(folder / "m.onnx"), learned.rows(rng, 20, batch)
    samples += [[np.nextafter(x, np.float32(side))] for side in (-9, 9) for (x,) in samples[:4]]
    graph, _ = import_file(path)
    walks = [node.op for node in graph.nodes if isinstance(node.op, TreeLeaves)]
    assert [(walk.short, walk.paired) for walk in walks] == [(True, False), (True, True)]
    slots = [node.op.slots for node in graph.nodes if isinstance(node.op, TreeKeys)]
    assert [len(own) / len(set(own)) > 2 for own in slots] == [False, True]
    return path, samples


@pytest.mark.parametrize("board", ["host", *parity.BOARDS])
def test_nodes_of_one_word_equal_onnxruntime(board: str, tmp_path: Path) -> None:
    path, samples = _short(tmp_path)
    want = parity.onnxruntime_answers(path, samples)
    if board == "host":
        parity.agree(parity.reference(path, samples), want, "reference", atol=3e-5)
    made = parity.on(board, path, samples, cores=2 if board == "host" else 1)
    parity.agree(made, want, board, atol=3e-5)


def test_the_cases_of_onnx(tmp_path: Path) -> None:
    node_suite.judge(node_suite.cases("TreeEnsemble"), tmp_path, right=2)


def test_a_tree_that_leads_back_is_refused(tmp_path: Path) -> None:
    model = learned.Model((1, 2))
    attributes = {
        "nodes_treeids": [0, 0, 0],
        "nodes_nodeids": [0, 1, 2],
        "nodes_featureids": [0, 1, 0],
        "nodes_modes": ["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"],
        "nodes_values": [0.0, 1.0, 0.0],
        "nodes_truenodeids": [1, 0, 0],
        "nodes_falsenodeids": [2, 2, 0],
        "target_treeids": [0],
        "target_nodeids": [2],
        "target_ids": [0],
        "target_weights": [1.0],
        "n_targets": 1,
    }
    model.add("TreeEnsembleRegressor", [np.float32], attributes)
    with pytest.raises(UnsupportedError, match="leads back"):
        parity.reference(model.write(tmp_path / "m.onnx"), [])


def test_two_weights_for_one_leaf_are_refused(tmp_path: Path) -> None:
    model = learned.Model((1, 2))
    attributes = {
        "nodes_treeids": [0],
        "nodes_nodeids": [0],
        "nodes_featureids": [0],
        "nodes_modes": ["LEAF"],
        "nodes_values": [0.0],
        "nodes_truenodeids": [0],
        "nodes_falsenodeids": [0],
        "target_treeids": [0, 0],
        "target_nodeids": [0, 0],
        "target_ids": [0, 0],
        "target_weights": [1.0, 2.0],
        "n_targets": 1,
    }
    model.add("TreeEnsembleRegressor", [np.float32], attributes)
    with pytest.raises(UnsupportedError, match="two weights"):
        parity.reference(model.write(tmp_path / "m.onnx"), [])
