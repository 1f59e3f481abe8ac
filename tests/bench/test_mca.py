"""Modelled cycles: what llvm-mca is given of a disassembly, and what is made of its answers."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from ariel_build.errors import InternalError, SetupError
from ariel_build.machine import process
from tools.bench import mca

LISTING = """
firmware:     file format elf32-littlearm

00000400 <loop>:
     400: f8d1 0000    \tldr.w\tr0, [r1] @ imm = #4
     404: f7ff fffe    \tbl\t0x1234 <other+0x2>
     408: f00f c805    \tle\tlr, 0x400 <loop>
     40c: d1f8         \tbne\t0x400 <loop>
     40e: f042 e801    \twlstp.32\tlr, r2, 0x420 <loop+0x20>
     412: eef0 0e01    \tvmladava.s8\tr0, q0, q1
"""


def runs(monkeypatch: pytest.MonkeyPatch, cycles: Sequence[int], status: int = 0) -> list[str]:
    """Has LLVM's programs answer: the listing, and for each code so many cycles an iteration behind a start of 7."""
    given: list[str] = []

    def run(command: Sequence[str | Path], *, timeout: float) -> process.Completed:
        assert timeout > 0
        name, file = str(command[0]), Path(command[-1])
        if "objdump" in name:
            return process.Completed(status, LISTING, "broken")
        given.append(file.read_text())
        (found,) = (re.search(r"-iterations=(\d+)", str(word)) for word in command if "iterations" in str(word))
        assert found
        regions = [
            {"Name": str(index), "SummaryView": {"TotalCycles": 7 + each * int(found[1])}}
            for index, each in enumerate(cycles)
        ]
        return process.Completed(status, json.dumps({"CodeRegions": regions}), "broken")

    monkeypatch.setattr(process, "run", run)
    monkeypatch.setattr(mca, "version", lambda: 19)
    return given


def test_a_listing_becomes_code_that_llvm_mca_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    runs(monkeypatch, [])
    texts = mca._disassembled(Path("firmware"))
    want = ["ldr.w r0, [r1]", "b #8", "nop", "bne #8", "nop", "vmladava.s8 r0, q0, q1"]
    assert mca._code(texts, 0x400, 6) == want
    with pytest.raises(InternalError, match="no instruction at 0x416"):
        mca._code(texts, 0x412, 2)


def test_a_block_may_be_cut_behind_an_it() -> None:
    texts = {0x400: (2, "cmp r9, r0"), 0x402: (2, "it hs"), 0x404: (2, "movhs r9, r0"), 0x406: (2, "nop")}
    assert mca._code(texts, 0x400, 2) == ["cmp r9, r0", "nop"]
    assert mca._code(texts, 0x404, 2) == ["it hs", "movhs r9, r0", "nop"]
    assert mca._code(texts, 0x400, 4) == [text for _, text in texts.values()]


def test_cycles_are_those_of_the_steady_state(monkeypatch: pytest.MonkeyPatch) -> None:
    given = runs(monkeypatch, [3, 20])
    assert mca.cycles_of([["nop"], ["nop", "bx lr"]]) == [3, 20]
    assert "# LLVM-MCA-BEGIN 1\nnop\nbx lr\n# LLVM-MCA-END 1\n" in given[0]
    assert mca.cycles_of([]) == []


def test_what_fails_or_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    runs(monkeypatch, [1], status=1)
    with pytest.raises(InternalError, match="llvm-mca failed: broken"):
        mca.cycles_of([["nop"]])
    with pytest.raises(InternalError, match="llvm-objdump failed: broken"):
        mca._disassembled(Path("firmware"))
    monkeypatch.setattr(mca, "version", lambda: None)
    with pytest.raises(SetupError, match="not installed"):
        mca.cycles_of([["nop"]])
