"""The spotter's firmware answers TFLite-Micro's scores to a recording, and hears the words of which they are sure."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import numpy as np
import pytest

from ariel_build import frontends
from ariel_build.ir import Array
from tests.examples import support
from tests.ops import tflm

_MODELS = support.EXAMPLES / "spotter-mps2-an500/models"
_KEYWORDS = ("yes", "no", "left", "right")
emulated, target = pytest.mark.emulator("qemu-system-arm"), pytest.mark.target("thumbv7em-none-eabihf")


def _record() -> dict[str, Any]:
    record: dict[str, Any] = json.loads((_MODELS / "spotter.json").read_text())
    return record


@cache
def _answers() -> Array:
    """Returns what TFLite-Micro answered when the model was made: int8 `[runs, classes]`."""
    return np.array([np.frombuffer(bytes.fromhex(row), np.int8) for row in _record()["answers"]])


def _hops() -> Array:
    """Returns the recording as the microphone gives it: i16 `[runs, 160]`."""
    return np.fromfile(_MODELS / "test.raw", "<i2").reshape(len(_answers()), -1)


def _digest(answers: Array) -> str:
    """Returns FNV-1a over all answers."""
    digest = 0x811C9DC5
    for byte in answers.tobytes():
        digest = (digest ^ byte) * 0x01000193 & 0xFFFFFFFF
    return f"{digest:08x}"


@cache
def _printed() -> str:
    return support.run("spotter-mps2-an500", "--release")


def test_the_recorded_answers_are_tflite_micros() -> None:
    pytest.importorskip("tflite_micro")
    samples = [[hop[None]] for hop in _hops()]
    (answers,) = tflm.run_sequences([((_MODELS / "spotter.tflite").read_bytes(), samples)])
    assert answers is not None
    np.testing.assert_array_equal(np.concatenate([scores for (scores,) in answers]), _answers())


@emulated
@target
def test_every_score_on_the_board_is_tflite_micros() -> None:
    runs = len(_answers())
    assert f"in {runs} runs, whose scores have the digest {_digest(_answers())}" in _printed()


@emulated
@target
def test_keywords_are_heard_when_they_are_said_and_nothing_else_is() -> None:
    said = [entry for entry in _record()["said"] if entry["word"] in _KEYWORDS]
    assert len(said) < len(_record()["said"])  # other words are in it, too
    heard = re.findall(r"^(\d+\.\d\d) s: (\w+)$", _printed(), re.MULTILINE)
    assert [word for _, word in heard] == [entry["word"] for entry in said]
    for (time, _), entry in zip(heard, said, strict=True):
        assert entry["from"] < float(time) < entry["to"] + 0.5
    assert f"{len(said)} words in" in _printed()


def test_one_model_goes_from_samples_to_words() -> None:
    """Its file holds the signal operators and the network: nothing is computed in the firmware."""
    names = {node.op for node in frontends.read(_MODELS / "spotter.tflite").nodes}
    assert {f"CUSTOM:Signal{name}" for name in ("Framer", "Window", "Rfft", "FilterBank", "PCAN")} <= names
    assert {"CUSTOM:CIRCULAR_BUFFER", "CONV_2D", "DEPTHWISE_CONV_2D", "SOFTMAX"} <= names
