"""Examples on several emulated cores: the answers are those of one core, and every core takes part."""

from __future__ import annotations

import re

import pytest

from tests.examples import support

pytestmark = [pytest.mark.emulator("qemu-system-riscv32"), pytest.mark.target("riscv32imac-unknown-none-elf")]


@pytest.mark.parametrize("name", ["digits-bare-cores", "digits-embassy-cores"])
def test_four_cores_answer_as_one(name: str) -> None:
    text = support.run(name, "--release")
    record = support.digits()
    assert text.startswith(f"{record['int8_correct']} of {record['images']} right\n")
    found = re.findall(r"^hart (\d): (\d+) tiles and gates.* slept (\d+) times$", text, re.MULTILINE)
    assert [hart for hart, _, _ in found] == ["0", "1", "2", "3"]
    units = [int(units) for _, units, _ in found]
    # Each tile of each inference once. Who computes it is up to the host's scheduler, which may starve a hart's thread.
    assert sum(units) % int(record["images"]) == 0
    assert units[0] > 0
    assert sum(units[1:]) > 0
    assert all(int(sleeps) > 0 for _, _, sleeps in found[1:])
