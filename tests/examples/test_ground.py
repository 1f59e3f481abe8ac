"""The camera firmware whose rows come by DMA: no row is lost, answers are those of `infer` and of ONNX Runtime."""

from __future__ import annotations

import json
import re

import pytest

from tests.examples import support

pytestmark = [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target("thumbv7em-none-eabihf")]

#: Where scores of int8 begin, and how many steps are a probability of 1.
LEAST, STEPS = -128, 255
#: The time of a row, and of the rows that the camera leaves out between two pictures.
ROW, PAUSE = 2_000, 144 * 2_000


def test_pictures_are_told_row_by_row() -> None:
    text = support.run("ground-mps2-an500", "--release")
    record = json.loads((support.EXAMPLES / "ground-mps2-an500/models/ground.json").read_text())
    told = re.findall(
        r"^\d+: (\w+) \((\d+) %\), (\d+) us behind its last row, at most (\d+) us for another$", text, re.MULTILINE
    )
    scores = record["scores"]
    assert [what for what, *_ in told] == [record["classes"][of.index(max(of))] for of in scores]
    percent = [100 * (max(of) - LEAST) / STEPS for of in scores]
    assert all(abs(int(said) - share) <= 0.5 for (_, said, *_), share in zip(told, percent, strict=True))
    assert all(int(longest) < ROW and int(last) < PAUSE for *_, last, longest in told)
    assert "\n0 rows came too early\n" in text
    assert f"{len(scores)} of {len(scores)} answers are those of `infer`" in text
    (arena,) = re.findall(r"^(\d+) bytes of arena for pictures of 9216 bytes$", text, re.MULTILINE)
    assert int(arena) <= 16 * 1024
