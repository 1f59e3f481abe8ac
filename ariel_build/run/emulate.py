"""Runs firmware on the samples: on the host as a program, else in the board's emulator. Files in, files out."""

from __future__ import annotations

import json
import os
import re
import struct
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ariel_build.boards import Board
from ariel_build.errors import BoardError, InternalError, SetupError
from ariel_build.machine import process
from ariel_build.records import dataclass
from ariel_build.run import emulators
from ariel_build.run.emulators import Job

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


@dataclass(frozen=True)
class Count:
    """What one inference took; None is what the board does not count.

    `instructions` of each core leave out those it waited with. The time from start to end, waiting included, is
    `makespan` in instructions and `cycles` in clock cycles. `awake` are the cycles in which each core did not sleep;
    `bus_waits` are the cycles that its requests to fetch, load and store waited for their turn. `steps` has
    instructions and cycles of each step, by its number, in firmware with markers of steps; `timeline` has
    core, time and place of each store into the memory for it; `blocks` has address, instructions and times of each
    piece of code that was executed, with `timing="blocks"`.
    """

    instructions: list[int]
    makespan: int | None
    cycles: int | None = None
    awake: list[int] | None = None
    bus_waits: list[int] | None = None
    steps: dict[int, tuple[int, int]] | None = None
    timeline: list[tuple[int, int, int]] | None = None
    blocks: list[tuple[int, int, int]] | None = None


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
    sizes: Sequence[Sequence[int]] = (),
    others: Sequence[Path] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Emulated:
    """Runs firmware that was built for `cores` cores once over all samples.

    `sizes` tells how much there is of each bounded dimension, sample by sample; without, it is the bound.
    `timeline` is the place and size of memory in it: each store there is told in the counts. `others` is the firmware
    of cores that run their own.
    """
    with tempfile.TemporaryDirectory(prefix="ariel-run-") as place:
        work = Path(place)
        size = len(samples[0]) if samples else 0
        (work / "in.bin").write_bytes(struct.pack("<II", len(samples), size) + b"".join(samples))
        if sizes:
            table = [word for row in sizes for word in row]
            (work / "sizes.bin").write_bytes(struct.pack(f"<{len(table) + 1}I", len(sizes[0]), *table))
        count = count and board.run is not None and board.run.counts_instructions
        command_line = command(board, elf, cores=cores, count=count, timeline=timeline, others=others, say=say)
        what = f"{len(samples)} sample{'' if len(samples) == 1 else 's'} on {board.name}"
        _, emulator = emulators.of(board)
        say(f"running {what}, {emulator.pace}" if emulator.pace else f"running {what}")
        if emulator.pace:
            # The warm-up is an inference, too.
            timeout *= len(samples) + 1
        environment = {**os.environ, **emulator.environment()}
        done = process.run(command_line, cwd=work, env=environment, timeout=timeout)
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
    others: Sequence[Path] = (),
    say: Callable[[str], None],
) -> list[str | Path]:
    """Returns the command line that runs the firmware."""
    run, emulator = emulators.of(board)
    return emulator.command(Job(run, elf, cores, count, timeline, say, tuple(others)))


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
        [(start, count, times) for start, count, times in section.get("blocks", [])] or None,
    )
