"""Firmware around a fake model, on the emulated boards: results, exact counts, stack, sizes, and every way to fail."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ariel_build import boards
from ariel_build.boards import Board
from ariel_build.errors import BoardError, InternalError
from ariel_build.machine import process, resources
from ariel_build.run import Facts, execute, firmware
from ariel_build.run.emulate import Emulated, emulate
from ariel_build.run.firmware import Subject
from tests.run.support import CLOCKED, ON

Fake = Callable[[int], Subject]

KEYS = {
    "board",
    "cores",
    "samples",
    "instructions_per_inference",
    "instructions_per_core",
    "makespan_instructions",
    "cycles",
    "cycles_kind",
    "cycles_per_core",
    "bus_waits_per_core",
    "units_per_inference",
    "steals_per_inference",
    "sleeps_per_inference",
    "flash_bytes",
    "ram_bytes",
    "weights_bytes",
    "arena_bytes",
    "stack_bytes",
    "stack_per_core",
    "elf_flash_bytes",
    "elf_ram_bytes",
    "macs",
}


def sample(what: str) -> bytes:
    """Returns an input that has the fake model do `what`."""
    return what.encode() + bytes(range(1, 8))


def run(board: Board, subject: Subject, *samples: str, timeout: float = 60) -> Emulated:
    """Runs the fake on the samples, counting."""
    image = firmware.build(board, subject)
    return emulate(board, image, [sample(what) for what in samples], count=True, timeout=timeout)


@pytest.mark.parametrize("board", [*CLOCKED, pytest.param(boards.load("host"), id="host")])
def test_samples_are_consecutive_after_one_reset(board: Board, fake: Fake) -> None:
    emulated = run(board, fake(1000), "n", "n", "n")
    assert emulated.outputs == [bytes([count, *range(254, 247, -1)]) for count in (1, 2, 3)]


@pytest.mark.parametrize("board", CLOCKED)
def test_a_loop_of_known_length_counts_as_it_is(board: Board, fake: Fake) -> None:
    emulated = run(board, fake(1000), "l", "b", "x", "n")
    assert emulated.counts is not None
    (bare,), (block,), (loop,), (nothing,) = (count.instructions for count in emulated.counts)
    assert bare == 1_000_000
    assert block == 3
    # Around the loop lies the call with its copy of the input: less than a hundred instructions.
    assert 1_000_000 < loop <= 1_000_000 + nothing + 20
    assert nothing < 100


@pytest.mark.parametrize("board", CLOCKED)
def test_counts_are_repeatable(board: Board, fake: Fake) -> None:
    assert run(board, fake(1000), "x", "n").counts == run(board, fake(1000), "x", "n").counts


@pytest.mark.parametrize("board", CLOCKED)
def test_the_painted_stack_tells_its_depth(board: Board, fake: Fake) -> None:
    without = run(board, fake(1000), "n").stack
    with_ = run(board, fake(1000), "k").stack
    assert without is not None
    assert with_ is not None
    assert without[0] < 100
    assert 256 <= with_[0] < 256 + 100


@pytest.mark.parametrize("board", CLOCKED)
def test_stats_have_the_keys_of_the_contract(board: Board, fake: Fake) -> None:
    subject = fake(1000)
    facts = Facts(weights_bytes=11, arena_bytes=1000, macs=12)
    execution = execute(subject.folder, subject.module, board, [sample("l"), sample("b")], facts=facts)
    stats = execution.stats
    assert stats is not None
    assert set(stats) == KEYS
    assert stats["samples"] == 2
    assert stats["instructions_per_inference"] == 500_001.5
    assert stats["instructions_per_core"] == [500_001.5]
    assert stats["makespan_instructions"] == 500_001.5
    # Where there are cycles: 1 for the subtraction, 2 for a branch that is taken, 1 for the last, which is not.
    kind = {"rp2040-sim": "modelled", "qemu-cortex-m4": "estimated"}.get(board.name)
    assert stats["cycles"] == ((1_499_999 + 3) / 2 if kind else None)
    assert stats["cycles_kind"] == kind
    assert (stats["weights_bytes"], stats["arena_bytes"], stats["macs"]) == (11, 1000, 12)
    # Two buffers of 16, the arena and a counter, rounded up to 16.
    assert stats["ram_bytes"] == 1040
    assert isinstance(stats["flash_bytes"], int)
    assert 0 < stats["flash_bytes"] < 5000
    assert isinstance(stats["elf_flash_bytes"], int)
    assert stats["elf_flash_bytes"] > stats["flash_bytes"]


def test_the_host_gives_results_and_no_guesses(fake: Fake) -> None:
    subject = fake(1000)
    execution = execute(subject.folder, subject.module, boards.load("host"), [sample("n")])
    assert execution.stats is not None
    assert set(execution.stats) == KEYS
    per_core = {key for key in KEYS if key.endswith("_per_core")}
    measured = KEYS - {"board", "cores", "samples"} - per_core
    assert all(execution.stats[key] is None for key in measured)
    assert all(execution.stats[key] == [None] for key in per_core)


@pytest.mark.parametrize("board", CLOCKED)
def test_no_samples_are_no_outputs(board: Board, fake: Fake) -> None:
    assert run(board, fake(1000)).outputs == []


@pytest.mark.parametrize(
    "what, words",
    [("f", "met a fault of the core"), ("p", "panicked"), ("e", "an error from `infer`")],
    ids=["fault", "panic", "error"],
)
@pytest.mark.parametrize("board", [ON["qemu-cortex-m7"], ON["qemu-cortex-m0"], ON["qemu-riscv32"]])
def test_firmware_that_fails_is_a_defect_with_its_reason(board: Board, fake: Fake, what: str, words: str) -> None:
    with pytest.raises(InternalError, match=words):
        run(board, fake(1000), what)


@pytest.mark.parametrize("board", [ON["qemu-cortex-m7"]])
def test_firmware_that_hangs_is_stopped(board: Board, fake: Fake) -> None:
    with pytest.raises(InternalError, match="did not end within 2 seconds"):
        run(board, fake(1000), "h", timeout=2)


@pytest.mark.parametrize("arena, what", [(1000, "s"), (10_000, "d")], ids=["out of memory", "into the data"])
@pytest.mark.parametrize("board", [ON["qemu-cortex-m0"]])
def test_a_stack_that_meets_the_data_is_refused(board: Board, fake: Fake, arena: int, what: str) -> None:
    with pytest.raises(BoardError, match="its stack grew into the data") as refusal:
        run(board, fake(arena), what)
    assert "qemu-cortex-m0" in refusal.value.render()


@pytest.mark.parametrize("board", [ON["qemu-cortex-m0"]])
def test_a_model_too_large_is_refused_before_the_build(board: Board, fake: Fake) -> None:
    subject = Subject(Path("nowhere"), "fake")
    facts = Facts(weights_bytes=300_000, arena_bytes=22_820, macs=0)
    with pytest.raises(BoardError) as refusal:
        execute(subject.folder, subject.module, board, [bytes(490)], facts=facts)
    assert "23,822 bytes of RAM, the board has 16,384" in refusal.value.render()
    assert "300,000 bytes of flash, the board has 262,144" in refusal.value.render()


@pytest.mark.parametrize("board", [ON["qemu-cortex-m0"]])
def test_what_the_linker_cannot_place_is_refused_with_numbers(board: Board, fake: Fake) -> None:
    with pytest.raises(BoardError, match=r"needs [\d,]+ bytes of RAM more than the 16,384"):
        firmware.build(board, fake(20_000))
    with pytest.raises(BoardError, match="no RAM is left for a stack"):
        firmware.build(board, fake(16_384 - 300))


@pytest.mark.parametrize("board", [ON["qemu-cortex-m4"]])
def test_processes_that_build_at_once_do_not_meet(
    board: Board, fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A cache of its own, so that there is something to build; the emulator may lie in the other.
    emulator = resources.emulator("qemu-system-arm")
    assert emulator is not None
    monkeypatch.setenv("ARIEL_QEMU", str(emulator.parent))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    script = (
        "import sys; from pathlib import Path; from ariel_build import boards; from ariel_build.run import execute; "
        "e = execute(Path(sys.argv[1]), 'fake', boards.load(sys.argv[2]), [b'n1234567']); print(e.stats['ram_bytes'])"
    )
    sizes = (100, 200, 300, 400)
    folders = [fake(size).folder for size in sizes]

    def start(folder: Path) -> str:
        done = process.run([sys.executable, "-c", script, str(folder), board.name], timeout=300)
        return done.stdout.strip() or done.stderr

    with ThreadPoolExecutor(len(sizes)) as pool:
        answers = list(pool.map(start, folders))
    assert answers == [str((16 + 16 + 1 + size + 15) // 16 * 16) for size in sizes]
