"""`python -m tools.forests`: measures forests and prints the table of docs/scikit-learn.md.

Needs what tests need, `emlearn` from PyPI, and Debian's `gcc-arm-none-eabi` with its newlib on PATH.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ariel_build import boards
from ariel_build.errors import SetupError
from ariel_build.machine import process
from tools.bench import engines

BOARD = "qemu-cortex-m7"
#: A data set of scikit-learn, and what the forest is made with beside 100 trees.
FORESTS: tuple[tuple[str, Mapping[str, int]], ...] = (
    ("breast_cancer", {}),
    ("breast_cancer", {"max_depth": 5, "min_samples_leaf": 5}),
    ("digits", {}),
)
#: What emlearn makes: the type of features, and tables or jumps.
PEERS = (("int16_t", "loadable"), ("float", "inline"))
#: Features are whole numbers of 16 bits, which both sides take as they are.
_MOST, _ROWS = 30_000, 20
_FLAGS = ("-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard", "-O3", "-std=gnu11")
_SECTIONS = ("-ffunction-sections", "-fdata-sections")
_ITEMS = 'unsafe extern "C" { fn model(input: *const u8, output: *mut u8); }'
_CALL = """\
// SAFETY: both have the sizes of the arrays that the function takes, and are aligned.
            unsafe { model(input, output) };"""


def main() -> int:
    """Prints a row for each forest: instructions and flash, ours and each peer's."""
    with tempfile.TemporaryDirectory(prefix="ariel-forests-") as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, (data, made) in enumerate(FORESTS):
            folder = Path(name) / str(number)
            folder.mkdir()
            forest, rows = _trained(data, made)
            nodes = sum(tree.tree_.node_count for tree in forest.estimators_) // 2
            cells = [f"{data} {dict(made)}, {nodes:,}", *_ours(forest, rows, folder)]
            for dtype, method in PEERS:
                cells += _peer(forest, rows, dtype, method, folder)
            sys.stdout.write(f"| {' | '.join(cells)} |\n")
            sys.stdout.flush()
    return 0


def _trained(data: str, made: Mapping[str, int]) -> tuple[Any, np.ndarray]:
    """Returns a forest of three quarters of a data set, and rows of the rest."""
    x, y = getattr(importlib.import_module("sklearn.datasets"), f"load_{data}")(return_X_y=True)
    x = np.round(x * (_MOST / np.abs(x).max(axis=0).clip(1e-9))).astype(np.float32)
    order = np.random.RandomState(0).permutation(len(x))
    x, y, half = x[order], y[order], len(x) * 3 // 4
    kind = importlib.import_module("sklearn.ensemble").RandomForestClassifier
    return kind(100, random_state=0, **made).fit(x[:half], y[:half]), x[half:][:_ROWS]


def _ours(forest: Any, rows: np.ndarray, folder: Path) -> list[str]:  # noqa: ANN401 - scikit-learn's
    """Returns the cost of the probabilities, which must be the forest's."""
    to_onnx = importlib.import_module("skl2onnx").to_onnx
    sets = {"": 21, "ai.onnx.ml": 3}
    exported = to_onnx(forest, rows[:1], options={id(forest): {"zipmap": False}}, target_opset=sets)
    del exported.graph.output[0]
    model, given, taken, stats = (folder / name for name in ("f.onnx", "in.npz", "out.npz", "stats.json"))
    model.write_bytes(exported.SerializeToString())
    np.savez(given, X=rows[:, None])
    words: list[str | Path] = ["run", model, "--inputs", given, "--outputs", taken, "--on", BOARD, "--stats", stats]
    done = process.run([sys.executable, "-m", "ariel_build", *words], timeout=600)
    if done.status:
        raise SetupError(done.last_lines(3))
    (got,) = np.load(taken).values()
    np.testing.assert_allclose(got[:, 0], forest.predict_proba(rows), atol=1e-5)
    cost = json.loads(stats.read_text())
    return [f"{cost['instructions_per_inference']:,.0f}", f"{cost['flash_bytes']:,}"]


def _peer(forest: Any, rows: np.ndarray, dtype: str, method: str, folder: Path) -> list[str]:  # noqa: ANN401
    """Returns the cost of emlearn's probabilities, in 8 bits."""
    trees = importlib.import_module("emlearn.trees")
    code = trees.Wrapper(forest, method, dtype=dtype, leaf_bits=8).save(name="f", format="c")
    call = f"f_predict_proba((const {dtype} *)input, {rows.shape[1]}, (float *)output, {len(forest.classes_)})"
    source, built = folder / f"{method}.c", folder / f"{method}.o"
    source.write_text(f"{code}\nvoid model(const unsigned char *input, unsigned char *output) {{ {call}; }}\n")
    include = Path(str(trees.__file__)).parent
    done = process.run(
        ["arm-none-eabi-gcc", *_FLAGS, *_SECTIONS, "-I", include, "-c", source, "-o", built], timeout=600
    )
    if done.status:
        raise SetupError(f"gcc: {done.last_lines(3)}")
    names = ("libm.a", "libc.a", "libgcc.a")
    libraries = [
        process.run(["arm-none-eabi-gcc", *_FLAGS, f"-print-file-name={name}"], timeout=60).stdout.strip()
        for name in names
    ]
    links = (str(built), "--start-group", *libraries, "--end-group")
    samples = [row.astype({"float": np.float32, "int16_t": np.int16}[dtype]).tobytes() for row in rows]
    module = engines.peer_module(len(samples[0]), 4 * len(forest.classes_), _ITEMS, _CALL)
    cost, _ = engines.measure(engines.Peer(module, links=links), boards.load(BOARD), samples, folder / method)
    return [f"{cost.instructions:,.0f}", f"{cost.flash:,}"]


if __name__ == "__main__":
    sys.exit(main())
