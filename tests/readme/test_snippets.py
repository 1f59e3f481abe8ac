"""Every block of Rust in README.md and docs/ is compiled as it stands, in the executor that its first line names.

Blocks go into firmwares that exist anyway, so that they need no dependencies of their own: those of tests/retrofit, and
the example for the Pico. Items are appended to the firmware's main.rs; an RTIC application replaces the firmware's own,
and what has `#![no_std]` all of it. Blocks of TOML go into its Cargo.toml.
"""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tomlkit

from ariel_build.machine import process
from ariel_build.run import toolchain
from tests.examples.support import TARGET
from tests.zoo import FLOAT, Ends, node, onnx_file
from tools import pages

ROOT = Path(__file__).resolve().parents[2]
KEYWORDS = ROOT / "examples/keywords-mps2-an500/models/keywords.onnx"
SHAPES = ROOT / "examples/shapes-mps2-an500/models/shapes.onnx"
CRATES = ("ariel-ml-rs", "ariel-ml-build")


@dataclass(frozen=True)
class Place:
    """The firmware that a kind of blocks is compiled in, its target, and metadata beside that of the block."""

    firmware: Path
    target: str
    metadata: str = ""


RETROFIT = ROOT / "tests" / "retrofit"
BOARD = '[package.metadata.ariel]\nboard = "rp2040"\n'
PLACES = {
    "without an executor": Place(RETROFIT / "bare", "thumbv7m-none-eabi"),
    "Embassy": Place(RETROFIT / "embassy", "thumbv7em-none-eabi"),
    "RTIC 2": Place(RETROFIT / "rtic", "thumbv7m-none-eabi"),
    "both cores of a Raspberry Pi Pico": Place(ROOT / "examples/digits-rp2040", "thumbv6m-none-eabi", BOARD),
    "models that share an arena": Place(RETROFIT / "bare", "thumbv7m-none-eabi"),
    "in short": Place(RETROFIT / "embassy", "thumbv7em-none-eabi"),
    "a profile": Place(RETROFIT / "bare", "thumbv7m-none-eabi"),
    "a bounded dimension": Place(RETROFIT / "bare", "thumbv7m-none-eabi"),
    "rows of the input": Place(RETROFIT / "embassy", "thumbv7em-none-eabi"),
    "a model that used to be elsewhere": Place(RETROFIT / "bare", "thumbv7m-none-eabi"),
}


def blocks(language: str) -> list[tuple[Path, str]]:
    """Returns the blocks of a language in the documents, each with its document."""
    found = []
    for document in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        parts = pages.blocks(document.read_text(encoding="utf-8"))
        found += [(document, block.text) for block in parts if block.language == language and not block.reason]
    return found


def place_of(block: str) -> str:
    """Returns the words behind the file's name in a block's first line."""
    first = re.match(r"(?://|#) [\w/.]+, (.*)\n", block)
    return first[1] if first else ""


def toml_of(place: str) -> str:
    """Returns the lines of Cargo.toml that a block of Rust goes with: those of the same words, or the quick start's."""
    found = [block for _, block in blocks("toml")]
    own = [block for block in found if place_of(block) == place]
    return own[0] if own else next(block for block in found if block.startswith("# Cargo.toml\n"))


def merge(into: tomlkit.TOMLDocument, text: str) -> None:
    """Adds the tables of `text`, key by key, and leaves what is there."""

    def add(table: dict[str, object], more: dict[str, object]) -> None:
        for key, value in more.items():
            present = table.get(key)
            if isinstance(present, dict) and isinstance(value, dict):
                add(present, value)
            elif key not in table:
                table[key] = value

    add(into, tomlkit.parse(text))


def write_gestures(path: Path) -> None:
    """Writes a model with a free dimension `time`."""
    given: Ends = {"x": (FLOAT, ["batch", "time", 3])}
    made: Ends = {"y": (FLOAT, ["batch", "time", 4])}
    onnx_file(path, [node("MatMul", ["x", "w"], ["y"])], given, made, {"w": np.ones((3, 4), np.float32)})


def test_every_block_says_where_it_is_compiled() -> None:
    for document, block in blocks("rust"):
        named = block.startswith("// build.rs\n") or place_of(block) in PLACES
        assert named, f"{document.name}: name the executor in the first line, or the executor here:\n{block}"
    tests = {place_of(block) for _, block in blocks("rust")} - {""}
    assert tests == set(PLACES)


def test_the_features_are_named() -> None:
    features = set(tomllib.loads((ROOT / "ariel-ml-rs/Cargo.toml").read_text())["features"])
    pages = (ROOT / "docs" / name for name in ("executors.md", "new-project.md"))
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    # These are for our own tools.
    assert features - {"default", "trace", "pool-stats"} <= named


@pytest.mark.parametrize(
    "place", [pytest.param(name, marks=pytest.mark.target(place.target)) for name, place in PLACES.items()]
)
def test_blocks_compile_as_pasted(place: str, tmp_path: Path) -> None:
    where = PLACES[place]
    firmware = tmp_path / "firmware"
    (tmp_path / "ariel-ml").symlink_to(ROOT)
    shutil.copytree(where.firmware, firmware, ignore=shutil.ignore_patterns("target"))
    (firmware / "models").mkdir(exist_ok=True)
    for name, model in (("keywords", KEYWORDS), ("faces", SHAPES), ("signs", SHAPES)):
        shutil.copy(model, firmware / "models" / f"{name}.onnx")
    write_gestures(firmware / "models" / "gestures.onnx")

    cargo = tomlkit.parse((firmware / "Cargo.toml").read_text())
    cargo["package"].get("metadata", {}).pop("ariel", None)
    for crate in CRATES:
        for table in ("dependencies", "build-dependencies"):
            own = cargo.get(table, {})
            if crate in own:
                own[crate]["path"] = f"../ariel-ml/{crate}"
    merge(cargo, where.metadata)
    merge(cargo, toml_of(place))
    (firmware / "Cargo.toml").write_text(tomlkit.dumps(cargo))

    build = next(block for _, block in blocks("rust") if block.startswith("// build.rs\n"))
    script = firmware / "build.rs"
    mine = script.read_text() if script.exists() else ""
    # Where there is a build.rs, the line of the block joins it, as `init` does.
    script.write_text(
        mine.replace("fn main() {", "fn main() {\n    ariel_ml_build::compile();", 1)
        if mine and "ariel_ml_build" not in mine
        else build
    )
    main = firmware / "src" / "main.rs"
    # Not every block calls what it defines.
    main.write_text(f"#![allow(dead_code)]\n{main.read_text()}")
    for document, block in blocks("rust"):
        if place_of(block) == place:
            text = main.read_text()
            if block.find("#![no_std]") >= 0:
                text = f"#![allow(dead_code)]\n{block}"
            elif "#[rtic::app" in block:
                text = text[: text.index("#[rtic::app")].replace("mod pad;", "") + block
            else:
                text += "\n" + block
            main.write_text(text)
            compile_firmware(firmware, where, document)


def compile_firmware(firmware: Path, where: Place, document: Path) -> None:
    """Builds it as a user would, with the checkout beside it."""
    env = toolchain.find(where.target).environment() | {"ARIEL_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    # What the firmware needs is compiled once for its own tests and for these, as the flags are the same.
    env["CARGO_TARGET_DIR"] = str(TARGET)
    done = process.run(["cargo", "build", "--release"], timeout=1200, cwd=firmware, env=env)
    assert done.status == 0, f"{document.name}:\n{done.stderr}"
    # Build scripts name themselves; all others are rustc's.
    assert re.findall(r"^warning: (?!\S+@\d).*", done.stderr, re.MULTILINE) == [], f"{document.name}:\n{done.stderr}"
