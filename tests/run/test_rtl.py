"""The bed of verilated cores: the same answers and instructions as QEMU, and clock cycles."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ariel_build import boards
from ariel_build.boards.board import Board
from ariel_build.errors import InternalError, SetupError
from ariel_build.machine import process, resources
from ariel_build.machine.process import Completed
from ariel_build.run import firmware, toolchain
from ariel_build.run.emulate import Emulated, emulate
from ariel_build.run.emulators import rtl
from ariel_build.run.firmware import Subject
from ariel_build.run.stats import collect

PRIVATE, SHARED, QEMU = (boards.load(name) for name in ("rtl-riscv32", "rtl-riscv32-shared", "qemu-riscv32"))
HERE = Path(__file__).parent
Fake = Callable[[int], Subject]

on_bed = pytest.mark.rtl
on_qemu = pytest.mark.emulator("qemu-system-riscv32")
pytestmark = pytest.mark.target(PRIVATE.target)


@dataclass(frozen=True)
class Dots:
    """What dots.rs wrote, and what the bed counted."""

    sums: tuple[int, ...]
    mcycle: int
    minstret: int
    failures: int
    section: dict[str, Any]


@pytest.fixture(scope="module")
def dots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the workload of dots.rs as an ELF file."""
    chosen = toolchain.find(PRIVATE.target)
    elf = tmp_path_factory.mktemp("dots") / "dots.elf"
    flags = ["--edition=2024", f"--target={PRIVATE.target}", "-Copt-level=3", "-Cpanic=abort"]
    script = f"-Clink-arg=-T{HERE / 'rtl' / 'dots.x'}"
    command: list[str | Path] = ["rustc", *flags, script, "-o", elf, HERE / "rtl" / "dots.rs"]
    done = process.run(command, env=chosen.environment(), timeout=300)
    assert not done.status, done.stderr
    return elf


def start(board: Board, elf: Path, harts: int, place: Path) -> Completed:
    """Runs a program on the bed; `in.bin` has the number of harts."""
    assert board.run is not None
    (place / "in.bin").write_bytes(struct.pack("<I", harts))
    bed = rtl.bed(board.run, max(harts, 1), lambda _: None)
    return process.run([bed, elf, "counts.json"], cwd=place, timeout=600)


def run_dots(board: Board, elf: Path, harts: int, place: Path) -> Dots:
    """Runs the workload on so many cores of the bed."""
    done = start(board, elf, harts, place)
    assert not done.status, done.stderr
    *sums, mcycle, minstret, failures = struct.unpack("<64i3I", (place / "out.bin").read_bytes())
    (section,) = json.loads((place / "counts.json").read_text())["sections"]
    return Dots(tuple(sums), mcycle, minstret, failures, section)


def expected() -> tuple[int, ...]:
    """Returns the dot products that dots.rs computes."""
    state, values = 1, []
    for _ in range(65 * 256):
        state = (state * 1_664_525 + 1_013_904_223) % (1 << 32)
        byte = state >> 24
        values.append(byte - 256 if byte > 127 else byte)
    rows = [values[256 * row : 256 * (row + 1)] for row in range(65)]
    return tuple(sum(a * b for a, b in zip(row, rows[64], strict=True)) for row in rows[:64])


def run(board: Board, subject: Subject, *what: str, cores: int = 1, timeout: float = 60) -> Emulated:
    """Runs a fake model on the samples, counting."""
    image = firmware.build(board, subject, cores=cores)
    samples = [sample.encode() + bytes(range(1, 8)) for sample in what]
    return emulate(board, image, samples, cores=cores, count=True, timeout=timeout)


def cycles(emulated: Emulated) -> list[int]:
    """Returns the clock cycles of each inference."""
    assert emulated.counts is not None
    return [count.cycles or 0 for count in emulated.counts]


@pytest.mark.rtl
def test_firmware_is_the_same_as_for_qemu(fake: Fake) -> None:
    images = [firmware.build(board, fake(1000)).read_bytes() for board in (PRIVATE, SHARED, QEMU)]
    assert images[0] == images[1] == images[2]


@on_bed
@on_qemu
def test_answers_instructions_and_stack_are_those_of_qemu(fake: Fake) -> None:
    ours, theirs = (run(board, fake(1000), "n", "b", "k", "n") for board in (PRIVATE, QEMU))
    assert ours.outputs == theirs.outputs
    assert ours.stack == theirs.stack
    assert ours.counts is not None
    assert theirs.counts is not None
    assert [count.instructions for count in ours.counts] == [count.instructions for count in theirs.counts]


@on_bed
def test_a_loop_of_known_length_takes_the_cycles_of_the_manual(fake: Fake) -> None:
    block, loop = cycles(run(PRIVATE, fake(1000), "b", "l"))
    assert block == 3
    # An addition and a branch: 1 cycle, and 3 where it is taken; the last is not, and takes 1.
    assert loop == 500_000 * 4 - 2


@on_bed
@pytest.mark.parametrize(
    "what, words",
    [("f", "met a fault of the core"), ("p", "panicked"), ("e", "an error from `infer`")],
    ids=["fault", "panic", "error"],
)
def test_firmware_that_fails_is_a_defect_with_its_reason(fake: Fake, what: str, words: str) -> None:
    with pytest.raises(InternalError, match=words):
        run(PRIVATE, fake(1000), what)


@on_bed
def test_firmware_that_hangs_is_stopped(fake: Fake) -> None:
    with pytest.raises(InternalError, match="did not end within 4 seconds"):
        run(PRIVATE, fake(1000), "h", timeout=2)


@on_bed
def test_an_access_to_nowhere_ends_the_run(dots: Path, tmp_path: Path) -> None:
    done = start(PRIVATE, dots, 0, tmp_path)
    assert done.status == 46
    assert "hart 0 accessed 0x40000000, where there is nothing" in done.stderr


@on_bed
@pytest.mark.parametrize("board, harts", [(PRIVATE, 1), (PRIVATE, 2), (PRIVATE, 4), (SHARED, 1), (SHARED, 4)])
def test_sums_atomics_and_counters_are_right(board: Board, harts: int, dots: Path, tmp_path: Path) -> None:
    ran = run_dots(board, dots, harts, tmp_path)
    assert ran.sums == expected()
    assert ran.failures == 0
    # Between its reads of the core's own counters lie the markers, and a read waits for what is in flight.
    assert ran.minstret == ran.section["executed"][0] + 3
    assert 0 < ran.mcycle - ran.section["cycles"] < 20
    assert len(ran.section["executed"]) == harts


@on_bed
def test_cores_that_fetch_for_themselves_share_the_work_and_shared_banks_are_the_limit(
    dots: Path, tmp_path: Path
) -> None:
    private, shared = (
        [run_dots(board, dots, harts, tmp_path).section for harts in (1, 4)] for board in (PRIVATE, SHARED)
    )
    assert 3.9 < private[0]["cycles"] / private[1]["cycles"] <= 4
    assert 2.5 < shared[0]["cycles"] / shared[1]["cycles"] < 3.5
    assert private[1]["fetch_waits"] == [0] * 4
    # What is lost against private fetch was spent waiting for banks.
    lost = shared[1]["cycles"] - private[1]["cycles"]
    waits = [sum(pair) for pair in zip(shared[1]["fetch_waits"], shared[1]["data_waits"], strict=True)]
    assert all(0.8 * lost < wait < 1.4 * lost for wait in waits)


@on_bed
def test_the_harness_runs_on_four_cores(pool: Subject) -> None:
    one, four = (run(PRIVATE, pool, "n", "n", cores=cores) for cores in (1, 4))
    assert one.outputs == four.outputs
    # A loop that begins between two words takes a cycle more for each turn, and cores in step want the same bank.
    assert 3.2 < cycles(one)[0] / cycles(four)[0] < 4.1
    stats = collect(PRIVATE, four, None, None, None, cores=4)
    assert stats["cycles"] == sum(cycles(four)) / 2
    assert stats["makespan_instructions"] is None
    for key in ("instructions_per_core", "cycles_per_core", "bus_waits_per_core"):
        per_core = stats[key]
        assert isinstance(per_core, list)
        assert len(per_core) == 4
        assert all(isinstance(number, int | float) for number in per_core)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], None]:
    """Returns a maker of machines: these programs, and a verilator that says this."""

    def make(programs: str, version: str) -> None:
        monkeypatch.setattr("shutil.which", lambda name: name if name in programs.split() else None)
        monkeypatch.setattr(process, "run", lambda *_, **__: Completed(0, version, ""))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    return make


@pytest.mark.parametrize(
    "programs, version, message, help",
    [
        ("g++", "", "no `verilator` and no `make`", "sudo apt-get install --no-install-recommends verilator make"),
        ("verilator make g++", "Verilator 4.038", "this is `Verilator 4.038`", "verilator.org"),
        ("verilator make g++", "Verilator 5.006", "sources of the CV32E40X", "pip install --no-deps --target {}"),
    ],
    ids=["no Verilator", "an old one", "no core"],
)
def test_what_is_missing_is_told_with_the_command(
    machine: Callable[[str, str], None], programs: str, version: str, message: str, help: str
) -> None:
    machine(programs, version)
    assert PRIVATE.run is not None
    with pytest.raises(SetupError, match=message) as refusal:
        rtl.bed(PRIVATE.run, 1, lambda _: None)
    text = refusal.value.render()
    assert help.format(resources.cv32e40x_home()) in text
