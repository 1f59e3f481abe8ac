"""Arenas in docs/memory.md are what the compiler makes, and its instructions what the bench counted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from tools.docs import DOCS

#: Models in the words of the page, and the folders of their files.
FILES = {
    "vww_96": "mlperf_vww_int8",
    "person_detect": "tflm_person_detect_int8",
    "ResNet-8": "mlperf_ic_int8",
    "kws": "mlperf_kws_int8",
    "str_ww": "mlperf_sww_int8",
    "micro_speech": "tflm_micro_speech_int8",
    "ad01": "mlperf_ad_int8",
}
#: What several cores may take of the arena of one, and what takes more (the page says why).
MOST = 1.25
MORE = {
    ("kws", "qemu-riscv32", 2),
    ("kws", "qemu-riscv32", 4),
    ("ResNet-8", "qemu-cortex-m33x2", 2),
    ("person_detect", "qemu-cortex-m33x2", 2),
}


def rows(first: str) -> list[dict[str, str]]:
    """Returns the rows of the table that begins with these heads, by their heads."""
    lines = (DOCS / "memory.md").read_text(encoding="utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(first))

    def cells(line: str) -> list[str]:
        return [cell.strip() for cell in line.strip("|").split("|")]

    found = []
    for line in lines[at + 2 :]:
        if not line.startswith("|"):
            break
        found.append(dict(zip(cells(lines[at]), cells(line), strict=True)))
    return found


def number(cell: str) -> int:
    """Returns the first number of a cell."""
    found = re.match(r"[\d,]+", cell)
    assert found is not None, cell
    return int(found[0].replace(",", ""))


def several() -> Iterator[tuple[str, str, int, int, int]]:
    """Yields model, board and cores, their arena, and that of one core."""
    for row in rows("| model | board | 1 core"):
        for cores in (2, 4):
            if row[f"{cores} cores"]:
                yield row["model"], row["board"].strip("`"), cores, number(row[f"{cores} cores"]), number(row["1 core"])


@cache
def arena(path: Path, board: str, cores: int) -> int:
    """Returns the bytes of the arena with `optimize = "speed"`."""
    options = ModelOptions(path, cores=cores)
    return compile_model(path, options, boards.load(board), "model", must_fit=False).plan.arena_bytes


@pytest.mark.parametrize("model, board, cores, said, alone", list(several()))
def test_several_cores_take_the_arena_that_the_page_says(
    model: str, board: str, cores: int, said: int, alone: int, models: Path
) -> None:
    path = models / "dev" / FILES[model] / "model.tflite"
    assert (arena(path, board, cores), arena(path, board, 1)) == (said, alone)
    assert (said <= MOST * alone) is ((model, board, cores) not in MORE)


@pytest.mark.parametrize("model", FILES)
def test_one_core_takes_the_arena_that_the_page_says(model: str, models: Path) -> None:
    (row,) = (row for row in rows("| model | largest | whole, M7") if row["model"] == model)
    path = models / "dev" / FILES[model] / "model.tflite"
    found = arena(path, "qemu-cortex-m7", 1), arena(path, "generic", 1)
    assert found == (number(row["speed, M7"]), number(row["speed, generic"]))


def test_what_was_asked_is_held_against_what_the_bench_counted() -> None:
    """Bytes and instructions on the Cortex-M7, as docs/benchmarks.json has them."""
    counted = {
        row["model"]: row
        for row in json.loads((DOCS / "benchmarks.json").read_text(encoding="utf-8"))["rows"]
        if (row["board"], row["engine"], row["element"]) == ("qemu-cortex-m7", "Ariel-ML", "int8")
    }
    held = rows("| network of the bench | asked")
    assert len(held) == 10
    for row in held:
        of = counted[row["network of the bench"]]
        assert (number(row["arena"]), number(row["instructions"])) == (of["arena"], of["instructions"]), row
        assert of["arena"] <= number(row["asked"]), row
