"""Emulators: a new one is one file, whatever it is."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ariel_build import boards
from ariel_build.boards import Emulation
from ariel_build.errors import BoardError
from ariel_build.run import emulators
from ariel_build.run.emulate import emulate

#: Firmware in the terms of this emulator: Python that answers with its input, reversed.
FIRMWARE = """\
import os, pathlib, struct
data = pathlib.Path("in.bin").read_bytes()
count, size = struct.unpack_from("<II", data)
samples = [data[8 + size * k :][:size] for k in range(count)]
pathlib.Path("out.bin").write_bytes(b"".join(s[::-1] for s in samples))
pathlib.Path("stack.bin").write_bytes(struct.pack("<I", int(os.environ["ARIEL_FAKE_STACK"])))
pathlib.Path("counts.json").write_text('{"sections": [%s]}' % ", ".join(
    ['{"executed": [7], "idle": [2], "makespan": 7, "cycles": 9}'] * (count + 1)))
"""
FILE = """\
import sys
from ariel_build.run.emulators import Emulator, register

@register
class Fake(Emulator):
    names = ("fake",)
    pace = "as a fake does"

    def command(self, job):
        return [sys.executable, job.elf]

    def environment(self):
        return {"ARIEL_FAKE_STACK": "123"}
"""


def test_a_new_one_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, firmware = tmp_path / "emulators", tmp_path / "firmware.py"
    folder.mkdir()
    (folder / "fake.py").write_text(FILE)
    firmware.write_text(FIRMWARE)
    monkeypatch.setattr(emulators, "EMULATORS", dict(emulators.EMULATORS))
    monkeypatch.setattr(emulators.base, "EMULATORS", emulators.EMULATORS)
    monkeypatch.setattr(emulators, "__path__", [*emulators.__path__, str(folder)])
    monkeypatch.delitem(sys.modules, "ariel_build.run.emulators.fake", raising=False)
    emulators.load()
    board = replace(boards.load("qemu-cortex-m7"), run=Emulation("fake", counts_instructions=True))
    said: list[str] = []
    done = emulate(board, firmware, [b"abc", b"xyz"], count=True, timeout=60, say=said.append)
    assert done.outputs == [b"cba", b"zyx"]
    assert done.stack == [123]
    assert done.counts is not None
    assert [(c.instructions, c.makespan, c.cycles) for c in done.counts] == [([5], 7, 9)] * 2
    assert said == ["running 2 samples on qemu-cortex-m7, as a fake does"]


def test_every_board_that_runs_names_one() -> None:
    chosen = [board for board in map(boards.load, boards.known()) if board.run is not None]
    assert {type(emulators.of(board)[1]).__name__ for board in chosen} == {"Bed", "Host", "Qemu", "Rp2040"}


@pytest.mark.parametrize(
    "run, message",
    [(None, "its file names no emulator"), (Emulation("bochs"), "nothing is known of its emulator `bochs`")],
)
def test_other_boards_are_refused(run: Emulation | None, message: str) -> None:
    with pytest.raises(BoardError, match=message):
        emulators.of(replace(boards.load("qemu-cortex-m7"), run=run))
