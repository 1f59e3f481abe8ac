"""The camera firmware: its weights lie in the external memory, and its answers are ONNX Runtime's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ariel_build import boards, driver
from ariel_build.config.options import ModelOptions
from ariel_build.run import elf
from tests.examples import support

TARGET = pytest.mark.target("thumbv7em-none-eabihf")
MODEL = support.EXAMPLES / "shapes-mps2-an500/models/shapes.onnx"


def weights_lie_at(program: Path, board: str, origin: int) -> None:
    """Asserts that the weights, and nothing else, lie from `origin` on."""
    image = program.read_bytes()
    section = next(section for section in elf.sections(image) if section.name == ".qspi")
    compiled = driver.compile_model(MODEL, ModelOptions(path=MODEL), boards.load(board), "shapes", portable=False)
    assert section.address == origin
    assert section.loaded
    assert section.size == len(compiled.weights)
    assert compiled.weights in image


@TARGET
@pytest.mark.emulator("qemu-system-arm")
def test_shapes_are_told_as_the_reference_tells_them_by_weights_in_external_memory() -> None:
    text = support.run("shapes-mps2-an500", "--release")
    record = json.loads((support.EXAMPLES / "shapes-mps2-an500/models/shapes.json").read_text())
    answers = re.findall(r"^\d+: (\w+) \(\d+ %\)$", text, re.MULTILINE)
    assert answers == [record["classes"][int(digit)] for digit in record["answers"]]
    weights_lie_at(support.build("shapes-mps2-an500", "--release"), "qemu-cortex-m7", 0x6000_0000)


@TARGET
@pytest.mark.at_length
def test_weights_of_a_real_board_lie_in_its_serial_flash() -> None:
    weights_lie_at(support.build("shapes-stm32h7", "--release"), "stm32h7", 0x9000_0000)
