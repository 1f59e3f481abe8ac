"""docs/scikit-learn.md does what it says, and models that skl2onnx exports equal onnxruntime."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.ir import Array
from tests.ops import parity
from tools import pages
from tools.recorded import ROOT

PAGE = ROOT / "docs" / "scikit-learn.md"


@pytest.mark.emulator("qemu-system-arm")
@pytest.mark.target("thumbv7em-none-eabihf")
def test_the_page_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert pages.perform(PAGE)["agreed"] == 1.0


#: A class, what it is made with, and whether it learns classes ("c"), numbers ("r") or nothing.
MODELS: list[tuple[str, Mapping[str, Any], str]] = [
    ("ensemble.RandomForestClassifier", {"n_estimators": 7}, "c"),
    ("ensemble.RandomForestRegressor", {"n_estimators": 5, "max_depth": 5}, "r"),
    ("ensemble.ExtraTreesClassifier", {"n_estimators": 5}, "c"),
    ("ensemble.GradientBoostingClassifier", {"n_estimators": 5}, "c"),
    ("ensemble.GradientBoostingRegressor", {"n_estimators": 5}, "r"),
    ("ensemble.IsolationForest", {"n_estimators": 4}, ""),
    ("ensemble.AdaBoostClassifier", {"n_estimators": 3}, "c"),
    ("tree.DecisionTreeClassifier", {"max_depth": 4}, "c"),
    ("linear_model.LogisticRegression", {"max_iter": 500}, "c"),
    ("linear_model.Ridge", {}, "r"),
    ("svm.SVC", {"kernel": "poly"}, "c"),
    ("svm.NuSVC", {}, "c"),
    ("svm.SVR", {}, "r"),
    ("svm.OneClassSVM", {}, ""),
    ("neighbors.KNeighborsClassifier", {"n_neighbors": 3}, "c"),
    ("naive_bayes.GaussianNB", {}, "c"),
    ("neural_network.MLPClassifier", {"hidden_layer_sizes": (6,), "max_iter": 40}, "c"),
    ("cluster.KMeans", {"n_clusters": 3, "n_init": 1}, ""),
    ("decomposition.PCA", {"n_components": 2}, ""),
    ("preprocessing.MinMaxScaler", {}, ""),
    ("preprocessing.StandardScaler", {}, ""),
    ("preprocessing.Normalizer", {}, ""),
    ("preprocessing.PolynomialFeatures", {"degree": 2}, ""),
    ("preprocessing.KBinsDiscretizer", {"n_bins": 3, "encode": "ordinal"}, ""),
    ("impute.SimpleImputer", {}, ""),
]


def _export(name: str, made: Mapping[str, Any], learns: str, path: Path) -> list[list[Array]]:
    """Trains a model behind a scaler where it learns something, writes it, and returns samples."""
    rng = np.random.default_rng(len(name))
    x = rng.normal(size=(80, 4)).astype(np.float32)
    targets = {"c": np.digitize(x[:, 0] + x[:, 1], [-0.5, 0.7]), "r": x[:, 0] * 2 + np.sin(x[:, 1]), "": None}
    room, _, kind = name.partition(".")
    model = getattr(importlib.import_module(f"sklearn.{room}"), kind)(**made)
    options: dict[str, Any] = {}
    if learns == "c":
        options["zipmap"] = False
    if room == "neighbors":
        options["optim"] = "cdist"
    if learns:
        pipeline = importlib.import_module("sklearn.pipeline").make_pipeline
        model = pipeline(importlib.import_module("sklearn.preprocessing").StandardScaler(), model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x, targets[learns])
        last = model.steps[-1][1] if learns else model
        given = {id(model): {"zipmap": False}} if learns == "c" else {}
        given |= {id(last): options} if options else {}
        to_onnx = importlib.import_module("skl2onnx").to_onnx
        exported = to_onnx(model, x[:1], options=given or None, target_opset={"": 18, "ai.onnx.ml": 3})
    path.write_bytes(exported.SerializeToString())
    samples = rng.normal(size=(12, 1, 4)).astype(np.float32)
    return [[sample] for sample in samples]


@pytest.mark.parametrize("name, made, learns", MODELS, ids=[name for name, *_ in MODELS])
def test_models_equal_onnxruntime(name: str, made: Mapping[str, Any], learns: str, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    samples = _export(name, made, learns, path)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference", rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("name", ["svm.NuSVC", "ensemble.IsolationForest", "neighbors.KNeighborsClassifier"])
def test_kernels_equal_onnxruntime(name: str, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    (chosen,) = [model for model in MODELS if model[0] == name]
    samples = _export(*chosen, path)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.host(path, samples), want, "kernels", rtol=1e-4, atol=2e-5)


def test_names_of_classes_become_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    y = np.array(["cold", "warm", "hot"])[(x[:, 0] > 0).astype(int) + (x[:, 1] > 0)]
    model = importlib.import_module("sklearn.naive_bayes").GaussianNB().fit(x, y)
    to_onnx = importlib.import_module("skl2onnx").to_onnx
    exported = to_onnx(model, x[:1], options={id(model): {"zipmap": False}}, target_opset={"": 18, "ai.onnx.ml": 3})
    path = tmp_path / "m.onnx"
    path.write_bytes(exported.SerializeToString())
    answers = parity.reference(path, [[row[None]] for row in x[:20]])
    assert [str(model.classes_[int(label[0])]) for label, _ in answers] == model.predict(x[:20]).tolist()
    assert any("numbers of names" in note for note in import_file(path)[1].notes)
