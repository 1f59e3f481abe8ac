"""The RTIC example: a hardware task keeps its period under the network, in the emulator's instruction time."""

from __future__ import annotations

import re

import pytest

from tests.examples import support

pytestmark = [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target("thumbv7em-none-eabihf")]


def test_tasks_keep_their_periods() -> None:
    text = support.run("digits-rtic", "--release")
    record = support.digits()
    assert text.startswith(f"{record['int8_correct']} of {record['images']} right\n")
    found = re.findall(r"^(\w+): (\d+) times, (\d+) us late at most$", text, re.MULTILINE)
    times = {name: int(count) for name, count, _ in found}
    late = {name: int(most) for name, _, most in found}
    # Of periods of 1 ms and of 4 ms none is left out.
    assert times["control"] > int(record["images"])
    assert abs(times["control"] - 4 * times["housekeeping"]) <= 4
    # Nothing but a critical section keeps a hardware task waiting.
    assert late["control"] <= 20
    # The other waits for a tile at most, where an inference takes several milliseconds.
    assert late["housekeeping"] <= 1500
    assert "budget of 2 ms: given up" in text
