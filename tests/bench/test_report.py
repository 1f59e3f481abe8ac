"""What docs/benchmarks.md says of rows: shares of right answers only, targets met and missed, and the picture."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

from tools.bench import emx, microflow, picture, report, targets
from tools.bench.layers import Layer
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


def svg(drawn: str, tag: str) -> list[ET.Element]:
    return list(ET.fromstring(drawn).iter(f"{{http://www.w3.org/2000/svg}}{tag}"))  # noqa: S314 - written by ourselves


def test_the_picture_has_a_bar_for_each_engine_by_name() -> None:
    bars = [picture.Bar(OURS, 100.0), picture.Bar("a < b", 300.0), picture.Bar("slow", 5000.0)]
    drawn = picture.drawn([picture.Panel("int8", [picture.Group("kws", [*bars, picture.Bar("no", None, "refuses")])])])
    widths = [int(rect.attrib["width"]) for rect in svg(drawn, "rect")]
    assert abs(widths[1] - 3 * widths[0]) <= 2
    assert abs(widths[2] - 12 * widths[0]) <= 6  # cut
    assert len(svg(drawn, "path")) == 2
    texts = [text.text for text in svg(drawn, "text")]
    assert texts == ["int8", "kws", OURS, "0.00 million", "a < b", "3.0 times", "slow", "50.0 times", "no", "refuses"]


def test_the_picture_draws_no_bar_for_wrong_answers_and_refusals() -> None:
    rows = [
        row(OURS, instructions=50.0),
        row(microflow.NAME, instructions=60.0, verdict="wrong: off by up to 40 quanta"),
        row(emx.NAME, refused="unsupported operator: ADD"),
    ]
    drawn = picture.drawn(report._comparisons(rows))
    assert len(svg(drawn, "rect")) == 1
    assert "answers wrong" in drawn
    assert "refuses it (unsupported operator: ADD)" in drawn


def test_no_text_of_the_picture_is_clipped(root: Path) -> None:
    drawn = root.joinpath("docs/benchmarks.svg").read_text()
    assert {OURS, microflow.NAME, emx.NAME} <= {text.text for text in svg(drawn, "text")}
    for text in svg(drawn, "text"):
        # A letter of 12 pixels is 8 wide at most on average, in bold.
        width = len(text.text or "") * (8 if text.attrib["class"] in ("model", "own", "title") else 7)
        x = int(text.attrib["x"])
        if text.get("text-anchor") == "end":
            assert x - width >= (150 if text.attrib["class"] != "own" else 0), text.text
        else:
            assert x + width <= picture.WIDTH, text.text


def test_rows_that_are_measured_anew_take_the_place_of_those_before(tmp_path: Path) -> None:
    rows = [
        row(OURS, instructions=50.0, macs=100),
        row(OURS, M7, instructions=40.0, macs=100),
        row("CMSIS", M7, instructions=90.0),
    ]
    rows.append(replace(rows[-1], conditions="recorded"))
    layers = [("kws (DS-CNN)", M7, [Layer("0", "kernel", "i8[1]", 100, 40)])]
    report.write(rows, layers, (), ["rustc 1"], tmp_path)
    before = json.loads((tmp_path / "benchmarks.json").read_text())
    report.merge([], ["kws (DS-CNN)"], tmp_path)
    assert json.loads((tmp_path / "benchmarks.json").read_text()) == before
    new = [row(OURS, M7, instructions=30.0, macs=100), row(OURS, M7, "first", instructions=7.0, macs=1)]
    report.merge(new, ["first", "kws (DS-CNN)"], tmp_path)
    text = (tmp_path / "benchmarks.md").read_text()
    assert "| kws (DS-CNN) | 100 | **30** | 0.30 |" in text
    assert "| kws (DS-CNN) | 100 | **50** | 0.50 |" in text
    assert text.index("| first | 1 | **7** |") < text.index("| kws (DS-CNN) | 100 | **30**")
    # What no row tells stays.
    assert "| 0 | `kernel` | i8[1] | 100 | 40 | 0.40 | 100.0 % |" in text
    assert "- rustc 1\n" in text
    kept = json.loads((tmp_path / "benchmarks.json").read_text())["rows"]
    assert kept[0]["model"] == "first"
    assert len(kept) == len(before["rows"]) + 1
