"""Operators of `ai.onnx.ml` but for trees equal onnxruntime: in numpy, and compiled for the host and for boards."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model, import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import node_suite, parity
from tests.ops.ml import learned

FEATURES = learned.FEATURES
TRANSFORMS = ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO")
Draw = Callable[[np.random.Generator, learned.Model], None]


def _reals(rng: np.random.Generator, count: int) -> list[float]:
    return [float(v) for v in rng.normal(size=count)]


def _transform(rng: np.random.Generator) -> str:
    return str(rng.choice(list(TRANSFORMS)))


def linear_classifier(rng: np.random.Generator, model: learned.Model) -> None:
    scores = int(rng.integers(1, 5))
    labels = max(scores, 2)
    attributes = {
        "coefficients": _reals(rng, scores * FEATURES),
        "intercepts": _reals(rng, scores),
        "classlabels_ints": [int(v) for v in rng.permutation(9)[:labels]],
        "multi_class": int(rng.integers(0, 2)),
        # Of one score onnxruntime knows NONE and LOGISTIC.
        "post_transform": _transform(rng) if scores > 1 else str(rng.choice(["NONE", "LOGISTIC"])),
    }
    model.add("LinearClassifier", [np.int64, np.float32], attributes)


def linear_regressor(rng: np.random.Generator, model: learned.Model) -> None:
    targets = int(rng.integers(1, 4))
    attributes = {
        "coefficients": _reals(rng, targets * FEATURES),
        "intercepts": _reals(rng, targets) if rng.random() < 0.6 else None,
        "targets": targets,
        "post_transform": _transform(rng),
    }
    model.add("LinearRegressor", [np.float32], attributes)


def _kernel(rng: np.random.Generator) -> dict[str, Any]:
    kind = str(rng.choice(["LINEAR", "POLY", "RBF", "SIGMOID"]))
    degree = float(rng.integers(1, 5))
    return {"kernel_type": kind, "kernel_params": [float(rng.uniform(0.05, 0.3)), float(rng.uniform(0, 1)), degree]}


def svm_classifier(rng: np.random.Generator, model: learned.Model) -> None:
    classes = int(rng.integers(2, 5))
    counts = [int(v) for v in rng.integers(1, 6, classes)]
    pairs, vectors = classes * (classes - 1) // 2, sum(counts)
    attributes: dict[str, Any] = {
        **_kernel(rng),
        "coefficients": _reals(rng, (classes - 1) * vectors),
        "support_vectors": _reals(rng, vectors * FEATURES),
        "vectors_per_class": counts,
        "rho": _reals(rng, pairs),
        "classlabels_ints": [int(v) for v in rng.permutation(9)[:classes]],
    }
    if rng.random() < 0.5:
        attributes |= {"prob_a": [-float(v) for v in rng.uniform(0.5, 3, pairs)], "prob_b": _reals(rng, pairs)}
    elif classes > 2:
        attributes["post_transform"] = _transform(rng)
    model.add("SVMClassifier", [np.int64, np.float32], attributes)


def linear_svm_classifier(rng: np.random.Generator, model: learned.Model) -> None:
    classes = int(rng.integers(2, 5))
    attributes = {
        "kernel_type": "LINEAR",
        "kernel_params": [0.0, 0.0, 0.0],
        "coefficients": _reals(rng, classes * FEATURES),
        "rho": [0.25],
        "classlabels_ints": list(range(classes)),
        "post_transform": _transform(rng),
    }
    model.add("SVMClassifier", [np.int64, np.float32], attributes)


def svm_regressor(rng: np.random.Generator, model: learned.Model) -> None:
    vectors = int(rng.integers(0, 9))
    attributes = {
        **_kernel(rng),
        "coefficients": _reals(rng, vectors or FEATURES),
        "support_vectors": _reals(rng, vectors * FEATURES) if vectors else None,
        "n_supports": vectors,
        "one_class": int(rng.integers(0, 2)),
        "rho": _reals(rng, 1),
    }
    model.add("SVMRegressor", [np.float32], attributes)


def scaler(rng: np.random.Generator, model: learned.Model) -> None:
    count = FEATURES if rng.random() < 0.5 else 1
    model.add("Scaler", [np.float32], {"offset": _reals(rng, count), "scale": _reals(rng, count)})


def normalizer(rng: np.random.Generator, model: learned.Model) -> None:
    model.add("Normalizer", [np.float32], {"norm": str(rng.choice(["MAX", "L1", "L2"]))})


def binarizer(rng: np.random.Generator, model: learned.Model) -> None:
    model.add("Binarizer", [np.float32], {"threshold": float(rng.choice(learned.GRID))})


def imputer(rng: np.random.Generator, model: learned.Model) -> None:
    count = FEATURES if rng.random() < 0.5 else 1
    replaced = float("nan") if rng.random() < 0.5 else float(rng.choice(learned.GRID))
    model.add("Imputer", [np.float32], {"imputed_value_floats": _reals(rng, count), "replaced_value_float": replaced})


def label_encoder(rng: np.random.Generator, model: learned.Model) -> None:
    count = int(rng.integers(1, 8))
    keys = [float(v) for v in rng.choice(learned.GRID, count, replace=False)]
    to_floats = bool(rng.random() < 0.5)
    attributes: dict[str, Any] = {"keys_floats": keys}
    if to_floats:
        attributes |= {"values_floats": _reals(rng, count), "default_float": 0.5}
    else:
        attributes |= {"values_int64s": [int(v) for v in rng.integers(-9, 9, count)], "default_int64": -7}
    model.add("LabelEncoder", [np.float32 if to_floats else np.int64], attributes)


def one_hot(rng: np.random.Generator, model: learned.Model) -> None:
    categories = [int(v) for v in rng.permutation(7)[: int(rng.integers(1, 6))] - 3]
    model.add("OneHotEncoder", [np.float32], {"cats_int64s": categories, "zeros": 1})


def vectorizer(rng: np.random.Generator, model: learned.Model) -> None:
    counts = [int(v) for v in rng.integers(1, 9, int(rng.integers(1, 4)))]
    model.add("FeatureVectorizer", [np.float32], {"inputdimensions": counts}, ["x"] * len(counts))


DRAWS: list[Draw] = [
    linear_classifier,
    linear_regressor,
    svm_classifier,
    linear_svm_classifier,
    svm_regressor,
    scaler,
    normalizer,
    binarizer,
    imputer,
    label_encoder,
    one_hot,
    vectorizer,
]


def _finite(samples: list[list[Array]]) -> list[list[Array]]:
    """Returns samples without infinities: those are what rare numbers are about."""
    return [[np.nan_to_num(x, nan=2.0, posinf=4.0, neginf=-4.0)] for (x,) in samples]


@pytest.mark.parametrize("draw", DRAWS, ids=lambda draw: draw.__name__)
def test_the_reference_equals_onnxruntime(draw: Draw, tmp_path: Path) -> None:
    rng = np.random.default_rng(len(draw.__name__))
    for number in range(4):
        model = learned.Model((2, FEATURES))
        for _ in range(4):
            draw(rng, model)
        path = model.write(tmp_path / f"{number}.onnx")
        samples = _finite(learned.rows(rng, 5, 2))
        want = parity.onnxruntime_answers(path, samples)
        parity.agree(parity.reference(path, samples), want, draw.__name__, rtol=1e-4, atol=2e-5)


def _all(folder: Path, batch: int = 2) -> tuple[Path, list[list[Array]]]:
    rng = np.random.default_rng(11)
    model = learned.Model((batch, FEATURES))
    for draw in DRAWS:
        draw(rng, model)
        draw(rng, model)
    return model.write(folder / "m.onnx"), _finite(learned.rows(rng, 6, batch))


def test_kernels_equal_onnxruntime_on_the_host(tmp_path: Path) -> None:
    path, samples = _all(tmp_path)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.on("host", path, samples, cores=2), want, "kernels", rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("board", parity.BOARDS)
def test_kernels_equal_onnxruntime_on_boards(board: str, tmp_path: Path) -> None:
    path, samples = _all(tmp_path, 1)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.on(board, path, samples), want, board, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.float64])
def test_other_types_equal_onnxruntime(dtype: npt.DTypeLike, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    model = learned.Model((2, FEATURES), dtype)
    for draw in (linear_classifier, svm_classifier, scaler, normalizer, vectorizer):
        draw(rng, model)
    if np.dtype(dtype) != np.int32:
        one_hot(rng, model)
    if np.dtype(dtype) == np.int64:
        keys, values = [3, -2, 0, 10**12], [1, 2, 3, 4]
        model.add("LabelEncoder", [np.int64], {"keys_int64s": keys, "values_int64s": values, "default_int64": -1})
        model.add("Imputer", [np.int64], {"imputed_value_int64s": [8], "replaced_value_int64": -2})
    path = model.write(tmp_path / "m.onnx")
    samples = [[rng.integers(-3, 4, (2, FEATURES)).astype(dtype)] for _ in range(6)]
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference", rtol=1e-4, atol=2e-5)
    parity.agree(parity.host(path, samples), want, "kernels", rtol=1e-4, atol=2e-5)


def test_the_cases_of_onnx(tmp_path: Path) -> None:
    refused = {
        "test_ai_onnx_ml_label_encoder_tensor_mapping": "a constant of type string is not supported",
        "test_ai_onnx_ml_label_encoder_*": "text is not supported",
    }
    cases = node_suite.cases("ArrayFeatureExtractor", "Binarizer", "LabelEncoder")
    node_suite.judge(cases, tmp_path, right=2, refused=refused)


#: An operator, its attributes, and words of the reason why it is refused.
REFUSED: list[tuple[str, Mapping[str, Any], str]] = [
    ("CategoryMapper", {"cats_int64s": [1], "cats_strings": ["a"]}, "is not supported"),
    ("LinearClassifier", {"coefficients": [1.0] * 5, "classlabels_ints": [1]}, "2 classes, not 1"),
    ("LabelEncoder", {"keys_strings": ["a"], "values_int64s": [1]}, "keys are strings"),
    ("LabelEncoder", {"keys_floats": [1.0], "values_strings": ["a"]}, "values are strings"),
    ("OneHotEncoder", {"cats_strings": ["a"]}, "categories are strings"),
    ("Normalizer", {"norm": "L3"}, "none of MAX, L1, L2"),
    ("Scaler", {"offset": [1.0], "scale": [1.0, 2.0]}, "2 numbers for 5 features"),
    ("SVMRegressor", {"n_supports": 0, "rho": [0.0], "coefficients": [1.0]}, "has 1 numbers, not 5"),
    ("LinearRegressor", {"coefficients": [1.0] * 4, "targets": 1}, "no rows of 5"),
    ("LinearRegressor", {"coefficients": [1.0] * 5, "post_transform": "MAGIC"}, "none of NONE"),
]


@pytest.mark.parametrize("op, attributes, words", REFUSED)
def test_what_cannot_be_is_refused_by_name(op: str, attributes: Mapping[str, Any], words: str, tmp_path: Path) -> None:
    model = learned.Model((1, FEATURES))
    model.add(op, [np.float32], attributes)
    with pytest.raises(UnsupportedError, match=words) as caught:
        import_file(model.write(tmp_path / "m.onnx"))
    assert f"ai.onnx.ml:{op}" in str(caught.value)


def test_a_map_at_the_end_becomes_a_row_with_a_note(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    model = learned.Model((1, FEATURES))
    attributes = {"coefficients": _reals(rng, 3 * FEATURES), "intercepts": _reals(rng, 3)}
    model.add("LinearClassifier", [np.int64, np.float32], {**attributes, "classlabels_strings": ["a", "b", "c"]})
    model.add("ZipMap", [np.float32], {"classlabels_strings": ["a", "b", "c"]}, ["y1"])
    del model.outputs[1]
    path = model.write(tmp_path / "m.onnx")
    compiled = compile_model(path, ModelOptions(path), boards.load("generic"), "model")
    assert re.search(r'enum Class \{.*? A = "a".*? B = "b".*? C = "c"', compiled.module_text, re.DOTALL)
    graph, source = import_file(path)
    assert [value.shape for value in graph.outputs] == [(1,), (1, 3)]
    assert [words for note in source.notes for words in ("0 is 'a'", "no map") if words in note] == [
        "0 is 'a'",
        "no map",
    ]


def test_a_newer_operator_set_is_refused(tmp_path: Path) -> None:
    model = learned.Model((1, FEATURES))
    model.add("Normalizer", [np.float32], {"norm": "L1"})
    path = model.write(tmp_path / "m.onnx")
    proto = onnx.load(path)
    proto.opset_import[1].version = 6
    onnx.save(proto, path)
    with pytest.raises(UnsupportedError, match=r"operator set 6 of ai\.onnx\.ml is newer than 5"):
        import_file(path)


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean"])
def test_distances_of_neighbours(metric: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(7, 3)).astype(np.float32)
    node = onnx.helper.make_node("CDist", ["x", "v"], ["y"], domain="com.microsoft", metric=metric)
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node], "g", [info("x", 1, [2, 3])], [info("y", 1, [2, 7])], [onnx.numpy_helper.from_array(vectors, "v")]
    )
    sets = [onnx.helper.make_opsetid("", 18), onnx.helper.make_opsetid("com.microsoft", 1)]
    path = tmp_path / "m.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=sets, ir_version=9), path)
    samples = [[rng.normal(size=(2, 3)).astype(np.float32)] for _ in range(3)]
    parity.agree(parity.reference(path, samples), parity.onnxruntime_answers(path, samples), metric)
