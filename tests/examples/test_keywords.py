"""The keyword firmware hears what is said in a recording by voices of no training, fed in a DMA's chunks."""

from __future__ import annotations

import json
import re

import pytest

from tests.examples import support

pytestmark = [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target("thumbv7em-none-eabihf")]


def test_keywords_are_heard_when_they_are_said_and_nothing_else_is() -> None:
    text = support.run("keywords-mps2-an500", "--release")
    record = json.loads((support.EXAMPLES / "keywords-mps2-an500/models/keywords.json").read_text())
    said = [entry for entry in record["said"] if entry["word"] in ("yes", "no", "left", "right")]
    assert len(said) < len(record["said"])  # other words are in it, too
    heard = re.findall(r"^(\d+\.\d\d) s: (\w+)$", text, re.MULTILINE)
    assert [word for _, word in heard] == [entry["word"] for entry in said]
    for (time, _), entry in zip(heard, said, strict=True):
        assert entry["from"] < float(time) < entry["to"] + 0.5
    assert f"{len(said)} words in {len(record['answers'])} answers" in text
