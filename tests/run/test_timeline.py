"""The timeline of an inference: every tile once, none beside another on its core, and about as long as without it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ariel_build import cli
from ariel_build.boards import Board
from ariel_build.commands.run import execute_compiled, laid_out
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.run import timeline, timeline_svg
from tests.run.support import ALL, ON
from tools.recorded import DIGITS

#: How far a core may be ahead of the others: the quantum of these boards, and a block.
AHEAD = 150
SAMPLE = bytes(range(64))


@pytest.mark.parametrize("board, cores", ALL)
def test_every_tile_is_told_once(board: Board, cores: int) -> None:
    model = compile_model(DIGITS, replace(ModelOptions(DIGITS), cores=cores), board, "model")
    assert model.units is not None
    with laid_out(model) as folder:
        told = timeline.record(folder, "model", model.units, board, SAMPLE)
    tiles = sorted((u.step, u.tile.start, u.tile.end) for u in model.units.units if u.step is not None)
    assert sorted((s.step, *s.units) for s in told.spans) == tiles
    assert {s.core for s in told.spans} == set(range(cores))
    for core in range(cores):
        mine = sorted((s.start, s.end) for s in told.spans if s.core == core)
        assert all(0 <= start < end <= told.makespan + AHEAD for start, end in mine)
        assert all(before[1] <= after[0] for before, after in pairwise(mine))
    stats = execute_compiled(model, board, [SAMPLE], cores=cores).stats
    assert stats is not None
    plain = stats["makespan_instructions"]
    assert isinstance(plain, int)
    assert abs(told.makespan - plain) < 0.05 * plain
    picture = timeline_svg.drawn(told, [s.name for s in model.schedule.steps])
    assert picture.count("<title>") == len(tiles)


@pytest.mark.parametrize("board", [ON["qemu-riscv32"]])
def test_run_draws_it(board: Board, tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", input_0=np.zeros((1, 1, 8, 8, 1), np.int8))
    words = ["run", str(DIGITS), "--inputs", str(tmp_path / "in.npz"), "--outputs", str(tmp_path / "out.npz")]
    picture = tmp_path / "out.svg"
    assert cli.main([*words, "--on", board.name, "--cores", "2", "--timeline", str(picture)]) == 0
    assert picture.read_text().startswith("<svg ")


@pytest.mark.parametrize(
    "words, says",
    [(["--on", "qemu-riscv32", "--cores", "1"], "several cores"), (["--on", "host", "--cores", "2"], "cannot tell")],
)
def test_what_has_no_timeline_is_refused(
    words: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "in.npz", input_0=np.zeros((1, 1, 8, 8, 1), np.int8))
    given = ["run", str(DIGITS), "--inputs", str(tmp_path / "in.npz"), "--outputs", str(tmp_path / "out.npz")]
    assert cli.main([*given, *words, "--timeline", str(tmp_path / "out.svg")]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out.svg").exists()
