"""The digits firmware on the emulated Cortex-M7 answers each image as TFLite-Micro's reference kernels do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples import support

pytestmark = [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target("thumbv7em-none-eabihf")]


@pytest.fixture(scope="module")
def record() -> dict[str, str | int]:
    """Returns what the training script recorded of the reference."""
    return support.digits()


DEBUG = pytest.param([], marks=pytest.mark.at_length, id="debug")


@pytest.mark.parametrize("options", [pytest.param(["--release"], id="release"), DEBUG])
def test_embassy_firmware_answers_as_the_reference(record: dict[str, str | int], options: list[str]) -> None:
    text = support.run("digits-mps2-an500", *options)
    answers = "".join(re.findall(r"^read (\d+)$", text, re.MULTILINE))
    assert answers == record["int8_answers"]
    right = f"{record['int8_correct']} of {record['images']} right"
    asynchronous = re.search(rf"^{right}; at least (\d+) heartbeats during each inference$", text, re.MULTILINE)
    # A layer of the network is at least one tile, and the executor comes round between tiles.
    assert asynchronous
    assert int(asynchronous[1]) >= 8
    assert f"{right} without yielding; 0 heartbeats" in text


def test_bare_loop_answers_as_the_reference(record: dict[str, str | int]) -> None:
    text = support.run("digits-bare-loop", "--release")
    assert text.strip() == f"{record['int8_correct']} of {record['images']} right"


def test_networks_of_pytorch_answer_as_pytorch(root: Path) -> None:
    record = json.loads((root / "examples/digits-pytorch/models/digits.json").read_text())
    text = support.run("digits-pytorch", "--release")
    for module, name in (("digits", "digits"), ("digits_int8", "digits-int8")):
        answers = "".join(re.findall(rf"^{module}: (\d)$", text, re.MULTILINE))
        assert answers == record[name]["answers"]
        assert f"{module}: {record[name]['right']} of {record['images']} right" in text


def test_demo_shows_digits_accuracy_and_costs(root: Path, record: dict[str, str | int]) -> None:
    demo = [sys.executable, str(root / "examples/digits-mps2-an500/demo.py")]
    done = subprocess.run(demo, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{record['int8_correct']} of {record['images']} held-out images read right" in done.stdout
    assert "Every answer is that of TFLite-Micro's reference kernels." in done.stdout
    assert "█" in done.stdout
    for cost in ("instructions per inference", "RAM of the network", "flash of the firmware"):
        assert re.search(rf"{cost} +│ +[\d,]+", done.stdout), cost
