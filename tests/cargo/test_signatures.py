"""Two signatures of one file are two modules whose constants lie in one blob."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ariel_build import cargo
from tests.signatures import WEIGHTS, two_signatures

MODELS = """
[package.metadata.ariel.models]
gather = { path = "net.tflite", signature = "gather" }
weigh = { path = "net.tflite", signature = "weigh" }
"""
TARGET = "thumbv7em-none-eabihf"


def built(tmp_path: Path, models: str) -> Path:
    """The folder of what `cargo` makes of a package with these models."""
    (tmp_path / "net.tflite").write_bytes(two_signatures())
    (tmp_path / "Cargo.toml").write_text(f'[package]\nname = "firmware"\n{models}')
    out = tmp_path / "out"
    out.mkdir()
    given = {"CARGO_MANIFEST_DIR": str(tmp_path), "OUT_DIR": str(out), "TARGET": TARGET, "HOST": "x"}
    assert cargo.main(given) == 0
    return out


def test_constants_are_there_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = built(tmp_path, MODELS)
    assert sorted(p.name for p in out.glob("*.weights")) == ["gather_weights.weights"]
    size = (out / "gather_weights.weights").stat().st_size
    assert WEIGHTS.nbytes <= size < 2 * WEIGHTS.nbytes
    index = (out / "ariel_models.rs").read_text()
    assert f'pub(super) static WEIGHTS: {size} = include_bytes!("gather_weights.weights")' in index
    assert 'section ".rodata.ariel.gather"' in index
    for name in ("gather", "weigh"):
        module = (out / f"{name}.rs").read_text()
        assert "use super::gather_weights::WEIGHTS;" in module
        assert re.search(r"variables! \{\n\s+// `total`\n\s+\([\d_]+, \d+, 32\),\n", module)
    assert "cargo::error" not in capsys.readouterr().out


def test_other_sections_are_other_blobs(tmp_path: Path) -> None:
    section = 'signature = "weigh", weights = { section = ".rodata.other" }'
    out = built(tmp_path, MODELS.replace('signature = "weigh"', section))
    assert sorted(p.name for p in out.glob("*.weights")) == ["gather.weights", "weigh.weights"]
    assert "variables!" not in (out / "weigh.rs").read_text()


def test_the_name_of_the_blob_is_no_models(tmp_path: Path) -> None:
    out = built(tmp_path, MODELS + 'gather_weights = { path = "net.tflite", weights = { section = ".rodata.x" } }\n')
    assert sorted(p.name for p in out.glob("*.weights")) == ["gather_weights.weights", "gather_weights_.weights"]
