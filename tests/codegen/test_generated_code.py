"""Generated modules: no unsafe, no warning, formatted, documented, repeatable; a model's words stay in comments."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ariel_build.config.module_name import module_name
from ariel_build.driver import Compiled
from tests.codegen import strange
from tests.zoo import FLOAT, node, onnx_file
from tools.recorded import DIGITS, MODELS, ROOT
from tools.recorded.crate import build, compiled, write_crate

STRICT = """\
//! A user's crate with strict lints.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs, warnings, unused, clippy::all, clippy::pedantic)]

include!("models.rs");
"""
#: A binary that uses nothing of its models: what is not used may not be warned of.
IDLE = STRICT.replace("#![no_std]\n", "") + "\nfn main() {}\n"
#: Names of model files that are awkward names of modules.
FILES = ("crate", "type", "2d", "with space", "\u00e9t\u00e9", "CamelCase", "_")
#: Models with many operators, both formats, integers and floats, states.
REAL = (
    "mlperf_kws_int8",
    "mlperf_ic_f32",
    "own_tcn_qdq",
    "own_gru12_unrolled_int8",
    "mww_vad_v2",
    "own_tf_pre_d24_f32",
)


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> list[Compiled]:
    """Returns the strange models, those with awkward names, the example's, and real ones where they are there."""
    folder = tmp_path_factory.mktemp("models")
    found = [compiled(make(folder / f"{name}.onnx"), name) for name, make in strange.MODELS.items()]
    flip = [node("Transpose", ["x"], ["y"], perm=[1, 0])]
    for name in FILES:
        path = onnx_file(folder / f"{name}.onnx", flip, {"x": (FLOAT, [2, 3])}, {"y": (FLOAT, [3, 2])})
        found.append(compiled(path, module_name(name)))
    found.append(compiled(DIGITS, "digits"))
    real = (path for name in REAL for path in (MODELS / "dev" / name).glob("model.*"))
    return found + [compiled(path, path.parent.name) for path in real]


def checked(folder: Path, words: Sequence[str], target: str = "host") -> str:
    """Returns what cargo says against the crate."""
    ended = build(folder, *words, "--quiet", target=target, shared=f"strict-{words[0]}")
    return ended.stderr if ended.returncode else ""


@pytest.mark.parametrize("edition", ["2021", "2024"])
@pytest.mark.parametrize("source", [STRICT, IDLE], ids=["library", "binary"])
def test_no_lint_complains(source: str, edition: str, modules: list[Compiled], tmp_path: Path) -> None:
    """All models live in one crate, in both editions, under forbid(unsafe_code), missing_docs and clippy pedantic."""
    write_crate(tmp_path, source, modules, edition=edition)
    assert checked(tmp_path, ["clippy"]) == ""


@pytest.mark.target("thumbv7em-none-eabihf")
def test_firmware_may_forbid_unsafe_code(modules: list[Compiled], tmp_path: Path) -> None:
    """The weights' section is set on bare metal only; the macro that sets it holds what is unsafe about that."""
    write_crate(tmp_path, STRICT, modules)
    assert checked(tmp_path, ["check"], "thumbv7em-none-eabihf") == ""


def test_documentation_has_no_broken_markup(modules: list[Compiled], tmp_path: Path) -> None:
    write_crate(tmp_path, STRICT, modules)
    ended = build(tmp_path, "rustdoc", "--quiet", "--", "-Dwarnings", shared="strict-rustdoc")
    assert ended.stderr == ""


def test_formatted(modules: list[Compiled], tmp_path: Path) -> None:
    """As rustfmt would have it, with the settings of this repository."""
    files = []
    for module in modules:
        files.append(tmp_path / f"{module.module}.rs")
        files[-1].write_text(module.module_text, encoding="utf-8")
    words = ["rustfmt", "--check", "--edition", "2024", "--config-path", str(ROOT), *map(str, files)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")


def test_a_models_words_stay_in_comments(modules: list[Compiled]) -> None:
    """Hostile names reach no line of code, and comments as printable ASCII in backticks."""
    for module in modules:
        lines = module.module_text.splitlines()
        code = [line for line in lines if not line.lstrip().startswith("//")]
        assert max(len(line) for line in code if "include_bytes!" not in line) <= 120
        if module.module == "hostile":
            assert "evil" in module.module_text
            assert "evil" not in "\n".join(code)
            assert all(line.isascii() and line.isprintable() for line in lines)


def test_names_of_fields(modules: list[Compiled]) -> None:
    """Fields are named after tensors; they are numbered where that gives no names of their own."""
    text = {module.module: module.module_text for module in modules}
    numbered = [f"input_{k}" for k in range(len(strange.HOSTILE))]
    assert re.findall(r"\d+ => (\w+): Input\d+,", text["hostile"]) == numbered
    assert re.findall(r"\d+ => (\w+): Input\d+,", text["types"]) == ["f", "u", "i", "l"]


def test_equal_bytes_in_any_folder(tmp_path: Path) -> None:
    """Two compiles give the same files: in other folders, at other times, with another hash seed."""
    results = []
    for seed in ("1", "2"):
        folder = tmp_path / f"folder-{seed}"
        folder.mkdir()
        (folder / "digits.tflite").write_bytes(DIGITS.read_bytes())
        strange.batches(folder / "batches.onnx")
        for name in ("digits.tflite", "batches.onnx"):
            words = [sys.executable, "-m", "ariel_build", "compile", name, "-o", "out"]
            env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
            subprocess.run(words, cwd=folder, env=env, check=True, capture_output=True)
        results.append({path.name: path.read_bytes() for path in (folder / "out").iterdir()})
        assert not any(str(tmp_path).encode() in data for data in results[-1].values())
    assert len(results[0]) == 4
    assert results[0] == results[1]


def test_the_plan_is_printed_as_it_is(modules: list[Compiled]) -> None:
    """One constant for each step, one for each kind of its parts where rows roll, and one line of the plan for each."""
    rolled = 0
    for module in modules:
        labels = [step.call.label.upper() for step in module.schedule.steps]
        text = module.module_text
        constants = re.findall(r"^    static (\w+): \w+::\w+", text, re.MULTILINE)
        lines = re.findall(r"^            \d+ => (\w+), [\d_]+ by [\d_]+[^;]*;$", text, re.MULTILINE)
        assert len(set(constants)) == len(constants)
        assert [name for name in lines if not re.search(r"_UP_\d+$", name)] == constants
        if module.plan.slides:
            rolled += 1
            steps = [re.sub(r"_ROWS_\d+$", "", name) for name in constants]
            assert sorted(set(steps), key=labels.index) == labels
        else:
            assert constants == labels
    assert rolled or not (MODELS / "dev").exists()
