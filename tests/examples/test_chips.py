"""Examples for chips without an emulator are built for their real targets: what cargo would flash."""

from __future__ import annotations

import pytest

from ariel_build import boards, driver
from ariel_build.config.options import ModelOptions
from ariel_build.run import elf
from tests.examples import support


@pytest.mark.parametrize(
    "name, board",
    [
        pytest.param("digits-nrf52840", "nrf52840", marks=pytest.mark.target("thumbv7em-none-eabihf")),
        pytest.param("digits-esp32c6", "esp32-c6", marks=pytest.mark.target("riscv32imac-unknown-none-elf")),
    ],
)
def test_firmware_lies_in_the_chips_memories(name: str, board: str) -> None:
    image = support.build(name, "--release").read_bytes()
    chip = boards.load(board)
    memories = [range(memory.origin, memory.origin + memory.length) for memory in chip.memories]
    sections = [section for section in elf.sections(image) if section.size and section.name != ".stack"]
    assert len(sections) >= 4
    for section in sections:
        assert any(section.address in memory for memory in memories), section
    # The network is in it, for this chip.
    model = support.EXAMPLES / "digits-mps2-an500/models/digits.tflite"
    compiled = driver.compile_model(model, ModelOptions(path=model), chip, "digits", portable=False)
    assert compiled.weights in image
