"""Examples on several emulated cores: the answers are those of one core, and every core takes part."""

from __future__ import annotations

import re

import pytest

from tests.examples import support

RISCV = [pytest.mark.emulator("qemu-system-riscv32"), pytest.mark.target("riscv32imac-unknown-none-elf")]
ARM = [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target("thumbv8m.main-none-eabi")]


@pytest.mark.parametrize(
    "name, cores",
    [
        pytest.param("digits-bare-cores", 4, marks=RISCV),
        pytest.param("digits-embassy-cores", 4, marks=RISCV),
        pytest.param("digits-bare-m33x2", 2, marks=ARM),
    ],
)
def test_several_cores_answer_as_one(name: str, cores: int) -> None:
    text = support.run(name, "--release")
    record = support.digits()
    assert text.startswith(f"{record['int8_correct']} of {record['images']} right\n")
    found = re.findall(r"^(?:hart|core) (\d): (\d+) tiles and gates.* slept (\d+) times$", text, re.MULTILINE)
    assert [int(core) for core, _, _ in found] == list(range(cores))
    units = [int(units) for _, units, _ in found]
    # Each tile of each inference once. Who computes it is up to the host's scheduler, which may starve a core's thread.
    assert sum(units) % int(record["images"]) == 0
    assert units[0] > 0
    assert sum(units[1:]) > 0
    assert all(int(sleeps) > 0 for _, _, sleeps in found[1:])
