"""Inference does not starve the executor: a task keeps its period, measured in the emulator's instruction time."""

from __future__ import annotations

import re

import pytest

from tests.examples import support

pytestmark = [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target("thumbv7em-none-eabihf")]

#: What may come before the heartbeat besides a tile: quantising an input, the interrupt of the timer, the executor.
BESIDES = 120


@pytest.fixture(scope="module")
def printed() -> str:
    """Returns what the firmware tells."""
    return support.run("digits-embassy-heartbeat", "--release")


def numbers(pattern: str, text: str) -> list[int]:
    """Returns the numbers of the one line that fits."""
    found = re.search(f"^{pattern}$", text, re.MULTILINE)
    assert found, text
    return [int(number) for number in found.groups()]


def test_the_heartbeat_waits_for_one_tile_at_most(printed: str) -> None:
    (right, beats, late) = numbers(r"infer_async: (\d+) right; (\d+) heartbeats, (\d+) us late at most", printed)
    (held,) = numbers(r"the network held the core for (\d+) us at most", printed)
    assert right == support.digits()["int8_correct"]
    # One beat each 2 ms, and more than one during each inference.
    assert beats > right
    assert late <= held + BESIDES
    # Of an inference that does not yield the heartbeat would see a multiple.
    (twenty, _, blocked) = numbers(r"infer: (\d+) right; (\d+) heartbeats, (\d+) us late at most", printed)
    assert twenty == 20
    assert blocked > 3 * late


def test_a_missed_deadline_is_a_result(printed: str) -> None:
    (held,) = numbers(r"the network held the core for (\d+) us at most", printed)
    (missed, after) = numbers(r"budget of 1000 us: (\d+) of 20 given up, after (\d+) us at most", printed)
    assert missed == 20
    # Given up one tile after the deadline, at most.
    assert 1000 < after <= 1000 + held + BESIDES
    assert "in time" not in printed
    assert "budget of a second: right" in printed
