"""Writes what docs/ has that is made from the code, pages and badges: `python -m tools.docs`; a test checks them."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from ariel_build import boards
from ariel_build.boards.board import Board, Core, Memory
from ariel_build.config.options import KEYS, Key
from ariel_build.errors import BoardError
from ariel_build.ops import IMPORTERS
from ariel_build.ops.compare_rows import LOGIC, RELATIONS
from ariel_build.ops.map1_rows import MAP1
from ariel_build.ops.map2_rows import MAP2
from ariel_build.ops.rows import Row, called
from ariel_build.project.templates import EXECUTORS, start_for
from tools.badges import BADGES

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
        "",
        "FULLY_CONNECTED over a filter that is computed at run time is a product of two matrices: float32; int8, or",
        "int16 with a filter of int8, of one scale each and without a bias.",
        "",
        "Weights of 4 bits are constants in INT4. Those of FULLY_CONNECTED, Gemm and MatMul, and of convolutions with",
        "a window of one pixel, stay packed in flash where activations are int8",
        "([quantisation.md](quantisation.md#weights-of-4-bits)); all others are int8 there.",
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


def board_table() -> str:
    """Returns the page of boards: chips, boards that are emulated here, and those that stand for families."""
    known = [boards.load(name) for name in boards.known()]
    parts = (
        ("Chips", [board for board in known if not board.is_generic and board.run is None and not board.is_host]),
        ("On this computer", [board for board in known if board.run is not None or board.is_host]),
        ("Families", [board for board in known if board.is_generic]),
    )
    lines = ["# Boards", "", *_ABOUT_BOARDS]
    for title, some in parts:
        lines += ["", f"## {title}", "", _BOARD_PARTS[title], ""]
        # A family has no memories, and nothing runs on it.
        columns = ["board", "cores", "target", "memories", "how to run"][: 3 if title == "Families" else 5]
        rows = [columns, ["---"] * len(columns), *([*_board_cells(board)][: len(columns)] for board in some)]
        lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, "", *_OWN_BOARD, ""])


_ABOUT_BOARDS = (
    "Made by `python -m tools.docs` from `boards/*.toml`, which cite the sources of their figures. `board` in",
    "[metadata.md](metadata.md), or `--board` on the command line, names one of them, or a TOML file of your own. It",
    "decides which instructions are used, how many cores share a model, what fits, and what an inference is predicted",
    "to take.",
)
_BOARD_PARTS = {
    "Chips": "`cargo ariel new` makes a project for the executors named ([how](new-project.md)); its README says more.",
    "On this computer": "`run` and `verify` take these as `--on BOARD`: an emulator counts what an inference takes.",
    "Families": "What a build is for that names no board, and whose dependencies name no chip: by its target.",
}
_OWN_BOARD = (
    "## A board of your own",
    "",
    "Copy the file of one that is near, and write down what yours has; `fit` has its row beside the others then:",
    "",
    "```toml",
    "# boards/mine.toml",
    'description = "our board: one Cortex-M4F at 80 MHz"',
    'target = "thumbv7em-none-eabihf"',
    "",
    "[[cores]]",
    'name = "cortex-m4"',
    'isa = "armv7e-m"      # with `dsp` and `fpu`, which instructions there are',
    "dsp = true",
    'fpu = "single"',
    "clock-hz = 80_000_000",
    "",
    "[[memories]]",
    'name = "flash"',
    'kind = "flash"',
    "origin = 0x0800_0000",
    'length = "512K"',
    "",
    "[[memories]]",
    'name = "ram"',
    'kind = "ram"',
    "origin = 0x2000_0000",
    'length = "96K"',
    "```",
    "",
    "    cargo ariel fit keywords.tflite --boards boards",
    "    cargo ariel inspect keywords.tflite --board boards/mine.toml",
    "",
    "`[power]` is told in [fit.md](fit.md), `[project]` in [new-project.md](new-project.md), `max-tile` and",
    "`bytes-per-cycle` in [timing.md](timing.md), `wait-states`, `weights`, `dma`, `hot` and `section` in",
    "[slow-memory.md](slow-memory.md), `scratch` in [memory.md](memory.md#scratch-in-fast-memory).",
)


def _board_cells(board: Board) -> tuple[str, ...]:
    cores = ", ".join(_core(core, len(list(alike))) for core, alike in itertools.groupby(board.cores, _unnumbered))
    return (
        f"`{board.name}`<br>{board.description}",
        cores,
        f"`{board.target}`",
        "<br>".join(_memory(memory) for memory in board.memories),
        _how_to_run(board),
    )


def _unnumbered(core: Core) -> tuple[str, str | None, bool, int | None]:
    return core.isa, core.fpu, core.dsp, core.clock_hz


def _core(core: tuple[str, str | None, bool, int | None], count: int) -> str:
    isa, fpu, dsp, clock = core
    words = [f"{count} x {isa}" if count > 1 else isa]
    words += ["DSP"] if dsp else []
    words += [f"FPU ({fpu})"] if fpu else []
    words += [f"{clock / 1e6:g} MHz"] if clock else []
    return " ".join(words)


def _memory(memory: Memory) -> str:
    size = f"{memory.length >> 20} MB" if memory.length % (1 << 20) == 0 else f"{memory.length >> 10} KB"
    own = f", of core {', '.join(map(str, memory.cores))}" if memory.cores else ""
    return f"{memory.name} {size} at 0x{memory.origin:08x}{own}"


def _how_to_run(board: Board) -> str:
    """Returns the command, or the executors of a project for the chip."""
    made = ", ".join(f"`{name}`" for name in EXECUTORS if _has_start(board, name))
    new = f"`new`: {made}" if made else ""
    if board.is_host:
        return f"`--on host`; {new}"
    if board.run is None:
        by = start_for(board, "bare").text("runner").partition(" ")[0] if made else ""
        return f"{new}, flashed by {by}" if by else "your own firmware, by `init`"
    cores = f" --cores {len(board.cores)}" if board.run.smp else ""
    return f"`--on {board.name}{cores}` ({board.run.emulator})" + (f"; {new}" if new else "")


def _has_start(board: Board, executor: str) -> bool:
    """Returns whether `new` makes a project for the board under that executor."""
    try:
        start_for(board, executor)
    except BoardError:
        return False
    return True


PAGES = {"supported-ops.md": supported_ops, "metadata.md": metadata, "boards.md": board_table, **BADGES}


def main() -> int:
    """Writes the pages."""
    DOCS.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        DOCS.joinpath(name).parent.mkdir(exist_ok=True)
        DOCS.joinpath(name).write_text(page(), encoding="utf-8")
        print(f"docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
