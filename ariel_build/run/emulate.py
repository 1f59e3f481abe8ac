"""Runs firmware on the samples: on the host as a program, else in the board's emulator. Files in, files out."""

from __future__ import annotations

import json
import os
import re
import struct
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ariel_build.boards import Board, Emulation
from ariel_build.errors import BoardError, InternalError, SetupError
from ariel_build.machine import process, resources
from ariel_build.run import counter, rp2040, rtl

__all__ = ["Count", "Emulated", "Pooled", "command", "emulate"]

#: What the statuses of `harness/firmware/src/platform/mod.rs` mean: defects of ours, but for the stack.
_STATUSES = {
    40: "found no input, or too little",
    41: "takes inputs of another size than it was given",
    42: "could not write its results",
    43: "ended with an error from `infer`",
    45: "panicked",
    46: "met a fault of the core",
}
_STACK_OVERFLOW = 44
_UNKNOWN = 0xFFFF_FFFF
#: The Debian and Fedora packages of each emulator.
_PACKAGES = {
    "qemu-system-arm": "qemu-system-arm",
    "qemu-system-riscv32": "qemu-system-misc (Fedora: qemu-system-riscv)",
}


@dataclass(frozen=True)
class Count:
    """What one inference took; None is what the board does not count.

    `instructions` of each core leave out those it waited with. The time from start to end, waiting included, is
    `makespan` in instructions and `cycles` in clock cycles. `awake` are the cycles in which each core did not sleep;
    `bus_waits` are the cycles that its requests to fetch, load and store waited for their turn. `steps` has
    instructions and cycles of each step, by its number, in firmware with markers of steps; `timeline` has
    core, time and place of each store into the memory for it.
    """

    instructions: list[int]
    makespan: int | None
    cycles: int | None = None
    awake: list[int] | None = None
    bus_waits: list[int] | None = None
    steps: dict[int, tuple[int, int]] | None = None
    timeline: list[tuple[int, int, int]] | None = None


@dataclass(frozen=True)
class Pooled:
    """What a core did for the pool over all samples: units completed, those of them stolen, times gone to sleep."""

    units: int
    steals: int
    sleeps: int


@dataclass(frozen=True)
class Emulated:
    """What a run gave: the output bytes of each sample; what each inference took, where counted; the stack per core.

    `pool` has a row for each core; None on one core, and where the firmware has no pool.
    """

    outputs: list[bytes]
    counts: list[Count] | None
    stack: list[int] | None
    pool: list[Pooled] | None = None


def emulate(
    board: Board,
    elf: Path,
    samples: Sequence[bytes],
    *,
    cores: int = 1,
    count: bool,
    timeout: float,
    timeline: tuple[int, int] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Emulated:
    """Runs firmware that was built for `cores` cores once over all samples.

    `timeline` is the place and size of memory in it: each store there is told in the counts.
    """
    with tempfile.TemporaryDirectory(prefix="ariel-run-") as place:
        work = Path(place)
        size = len(samples[0]) if samples else 0
        (work / "in.bin").write_bytes(struct.pack("<II", len(samples), size) + b"".join(samples))
        count = count and board.run is not None and board.run.counts_instructions
        command_line = command(board, elf, cores=cores, count=count, timeline=timeline, say=say)
        what = f"{len(samples)} sample{'' if len(samples) == 1 else 's'} on {board.name}"
        if board.run is not None and board.run.emulator == rtl.EMULATOR:
            say(f"running {what}, clock cycle by clock cycle: minutes for a large model")
            timeout = rtl.seconds(timeout, len(samples))
        elif board.run is not None and board.run.emulator == rp2040.EMULATOR:
            say(f"running {what}, instruction by instruction: a minute for a large model")
            timeout = rtl.seconds(timeout, len(samples))
        else:
            say(f"running {what}")
        done = process.run(command_line, cwd=work, env=_environment(board), timeout=timeout)
        _refuse(board, done)
        outputs = _split((work / "out.bin").read_bytes(), len(samples))
        depths = struct.unpack(f"<{cores}I", (work / "stack.bin").read_bytes())
        stack = None if _UNKNOWN in depths else list(depths)
        counts = _counts(work / "counts.json", len(samples)) if count else None
        return Emulated(outputs, counts, stack, _pool(work / "pool.bin", cores))


def command(
    board: Board,
    elf: Path,
    *,
    cores: int,
    count: bool,
    timeline: tuple[int, int] | None = None,
    say: Callable[[str], None],
) -> list[str | Path]:
    """Returns the command line that runs the firmware."""
    run = board.run
    if run is None:
        raise BoardError(
            f"the board {board.name} cannot run here: its file names no emulator",
            help="choose an emulated board with --on; `ariel-build boards` lists them",
        )
    if board.is_host:
        return [elf]
    if run.emulator == rtl.EMULATOR:
        return [rtl.bed(run, cores, say), elf, "counts.json"]
    if run.emulator == rp2040.EMULATOR:
        watch = [] if timeline is None else ["--timeline", f"{timeline[0]}:{timeline[1]}"]
        return [*rp2040.command(), "--cores", str(cores), "--counts", "counts.json", *watch, elf]
    program = _find(run)
    words: list[str | Path] = [program, *(["-machine", run.machine] if run.machine else [])]
    words += ["-cpu", run.cpu] if run.cpu else []
    # No window, no monitor on our terminal; files and the exit status through semihosting.
    words += ["-display", "none", "-monitor", "none", "-serial", "null"]
    words += ["-semihosting-config", "enable=on,target=native", *run.arguments]
    if cores > 1:
        # A thread for each core: in one thread they take long turns, and the counter cannot keep their clocks together.
        words += ["-accel", "tcg,thread=multi", *(["-smp", str(cores)] if run.smp else [])]
    if count:
        # QEMU splits options at commas; two stand for one.
        library = str(counter.library(program, say)).replace(",", ",,")
        words += ["-plugin", ",".join([library, "out=counts.json", *counter.arguments(run, cores, timeline)])]
    return [*words, "-kernel", elf]


def _environment(board: Board) -> dict[str, str] | None:
    """Returns the variables that the emulator needs besides those of this process."""
    if board.run is not None and board.run.emulator == rp2040.EMULATOR:
        return {**os.environ, **rp2040.environment()}
    return None


def _find(run: Emulation) -> Path:
    found = resources.emulator(run.emulator)
    if found is None:
        package = _PACKAGES.get(run.emulator, run.emulator)
        raise SetupError(
            f"the emulator `{run.emulator}` is not installed",
            help=f"`nox -s setup` in a checkout installs it, or Debian's package {package}; "
            "ARIEL_QEMU names the folder of one that lies elsewhere",
        )
    return found


def _refuse(board: Board, done: process.Completed) -> None:
    """Raises what a run that did not end well means."""
    if done.status == 0:
        return
    if done.status == _STACK_OVERFLOW or _locked_up_below_ram(board, done.stderr):
        raise BoardError(
            f"the model does not fit {board.name}: its stack grew into the data below it",
            help='a board with more RAM, `optimize = "ram"`, or a model with smaller activations',
        )
    if "plugin" in done.stderr and ("not enabled" in done.stderr or "invalid option" in done.stderr):
        raise SetupError(
            "this QEMU is built without plugins, so that nothing can be counted",
            help="install a QEMU with plugins (Debian's has them) and name its folder in ARIEL_QEMU",
        )
    what = _STATUSES.get(done.status, f"was ended by signal {-done.status}" if done.status < 0 else "failed")
    raise InternalError(f"the firmware on {board.name} {what} (status {done.status})\n{done.last_lines()}".rstrip())


def _locked_up_below_ram(board: Board, stderr: str) -> bool:
    """Returns whether an Arm core could not even take a fault because its stack pointer had left the RAM."""
    found = re.search(r"Lockup.*R13=([0-9a-f]{8})", stderr, re.DOTALL)
    ram = board.banks("ram")
    return bool(found and ram and not ram[0].origin + 64 <= int(found[1], 16) < ram[0].origin + ram[0].length)


def _split(data: bytes, samples: int) -> list[bytes]:
    """Returns the outputs of each sample."""
    if samples == 0:
        return []
    size, rest = divmod(len(data), samples)
    if rest:
        raise InternalError("the firmware wrote outputs that are not of one size", {"bytes": len(data)})
    return [data[size * index : size * (index + 1)] for index in range(samples)]


def _pool(path: Path, cores: int) -> list[Pooled] | None:
    """Returns what each core did for the pool, or None where there is none, or nobody used it."""
    if cores == 1 or not path.exists():
        return None
    rows = list(struct.iter_unpack("<3I", path.read_bytes()))
    return [Pooled(*row) for row in rows] if any(map(any, rows)) else None


def _counts(path: Path, samples: int) -> list[Count]:
    """Returns what each inference took; the first section, the warm-up, is left out."""
    try:
        counts: dict[str, Any] = json.loads(path.read_text())
        unheard = counts.get("unheard", 0)
        taken = [_section(section) for section in counts["sections"]]
    except (OSError, ValueError, KeyError) as error:
        raise InternalError("the instruction counter wrote no counts", {"error": str(error)}) from None
    if len(taken) != (samples + 1 if samples else 0):
        raise InternalError("the markers in the firmware are not as many as inferences", {"sections": len(taken)})
    if unheard:
        raise InternalError("a core was woken that does not listen, so that counts do not repeat", {"times": unheard})
    return taken[1:]


def _section(section: dict[str, Any]) -> Count:
    """Returns one section of counts.json: cycles are the instruction counter's estimate or a clock's."""
    waits = [section[key] for key in ("fetch_waits", "data_waits") if key in section]
    return Count(
        [all_ - idle for all_, idle in zip(section["executed"], section["idle"], strict=True)],
        section.get("makespan"),
        section.get("cycles"),
        section.get("awake"),
        [sum(core) for core in zip(*waits, strict=True)] if waits else None,
        {step: (instructions, cycles) for step, instructions, cycles in section.get("steps", [])} or None,
        [(core, time, offset) for core, time, offset in section.get("timeline", [])] or None,
    )
