"""The attention that onnxruntime's optimiser writes, and what it writes around it, against onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import parity
from tests.ops.microsoft.test_microsoft_onnx import NONE, RNG, reals, write

X, ROWS = reals(2, 6, 16), {"q": reals(2, 6, 16), "k": reals(2, 5, 16), "v": reals(2, 5, 16)}
PROJECTION = {"w": reals(16, 48), "b": reals(48)}
SEEN = RNG.integers(-1, 2, (2, 6)).astype(np.int32)
TABLES = {"cos": reals(12, 4), "sin": reals(12, 4)}
#: Name of the case: operator, inputs, constants, outputs, attributes.
CASES: dict[str, tuple[str, dict[str, Array], dict[str, Array], int, dict[str, Any]]] = {
    "Attention": ("Attention", {"x": X}, PROJECTION, 1, {"num_heads": 4}),
    "Attention, causal and scaled": (
        "Attention",
        {"x": X},
        PROJECTION,
        1,
        {"num_heads": 4, "unidirectional": 1, "scale": 0.3},
    ),
    "Attention, values of their own width": (
        "Attention",
        {"x": X},
        {"w": reals(16, 56), "b": reals(56)},
        1,
        {"num_heads": 2, "qkv_hidden_sizes": [16, 16, 24]},
    ),
    "Attention, a mask": (
        "Attention",
        {"x": X, "w": PROJECTION["w"], "b": PROJECTION["b"], "m": SEEN},
        {},
        1,
        {"num_heads": 4, "mask_filter_value": -5.0},
    ),
    "Attention, a length": (
        "Attention",
        {"x": X},
        {**PROJECTION, "m": np.array([4, 6], np.int32)},
        1,
        {"num_heads": 4},
    ),
    "Attention, a bias": (
        "Attention",
        {"x": X},
        {**PROJECTION, "_m": NONE, "_p": NONE, "r": reals(2, 4, 6, 6)},
        1,
        {"num_heads": 4},
    ),
    "Attention, a past": (
        "Attention",
        {"x": X},
        {**PROJECTION, "_m": NONE, "p": reals(2, 2, 4, 3, 4)},
        2,
        {"num_heads": 4, "unidirectional": 1},
    ),
    "QAttention": (
        "QAttention",
        {"x": RNG.integers(0, 256, (2, 6, 16)).astype(np.uint8)},
        {
            # Small weights: without VNNI onnxruntime's sums of uint8 times int8 saturate.
            "w": RNG.integers(-50, 51, (16, 48)).astype(np.int8),
            "b": reals(48),
            "s": np.array(0.01, np.float32),
            "t": np.array(0.02, np.float32),
            "_m": NONE,
            "z": np.array(120, np.uint8),
            "u": np.array(0, np.int8),
        },
        1,
        {"num_heads": 4},
    ),
    "MultiHeadAttention": ("MultiHeadAttention", ROWS, {}, 1, {"num_heads": 4}),
    "MultiHeadAttention, a bias": ("MultiHeadAttention", ROWS, {"b": reals(48)}, 1, {"num_heads": 4, "scale": 0.3}),
    "MultiHeadAttention, a mask and a sum": (
        "MultiHeadAttention",
        ROWS,
        {"_b": NONE, "m": SEEN[:, :5], "r": reals(1, 4, 6, 5)},
        1,
        {"num_heads": 4},
    ),
    "MultiHeadAttention, a past": (
        "MultiHeadAttention",
        {"q": reals(1, 1, 16), "k": reals(1, 1, 16), "v": reals(1, 1, 16)},
        {"_b": NONE, "_m": NONE, "_r": NONE, "o": reals(1, 4, 5, 4), "p": reals(1, 4, 5, 4)},
        3,
        {"num_heads": 4},
    ),
    "EmbedLayerNormalization": (
        "EmbedLayerNormalization",
        {"i": RNG.integers(0, 20, (2, 6)).astype(np.int32), "k": RNG.integers(0, 2, (2, 6)).astype(np.int32)},
        {"w": reals(20, 16), "p": reals(8, 16), "s": reals(2, 16), "g": reals(16), "b": reals(16)},
        2,
        {"epsilon": 1e-5},
    ),
    "EmbedLayerNormalization, without kinds": (
        "EmbedLayerNormalization",
        {"i": RNG.integers(0, 20, (2, 6)).astype(np.int32)},
        {"_k": NONE, "w": reals(20, 16), "p": reals(8, 16), "_s": NONE, "g": reals(16), "b": reals(16)},
        2,
        {},
    ),
    "EmbedLayerNormalization, a mask": (
        "EmbedLayerNormalization",
        {"i": RNG.integers(0, 20, (2, 6)).astype(np.int32)},
        {"_k": NONE, "w": reals(20, 16), "p": reals(8, 16), "_s": NONE, "g": reals(16), "b": reals(16), "m": SEEN},
        2,
        {},
    ),
    "RotaryEmbedding": (
        "RotaryEmbedding",
        {"x": X},
        {"i": np.tile(np.arange(6), (2, 1)), **TABLES},
        1,
        {"num_heads": 2},
    ),
    "RotaryEmbedding, part of each head from a place on": (
        "RotaryEmbedding",
        {"x": reals(1, 2, 6, 10)},
        {"i": np.array([3]), **TABLES},
        1,
        {"interleaved": 1, "rotary_embedding_dim": 8, "num_heads": 2},
    ),
}


def written(path: Path, case: str) -> tuple[Path, list[list[Array]]]:
    """Writes the model of a case, and returns it with its inputs."""
    kind, inputs, constants, outputs, attributes = CASES[case]
    write(path, kind, inputs, constants, outputs, **attributes)
    if kind == "EmbedLayerNormalization":
        model = onnx.load(path)
        model.graph.output[1].type.tensor_type.elem_type = onnx.TensorProto.INT32
        onnx.save(model, path)
    return path, [list(inputs.values())]


@pytest.mark.parametrize("case", CASES)
def test_equals_onnxruntime(case: str, tmp_path: Path) -> None:
    path, samples = written(tmp_path / "m.onnx", case)
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples), want, case, rtol=1e-4, atol=1e-5)


def test_on_the_host(tmp_path: Path) -> None:
    """What they are made of has kernels."""
    path, samples = written(tmp_path / "m.onnx", "Attention, a mask")
    parity.agree(parity.host(path, samples), parity.onnxruntime_answers(path, samples), "host", rtol=1e-4, atol=1e-5)


def test_how_many_words_the_mask_lets_through(tmp_path: Path) -> None:
    path, samples = written(tmp_path / "m.onnx", "EmbedLayerNormalization, a mask")
    (answers,) = parity.reference(path, samples)
    assert answers[1].tolist() == (SEEN == 1).sum(axis=1).tolist()


def test_simplified_layer_normalization(tmp_path: Path) -> None:
    """The optimiser writes it into the domain of ONNX."""
    path = write(tmp_path / "m.onnx", "SimplifiedLayerNormalization", {"x": X}, {"g": reals(16)}, 1, axis=-1)
    model = onnx.load(path)
    model.graph.node[0].domain = ""
    onnx.save(model, path)
    want = parity.onnxruntime_answers(path, [[X]])
    parity.agree(parity.reference(path, [[X]]), want, "SimplifiedLayerNormalization", rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "case, attributes, words",
    [
        ("Attention", {"num_heads": 3}, "does not divide into 3 heads"),
        ("Attention", {"do_rotary": 1}, "`do_rotary`: not supported"),
        ("Attention", {"qkv_hidden_sizes": [16, 16, 8]}, "is not queries, keys and values of"),
        ("RotaryEmbedding", {"rotary_embedding_dim": 6}, "do not turn 6 numbers"),
        ("RotaryEmbedding", {"is_packed_batching": 1}, "packed batches are not supported"),
    ],
)
def test_refuses(case: str, attributes: dict[str, Any], words: str, tmp_path: Path) -> None:
    kind, inputs, constants, outputs, own = CASES[case]
    with pytest.raises(UnsupportedError, match=words):
        import_file(write(tmp_path / "m.onnx", kind, inputs, constants, outputs, **{**own, **attributes}))
