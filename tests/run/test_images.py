"""Boards whose cores run programs of their own: one plan, its digest in each module, the kernels of each core."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ariel_build import boards
from ariel_build.answers.samples import random_samples
from ariel_build.commands.run import execute_compiled, for_others
from ariel_build.config.options import ModelOptions
from ariel_build.driver import Compiled, compile_model
from ariel_build.errors import BoardError

MODEL = Path(__file__).resolve().parents[2] / "examples/digits-mps2-an500/models/digits.tflite"
QEMU = "qemu-cortex-m33x2-images"


def compiled(board: boards.Board, **options: object) -> Compiled:
    return compile_model(MODEL, replace(ModelOptions(MODEL), **options), board, "digits")  # type: ignore[arg-type]


def digest(made: Compiled) -> str:
    found = re.findall(r"^        plan (0x[0-9a-f]{16});$", made.module_text, re.MULTILINE)
    assert len(found) == 1
    return str(found[0])


@pytest.mark.parametrize("name", [QEMU, "stm32h747", "nrf5340", "imxrt1170"])
def test_programs_of_a_chip_have_one_plan(name: str) -> None:
    images = boards.load(name, first=True).images
    made = [compiled(boards.load(name, image)) for image in images]
    assert len(made) == 2
    assert len({digest(one) for one in made}) == 1
    assert len({one.plan.arena_bytes for one in made}) == 1
    # Whatever is planned otherwise, or computes otherwise, is another plan.
    other = compiled(boards.load(name, images[0]), max_tile=1e-5)
    assert digest(other) != digest(made[0])


def test_each_program_has_the_kernels_of_its_core() -> None:
    lead, helper = (compiled(boards.load(QEMU, image)).module_text for image in ("lead", "help"))
    assert "isa::thumb2::Conv2d" in lead
    assert "isa::armv7e_m::Conv2d" in helper
    assert not re.search("unequal", lead + helper, re.IGNORECASE)


def test_without_an_image_a_board_is_its_first_program_alone() -> None:
    alone = boards.load("nrf5340")
    assert [core.name for core in alone.cores] == ["cortex-m33"]
    assert "plan 0x" not in compiled(alone).module_text


def test_what_is_no_program_of_the_board_is_refused() -> None:
    with pytest.raises(BoardError, match="no core of stm32h747 runs `cm8`: did you mean `cm"):
        boards.load("stm32h747", "cm8")
    with pytest.raises(BoardError, match="the cores of rp2350 run one program"):
        boards.load("rp2350", "cm7")
    with pytest.raises(BoardError, match="one core has the model to itself"):
        compiled(boards.load("stm32h747", "cm7"), cores=1)


@pytest.mark.emulator("qemu-system-arm")
@pytest.mark.target("thumbv8m.main-none-eabi")
def test_two_programs_answer_as_one_and_sooner() -> None:
    board = boards.load(QEMU, first=True)
    made = compiled(board, cores=2)
    samples = random_samples(made.graph.inputs, 2).raw()
    others = for_others(board, lambda of: compiled(of, cores=2))
    done = execute_compiled(made, board, samples, cores=2, others=others)
    alone = boards.load(QEMU)
    single = execute_compiled(compiled(alone, cores=1), alone, samples, cores=1)
    assert done.outputs == single.outputs
    assert done.stats is not None
    assert single.stats is not None
    units = done.stats["units_per_core"]
    assert isinstance(units, list)
    assert all(units)
    makespan, instructions = done.stats["makespan_instructions"], single.stats["instructions_per_inference"]
    assert isinstance(makespan, int | float)
    assert isinstance(instructions, int | float)
    # Core 1, with DSP instructions, is the faster one: more than half of the time is gone.
    assert makespan < 0.5 * instructions
