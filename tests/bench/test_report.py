"""What docs/benchmarks.md says of rows: shares of right answers only, targets met and missed, and the picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from tools.bench import emx, microflow, picture, report, targets
from tools.bench.models import M7, RISCV
from tools.bench.store import Cost
from tools.bench.table import OURS, Row, recorded
from tools.bench.words import HEAD


def row(engine: str, board: str = RISCV, model: str = "kws (DS-CNN)", **figures: object) -> Row:
    return Row(model, "convolutional", "int8", board, engine, Cost(**figures))  # type: ignore[arg-type]


def test_no_share_is_taken_of_wrong_answers() -> None:
    rows = [
        row(OURS, instructions=50.0, macs=100),
        row(microflow.NAME, instructions=60.0, verdict="wrong: off by up to 40 quanta"),
        row(emx.NAME, instructions=200.0),
    ]
    text = report.page(rows, (), ["rustc 1"])
    assert "| kws (DS-CNN) | 100 | **50** | 0.50 | 60 (wrong) | 200 | 25 % |" in text
    assert text.startswith(HEAD.splitlines()[0])


def test_a_target_is_met_or_missed() -> None:
    rows = [row(OURS, instructions=121.0), row(emx.NAME, instructions=200.0), row(OURS, M7, instructions=3_000_000.0)]
    found = {(target.what, target.met) for target in targets.judged(rows)}
    assert found == {
        ("instructions, RISC-V, 60 % of the best peer", False),
        ("instructions, Cortex-M7, int8", True),
    }


def test_recorded_figures_are_of_models_that_the_table_knows() -> None:
    assert recorded([]) == []


def test_the_picture_is_xml_with_a_bar_for_each_share() -> None:
    drawn = picture.drawn([picture.Panel("a < b", [picture.Bar("x", 0.5), picture.Bar("y", 2.0)])])
    root = ET.fromstring(drawn)  # noqa: S314 - written by ourselves
    widths = [
        int(r.attrib["width"]) for r in root.iter("{http://www.w3.org/2000/svg}rect") if r.attrib["class"] == "ours"
    ]
    whole = [
        int(r.attrib["width"]) for r in root.iter("{http://www.w3.org/2000/svg}rect") if r.attrib["class"] == "whole"
    ]
    assert widths == [whole[0] // 2, whole[0]]
