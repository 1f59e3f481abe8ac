"""Writes docs/supported-ops.md and docs/metadata.md from the code: `python -m tools.docs`; a test checks them."""

from __future__ import annotations

import sys
from pathlib import Path

from ariel_build.config.options import KEYS, Key
from ariel_build.ops import IMPORTERS
from ariel_build.ops.compare_rows import LOGIC, RELATIONS
from ariel_build.ops.map1_rows import MAP1
from ariel_build.ops.map2_rows import MAP2
from ariel_build.ops.rows import Row, called

DOCS = Path(__file__).resolve().parent.parent / "docs"


def supported_ops() -> str:
    """Returns the page of operators: what each format may use, and the file that handles it."""
    lines = [
        "# Supported operators",
        "",
        "Made by `python -m tools.docs` from the importers in `ariel_build/ops/`. Elements are int8 (uint8 in",
        "ONNX) or float32; whatever an operator cannot do with a model's attributes, shapes or types is refused",
        "with the reason and the place. `cargo ariel inspect MODEL` tells which operators are supported.",
        "[rare-numbers.md](rare-numbers.md) says what holds for NaN, infinities and subnormal numbers.",
        "",
        "An index that a model computes may be any number. One that leads outside of its axis leads to the nearest",
        "element (in ONNX negative ones count from the end first); OneHot marks nothing for it. Where a shape",
        "depends on what is computed (Slice, Pad, Compress, NonZero, WHERE, ..), the one that the file declares for",
        "the output holds: a slice that is asked for less repeats the element at its edge, places that are not found",
        "are 0. A file that declares no such shape is refused.",
        "",
        "Recurrent layers, TRANSPOSE_CONV and BATCH_MATMUL of TFLite with int8 weights and float32 activations",
        "(hybrid ones) compute with the floats that the weights stand for, four bytes each. LiteRT rounds activations",
        "to 8 bits there, so that its answers differ by what that costs.",
    ]
    # A reduction is best told by what all have in common.
    rows: list[Row] = [*MAP1.values(), *MAP2.values(), *RELATIONS.values(), *LOGIC.values()]
    for format_, title in (("tflite", "TFLite"), ("onnx", "ONNX")):
        lines += ["", f"## {title}", "", "| operator | handled in | what it is |", "|---|---|---|"]
        own = {name: found[0][0].about for name, found in called(rows, format_).items()}
        for (source, name), function in sorted(IMPORTERS.items()):
            if source == format_:
                file = function.__module__.removeprefix("ariel_build.ops.").replace(".", "/")
                summary = (sys.modules[function.__module__].__doc__ or "").strip().splitlines()[0]
                about = (own.get(name, summary).rstrip(".,") + ".").replace("|", "\\|")
                lines.append(f"| {name} | `ops/{file}.py` | {about} |")
    return "\n".join([*lines, *_aten(), ""])


def _aten() -> list[str]:
    """Returns the part about PyTorch: a row for each file, for ATen has a name for every form of an operator."""
    rooms: dict[str, list[str]] = {}
    for (source, name), function in sorted(IMPORTERS.items()):
        if source == "pt2":
            rooms.setdefault(function.__module__, []).append(name.removeprefix("aten."))
    lines = [
        "",
        "## PyTorch (.pt2)",
        "",
        "| operators of `aten`, and others by their full names | handled in | what they are |",
    ]
    lines.append("|---|---|---|")
    for module, names in sorted(rooms.items()):
        file = module.removeprefix("ariel_build.ops.").replace(".", "/")
        about = (sys.modules[module].__doc__ or "").strip().splitlines()[0].replace("|", "\\|")
        lines.append(f"| {', '.join(names)} | `ops/{file}.py` | {about} |")
    return lines


def metadata() -> str:
    """Returns the page of keys of `[package.metadata.ariel]`."""
    lines = [
        "# `[package.metadata.ariel]`",
        "",
        "Made by `python -m tools.docs` from `ariel_build/config/options.py`. The short form is",
        '`model = "models/keywords.tflite"`; the full form has a table `[package.metadata.ariel.models.<name>]` for',
        "each model. On the command line each key is an option of the same name (`dims` is `--dim NAME=N`).",
        "",
        "| key | stands in | meaning | example | default |",
        "|---|---|---|---|---|",
    ]
    for key in KEYS:
        lines += _rows(key, "")
    return "\n".join([*lines, "", *_ABOUT_BUILDS, ""])


_ABOUT_BUILDS = (
    "`dims` fixes free dimensions, or bounds them, and then each call says how much there is: [sizes.md](sizes.md).",
    "",
    "Without `board`, a bare-metal build looks at the crates that the package depends on: a feature of embassy-stm32,",
    "embassy-rp, embassy-nrf or esp-hal, a HAL or a PAC names the chip (`chips` in the board files), also through",
    "`[features]`, `[target]` tables and the workspace. The guess is told in one build and not again; the line that it",
    "names settles it. A board file may stand for a family: a guess never refuses a model for its memories.",
    "",
    "`memory.x`, in the package, in the workspace's root or in `OUT_DIR`, is looked at before the linker is: a model",
    "that no region can hold fails the build by its name, bounds beyond a region are a warning, and so is a",
    "`weights.section` that no linker script places, with the `SECTIONS` fragment to add.",
)


def _rows(key: Key, prefix: str) -> list[str]:
    places = [place for place, there in (("package", key.package), ("model", key.model)) if there]
    cells = (
        f"`{prefix}{key.name}`",
        ", ".join(places),
        key.doc,
        f"`{key.example}`" if key.example else "",
        key.default,
    )
    row = "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    return [row, *(line for part in key.parts for line in _rows(part, f"{prefix}{key.name}."))]


PAGES = {"supported-ops.md": supported_ops, "metadata.md": metadata}


def main() -> int:
    """Writes the pages."""
    DOCS.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        DOCS.joinpath(name).write_text(page(), encoding="utf-8")
        print(f"docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
