"""Weights in fast memory: what gains most is there, the ELF file and the core agree, and answers are the same."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ariel_build.boards import Board, Memory, board_file
from ariel_build.config.options import ModelOptions
from ariel_build.cores.hot import constant_bytes
from ariel_build.driver import Compiled, compile_model
from ariel_build.errors import BoardError
from ariel_build.link import models as link
from ariel_build.run.elf import sections
from ariel_build.run.firmware import Subject, build
from tests.ops import parity, tflm
from tests.run.test_fetch import ARM, dense, marked, ran

KB = 1 << 10


def with_fast_memory(board: Board, hot: int = 64 * KB) -> Board:
    """Returns the board, where the last bytes of its RAM are a memory of their own."""
    first = board.banks("ram")[0]
    rest = replace(first, length=first.length - 64 * KB)
    fast = Memory("tcm", "ram", first.origin + rest.length, 64 * KB, cores=(0,), hot=hot, section=".tcm")
    others = [memory for memory in board.memories if memory is not first]
    return replace(board, memories=(*others, rest, fast))


def model(path: Path) -> list[tflm.Operator]:
    """Writes layers of 4, 16 and 1 KB of weights."""
    made = [dense(64, 64, 12), dense(128, 128, 12), dense(64, 16, 12)]
    path.write_bytes(tflm.models(made))
    return made


def compiled_for(board: Board, path: Path, cores: int = 1) -> Compiled:
    return compile_model(path, ModelOptions(path, cores=cores), board, "model")


def hot_weights(compiled: Compiled) -> list[int]:
    """Returns the multiply-accumulates, of one row the weights, of layers in fast memory."""
    return [step.call.macs for step in compiled.schedule.steps if step.call.hot]


def test_as_much_is_there_as_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "dense.tflite"
    model(path)
    slow = ARM["m4"]
    assert len(hot_weights(compiled_for(with_fast_memory(slow), path))) == 3
    some = compiled_for(with_fast_memory(slow, 6 * KB), path)
    assert sorted(hot_weights(some)) == [64 * 16, 64 * 64]
    sizes = [constant_bytes(step.call) for step in some.schedule.steps if step.call.hot]
    assert some.hot_bytes == sum(sizes) <= 6 * KB
    assert some.ram_bytes >= some.plan.arena_bytes + some.hot_bytes
    assert "weights in `tcm` (section `.tcm.ariel.model`)" in "".join(some.notes)
    assert some.predicted.cycles < compiled_for(slow, path).predicted.cycles
    # Nothing is gained where weights come as fast as they are read, nor with a core that does not reach the memory.
    fast = replace(slow, memories=tuple(replace(memory, wait_states=0) for memory in slow.memories))
    assert not hot_weights(compiled_for(with_fast_memory(fast), path))
    two = replace(with_fast_memory(slow), cores=slow.cores * 2)
    assert not hot_weights(compiled_for(two, path, cores=2))
    assert len(hot_weights(compiled_for(two, path))) == 3


@pytest.mark.parametrize("board", [marked(ARM[name], name) for name in ("m4", "m7", "m33")])
def test_they_lie_where_the_board_says(board: Board, tmp_path: Path) -> None:
    board = with_fast_memory(board, 24 * KB)
    path = tmp_path / "dense.tflite"
    made = model(path)
    rng = np.random.default_rng(5)
    samples = [[rng.integers(-128, 128, (1, n)).astype(np.int8) for n in (64, 128, 64)] for _ in range(2)]
    want = parity.tflite(path, made, samples)
    compiled = compiled_for(board, path)
    assert len(hot_weights(compiled)) == 3
    done = ran(compiled, tmp_path, board, samples)
    assert done.outputs == [b"".join(np.ascontiguousarray(x).tobytes() for x in answer) for answer in want]
    (found,) = [s for s in sections(build(board, Subject(tmp_path, "model")).read_bytes()) if s.name == ".hot"]
    tcm = next(memory for memory in board.memories if memory.hot)
    assert tcm.origin + tcm.length - tcm.hot == found.address
    # Loaded from flash, which has their bytes, too.
    assert found.size == compiled.hot_bytes and found.loaded


def test_a_section_that_no_script_places_is_told() -> None:
    need = link.Need("model", ram=0, weights=64, flash_most=0, stack_most=0, hot=".tcm.ariel.model")
    (told,) = link.warnings([need], link.Layout({}))
    assert "places the section `.tcm.ariel.model`, which has weights of `model` for fast memory" in told.message
    assert not link.warnings([replace(need, hot=".data.ariel.model")], link.Layout({}))


@pytest.mark.parametrize(
    "line, says",
    [
        ('hot = "5K"', "5,120 bytes, and the memory has 4,096"),
        ('hot = "much"', "`memories[0].hot` is"),
        ('section = ".dtcm"', "say by `hot` and `scratch` how many bytes"),
        ('hot = "1K"\nsection = "dtcm"', "`memories[0].section` is"),
    ],
)
def test_what_a_board_cannot_have_is_refused(line: str, says: str) -> None:
    text = f"""
target = "thumbv7em-none-eabihf"
[[cores]]
name = "m"
isa = "armv7e-m"
[[memories]]
name = "tcm"
kind = "ram"
origin = 0x2000_0000
length = "4K"
{line}
"""
    with pytest.raises(BoardError) as refused:
        board_file.read("b.toml", "b", tomllib.loads(text))
    assert says in str(refused.value)
