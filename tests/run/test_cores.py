"""Firmware on several cores: results, makespan and how it repeats, instructions and stack of each core, failures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ariel_build import boards
from ariel_build.boards import Board
from ariel_build.errors import BoardError, InternalError
from ariel_build.run import elf, execute, firmware
from ariel_build.run.emulate import Emulated, emulate
from ariel_build.run.firmware import Subject
from ariel_build.run.stats import collect
from tests.run.support import ALL, ON, SEVERAL, TWO

ROWS, LENGTH = 64, 256


def expected() -> int:
    """Returns the sum of the products of each row with the first one: the checksum of fake_pool.rs."""
    rows = [[((row * 7 + column * 13) + 128) % 256 - 128 for column in range(LENGTH)] for row in range(ROWS)]
    return sum(a * b for row in rows for a, b in zip(row, rows[0], strict=True))


def run(board: Board, subject: Subject, samples: str, *, cores: int, quantum: int | None = None) -> Emulated:
    """Runs the fake on the samples, counting; `quantum` instead of the board's own."""
    image = firmware.build(board, subject, cores=cores)
    if quantum is not None:
        assert board.run is not None
        board = replace(board, run=replace(board.run, quantum=quantum))
    inputs = [sample.encode() + bytes(7) for sample in samples]
    return emulate(board, image, inputs, cores=cores, count=True, timeout=60)


def count(board: Board, subject: Subject, *, cores: int, quantum: int | None = None) -> tuple[int, list[int]]:
    """Returns the makespan of one inference, and the instructions of each core."""
    counts = run(board, subject, "n", cores=cores, quantum=quantum).counts
    assert counts is not None
    assert counts[0].makespan is not None
    return counts[0].makespan, counts[0].instructions


@pytest.mark.parametrize(
    "board, cores",
    [*ALL, *(pytest.param(boards.load("host"), cores, id=f"{cores} threads") for cores in (1, 4))],
)
def test_results_are_the_same_on_any_number_of_cores(board: Board, cores: int, pool: Subject) -> None:
    outputs = run(board, pool, "nnn", cores=cores).outputs
    assert outputs == [expected().to_bytes(4, "little", signed=True) + bytes(4)] * 3


@pytest.mark.parametrize("board, cores", SEVERAL)
def test_rows_that_are_claimed_one_by_one_take_their_share_of_the_time(board: Board, cores: int, pool: Subject) -> None:
    one, _ = count(board, pool, cores=1)
    # The last rows leave cores without work: of 64, one core of three takes 22.
    possible = ROWS / -(-ROWS // cores)
    exact, per_core = count(board, pool, cores=cores, quantum=0)
    assert 0.997 * possible < one / exact <= possible
    # Cores that wait do not work; those that work do nothing else than on one core, but for the claims and the waking.
    assert one < sum(per_core) < 1.004 * one
    loose, _ = count(board, pool, cores=cores)
    assert abs(loose - exact) < 0.001 * exact


@pytest.mark.parametrize("quantum", [0, 50, 1000])
@pytest.mark.parametrize("board, cores", SEVERAL)
def test_counts_of_several_cores_repeat_to_the_instruction(
    board: Board, cores: int, quantum: int, pool: Subject
) -> None:
    counts = [run(board, pool, "nnn", cores=cores, quantum=quantum).counts for _ in range(2)]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("board, cores", ALL)
def test_stats_tell_of_each_core(board: Board, cores: int, pool: Subject) -> None:
    sizes, baseline = (elf.sizes(firmware.build(board, subject, cores=cores).read_bytes()) for subject in (pool, None))
    stats = collect(board, run(board, pool, "n", cores=cores), None, sizes, baseline, cores=cores)
    per_core, makespan = stats["instructions_per_core"], stats["makespan_instructions"]
    assert isinstance(per_core, list)
    assert isinstance(makespan, int)
    assert len(per_core) == cores
    # The others' clocks may be a little ahead when the first core ends.
    assert all(isinstance(number, int) and 0.9 * makespan < number < 1.01 * makespan for number in per_core)
    assert stats["cores"] == cores
    assert stats["instructions_per_inference"] == sum(number for number in per_core if number is not None)
    assert stats["cycles"] is None
    # Four words of the fake's own, its input and output, and gaps; no stacks of workers.
    assert isinstance(stats["ram_bytes"], int)
    assert 16 + 32 <= stats["ram_bytes"] < 100


@pytest.mark.parametrize("board, cores", ALL)
def test_each_core_has_its_stack_measured(board: Board, cores: int, pool: Subject) -> None:
    without, with_ = (run(board, pool, what, cores=cores).stack for what in "nk")
    assert without is not None
    assert with_ is not None
    assert len(without) == len(with_) == cores
    assert all(16 <= depth < 200 for depth in without)
    assert abs(without[0] - with_[0]) < 16
    assert all(256 <= depth < 256 + 200 for depth in with_[1:])


@pytest.mark.parametrize("board, cores", TWO)
def test_a_worker_that_panics_is_a_defect_with_its_reason(board: Board, cores: int, pool: Subject) -> None:
    with pytest.raises(InternalError, match="panicked"):
        run(board, pool, "p", cores=cores)


@pytest.mark.parametrize("board, cores", TWO)
def test_a_worker_whose_stack_is_too_small_is_told(board: Board, cores: int, pool: Subject) -> None:
    with pytest.raises(BoardError, match="its stack grew into the data"):
        run(board, pool, "s", cores=cores)


@pytest.mark.parametrize("board", [ON["qemu-cortex-m33x2"]])
def test_a_board_has_so_many_cores(board: Board, pool: Subject) -> None:
    with pytest.raises(BoardError, match="qemu-cortex-m33x2 has 2 cores, not 3"):
        execute(pool.folder, pool.module, board, [b"n1234567"], cores=3)
