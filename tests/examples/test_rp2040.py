"""The Pico's firmware on the emulated RP2040: two cores at the network, flash written under it. The Pico 2's builds."""

from __future__ import annotations

import re
import sys

import pytest

from ariel_build.machine import process
from tests.examples import support

ROW = 20


@pytest.mark.pico
@pytest.mark.target("thumbv6m-none-eabi")
def test_two_cores_answer_as_the_reference_while_flash_is_written() -> None:
    firmware = support.build("digits-rp2040", "--release")
    # A read of flash by core 1 while it is written would be a fault here.
    command = [
        sys.executable,
        "-m",
        "ariel_build.run.rp2040_sim",
        "--until",
        "3 writes to flash meanwhile",
        "--limit",
        "2e8",
    ]
    done = process.run([*command, firmware], timeout=600)
    assert done.status == 0, done.stdout + done.stderr
    record = support.digits()
    read, true = ("".join(re.findall(rf"^{kind} (\d+)$", done.stdout, re.MULTILINE)) for kind in ("read", "true"))
    assert read == str(record["int8_answers"])[: 3 * ROW]
    rights = sum(digit == label for digit, label in zip(read, true, strict=True))
    found = re.findall(
        r"^(\d+) right, in (\d+) us each; (\d) writes to flash meanwhile, (\d+) blinks", done.stdout, re.MULTILINE
    )
    assert [int(writes) for _, _, writes, _ in found] == [1, 2, 3]
    right, micros, _, blinks = map(int, found[-1])
    assert right == rights
    # On one core an inference takes nearly twice the time.
    assert 1000 < micros < 12_000
    # Core 1 keeps its period of 10 ms meanwhile, to a tenth.
    assert blinks >= 0.9 * 3 * ROW * micros / 10_000


@pytest.mark.at_length
@pytest.mark.target("thumbv8m.main-none-eabihf")
def test_the_pico_2s_firmware_builds_for_its_target() -> None:
    firmware = support.build("digits-rp2350", "--release")
    assert firmware.read_bytes()[:4] == b"\x7fELF"
