"""cycles = sum over executed blocks of times * llvm-mca's cycles in steady state: an estimate of the Cortex-M55.

A block is what QEMU translates at once: code up to a branch. llvm-mca (LLVM 16 or later has a model of that core) runs
each alone, again and again: no wait states, no cost of a branch, nothing of a block overlaps another one.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ariel_build.boards.board import Board
from ariel_build.errors import InternalError, SetupError
from ariel_build.machine import process
from ariel_build.run.emulate import emulate

__all__ = ["KIND", "Block", "cycles_of", "modelled", "version"]

#: What these cycles are.
KIND = "modelled by llvm-mca"

#: Versions of LLVM that know the core, the preferred one first; Debian's programs have it in their names.
_VERSIONS = (19, 18, 17, 16, 20, 21)
#: Iterations of a block: what the second run has more is its steady state.
_SHORT, _LONG = 100, 200
_CORE = "cortex-m55"
#: What llvm-mca has no cycles for: the ends of low-overhead loops and reading flags of the FPU take one here, and calls
#: what branches do instead of 100; where a branch goes to does not matter, but has to be near.
_STANDS_FOR = (
    (re.compile(r"^(?:w|d)?l(?:s|e|stp|etp|ctp)\b.*"), "nop"),
    (re.compile(r"^bl\b.*"), "b 0x0"),
    (re.compile(r"^blx\b"), "bx"),
    (re.compile(r"^vmrs\b.*"), "nop"),
    (re.compile(r"(?<!#)0x[0-9a-f]+$"), "#8"),
)
#: What makes the instructions behind it conditional.
_IT = re.compile(r"it[te]*\b")


@dataclass(frozen=True)
class Block:
    """A piece of code that was executed so many times, and the cycles of one time."""

    address: int
    instructions: int
    times: int
    cycles: float


def version() -> int | None:
    """Returns the version of LLVM's programs that are used, or None where none is installed that knows the core."""
    return next((v for v in _VERSIONS if shutil.which(f"llvm-mca-{v}") and shutil.which(f"llvm-objdump-{v}")), None)


def modelled(board: Board, image: Path, samples: Sequence[bytes]) -> list[Block]:
    """Returns what one inference of this firmware executes on average, with cycles."""
    if board.run is None:
        raise InternalError(f"the board {board.name} does not run here")
    told = replace(board, run=replace(board.run, timing="blocks"))
    counts = emulate(told, image, samples, count=True, timeout=600).counts or []
    executed: dict[tuple[int, int], int] = {}
    for count in counts:
        for address, instructions, times in count.blocks or ():
            executed[address, instructions] = executed.get((address, instructions), 0) + times
    texts = _disassembled(image)
    codes = [_code(texts, address, instructions) for address, instructions in executed]
    return [
        Block(address, instructions, times // len(counts), cycles)
        for ((address, instructions), times), cycles in zip(executed.items(), cycles_of(codes), strict=True)
    ]


def _tool(name: str) -> str:
    found = version()
    if found is None:
        raise SetupError(
            "llvm-mca with a model of the Cortex-M55 is not installed", help="Debian's package llvm-19 has it"
        )
    return f"{name}-{found}"


def _disassembled(image: Path) -> dict[int, tuple[int, str]]:
    """Returns the instructions by address: bytes of each, and its text."""
    line = re.compile(r"^\s*([0-9a-f]+):\s+((?:[0-9a-f]{4} ?){1,2})\s+(\S.*)$")
    words: list[str | Path] = [_tool("llvm-objdump"), "-d", f"--mcpu={_CORE}", "--no-print-imm-hex", image]
    done = process.run(words, timeout=300)
    if done.status:
        raise InternalError(f"llvm-objdump failed: {done.last_lines()}")
    found = {}
    for match in filter(None, map(line.match, done.stdout.splitlines())):
        text = re.sub(r"\s*[<@].*$", "", match[3]).replace("\t", " ")
        for pattern, stands_for in _STANDS_FOR:
            text = pattern.sub(stands_for, text)
        found[int(match[1], 16)] = (2 * len(match[2].split()), text)
    return found


def _code(texts: dict[int, tuple[int, str]], address: int, instructions: int) -> list[str]:
    """Returns the instructions of a block, which may end or begin between an IT and what hangs on it."""
    _, before = texts.get(address - 2, (0, ""))
    code = [before] if _IT.match(before) else []
    for _ in range(instructions):
        if address not in texts:
            raise InternalError(f"no instruction at {address:#x}")
        size, text = texts[address]
        code.append(text)
        address += size
    return [*code[:-1], "nop"] if _IT.match(code[-1]) else code


def cycles_of(codes: Sequence[Sequence[str]]) -> list[float]:
    """Returns the cycles of one time of each code, over and over."""
    if not codes:
        return []
    source = "".join(
        f"# LLVM-MCA-BEGIN {index}\n" + "\n".join(code) + f"\n# LLVM-MCA-END {index}\n"
        for index, code in enumerate(codes)
    )
    with tempfile.TemporaryDirectory(prefix="ariel-mca-") as folder:
        file = Path(folder) / "blocks.s"
        file.write_text(".syntax unified\n" + source)
        short, long = (_run(file, iterations) for iterations in (_SHORT, _LONG))
    return [(long[index] - short[index]) / (_LONG - _SHORT) for index in range(len(codes))]


def _run(source: Path, iterations: int) -> dict[int, int]:
    """Returns the cycles of so many iterations of each region."""
    words = [
        _tool("llvm-mca"),
        "-mtriple=thumbv8.1m.main-none-eabihf",
        f"-mcpu={_CORE}",
        "-json",
        f"-iterations={iterations}",
    ]
    words += ["-instruction-info=false", "-resource-pressure=false"]
    done = process.run([*words, source], timeout=600)
    if done.status:
        raise InternalError(f"llvm-mca failed: {done.last_lines()}")
    regions: list[dict[str, Any]] = json.loads(done.stdout)["CodeRegions"]
    return {int(region["Name"]): region["SummaryView"]["TotalCycles"] for region in regions}
