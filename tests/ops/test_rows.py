"""Rows of operators: kernels of the runtime crate are what they say, and a new operator is one row and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.zoo import FLOAT, INT8, node, onnx_file
from tools.recorded import ROOT
from tools.rows import FILES

#: Operators that nobody has, in each table of rows one.
NEW = {
    "map1": 'Map1Row("Cubed", "`x * x * x`.", lambda x: x * x * x, "x * x * x", onnx="Cubed")',
    "map2": 'Map2Row("Halfway", "`(l + r) / 2`", lambda a, b: (a + b) / 2, "|a, b| (a + b) / 2.0", onnx="Halfway")',
    "compare": 'LogicRow("Nand", "`!(l && r)`", lambda a, b: ~(a & b), "a == 0 || b == 0", onnx="Nand")',
    "fold": 'FoldRow("Peak", "Peak", np.fmax, ">", -math.inf, onnx="Peak")',
}
#: What compiling takes: the compiler, the crate, and what `run` builds around a model.
FOLDERS = ("ariel_build", "ariel-ml-rs", "ariel-ml-macros", "boards", "harness", "tools")
COPIED = (*FOLDERS, "Cargo.toml", "Cargo.lock", "pyproject.toml")
OTHERS = shutil.ignore_patterns("target", "__pycache__", "node_modules")
SHAPE = (3, 5)

Reals = npt.NDArray[np.float32]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_generated_kernels_are_those_of_the_rows(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == "\n".join([*FILES[path](), ""]), "run `python -m tools.rows`"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a copy of the tree with the new rows in it, and the kernels made of them."""
    copy = tmp_path_factory.mktemp("tree")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=OTHERS)
        else:
            shutil.copy(source, copy / name)
    for family, row in NEW.items():
        path = copy / "ariel_build/ops" / f"{family}_rows.py"
        kind = row.partition("(")[0]
        text, found = re.subn(rf"^( +){kind}\(", rf"\g<1>{row},\n\g<0>", path.read_text(), count=1, flags=re.MULTILINE)
        assert found == 1
        path.write_text(text)
    called(copy, "tools.rows")
    return copy


def called(tree: Path, module: str, *words: str | Path) -> str:
    """Runs a module of the copy: the copy stands first on Python's path."""
    environment = os.environ | {"PYTHONPATH": str(tree)}
    command = [sys.executable, "-m", module, *map(str, words)]
    ended = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def real(stored: npt.NDArray[np.int8]) -> Reals:
    return np.asarray(stored / 8, np.float32)


def rounded(value: Reals) -> npt.NDArray[np.int8]:
    return np.clip(np.rint(value * 8), -128, 127).astype(np.int8)


def test_a_new_operator_is_one_row(tree: Path, tmp_path: Path) -> None:
    quant = ["scale", "zero"]
    nodes = [
        node("Cubed", ["x"], ["cubed"]),
        node("Halfway", ["cubed", "y"], ["halfway"]),
        node("Less", ["x", "y"], ["less"]),
        node("Less", ["y", "cubed"], ["beyond"]),
        node("Nand", ["less", "beyond"], ["nand"]),
        node("Cast", ["nand"], ["neither"], to=FLOAT),
        node("Peak", ["halfway"], ["peak"], axes=[1], keepdims=0),
        node("DequantizeLinear", ["p", *quant], ["p_real"]),
        node("DequantizeLinear", ["q", *quant], ["q_real"]),
        node("Halfway", ["p_real", "q_real"], ["between"]),
        node("QuantizeLinear", ["between", *quant], ["between_stored"]),
        node("Cubed", ["p_real"], ["p_cubed"]),
        node("QuantizeLinear", ["p_cubed", *quant], ["p_cubed_stored"]),
    ]
    ends = {"x": (FLOAT, SHAPE), "y": (FLOAT, SHAPE), "p": (INT8, SHAPE), "q": (INT8, SHAPE)}
    made = dict.fromkeys(("halfway", "neither"), (FLOAT, SHAPE)) | {"peak": (FLOAT, SHAPE[:1])}
    made |= dict.fromkeys(("between_stored", "p_cubed_stored"), (INT8, SHAPE))
    constants: dict[str, npt.ArrayLike] = {"scale": np.float32(1 / 8), "zero": np.int8(0)}
    model = onnx_file(tmp_path / "new.onnx", nodes, ends, made, constants)

    rng = np.random.default_rng(11)
    x, y = (rng.uniform(-2, 2, (4, *SHAPE)).astype(np.float32) for _ in range(2))
    p, q = (rng.integers(-128, 128, (4, *SHAPE)).astype(np.int8) for _ in range(2))
    np.savez(tmp_path / "in.npz", x=x, y=y, p=p, q=q)
    called(tree, "ariel_build", "run", model, "--inputs", tmp_path / "in.npz", "--outputs", tmp_path / "out.npz")

    with np.load(tmp_path / "out.npz") as file:
        got = dict(file)
    halfway = (x * x * x + y) / 2
    np.testing.assert_allclose(got["halfway"], halfway, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(got["peak"], halfway.max(axis=2), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(got["neither"], ~((x < y) & (y < x * x * x)))
    np.testing.assert_array_equal(got["between_stored"], rounded(np.asarray((real(p) + real(q)) / 2, np.float32)))
    np.testing.assert_array_equal(got["p_cubed_stored"], rounded(real(p) ** 3))
    # Both ways to int8 are there: a kernel of the row, and a table.
    called(tree, "ariel_build", "compile", model, "-o", tmp_path)
    module = (tmp_path / "new.rs").read_text()
    kernels = {"map1::Cubed", "map2::HalfwayF32", "map2::HalfwayDequantized", "compare::Nand", "fold::PeakF32"}
    assert {kernel for kernel in kernels if kernel not in module} == set()
