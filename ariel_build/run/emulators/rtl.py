"""The bed of verilated CV32E40X cores: built on demand from `harness/rtl` and the sources that set-up fetches.

`verilator` turns the cores, the memory and the devices into C++; the compiler makes a program of them, which runs
firmware clock cycle by clock cycle. There is one for each number of cores and each set of a board's `run.arguments`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from ariel_build.boards.board import Emulation
from ariel_build.errors import InternalError, SetupError
from ariel_build.machine import process, resources
from ariel_build.run import cache
from ariel_build.run.emulators.base import Emulator, Job, register

__all__ = ["Bed", "bed"]

_VERILATE = "verilator"
HARNESS = resources.path("harness/rtl")

_SECONDS = 1800.0
_MODULES = ("core.sv", "memory.sv", "bed.sv", "main.cpp")

#: Corrections to the sources, in a copy: file, what stands there once, what we need.
_PATCHES = (
    # That version decodes atomics as byte accesses, which would reach the bus with one byte enabled.
    ("rtl/cv32e40x_a_decoder.sv", "lsu_size         = 2'b00;", "lsu_size         = 2'b10;"),
    # mcycle and minstret stand still after reset; in QEMU they run.
    ("rtl/cv32e40x_cs_registers.sv", "mcountinhibit_q <= MCOUNTINHIBIT_MASK;", "mcountinhibit_q <= '0;"),
)

#: Two-state simulation as fast as it gets. The core assigns members of one struct in both ways (BLKANDNBLK), and its
#: lints are not ours to mend.
_VERILATOR = (
    *("--cc", "--exe", "--build", "-j", "2", "--top-module", "bed", "-o", "bed", "--no-timing", "--noassert"),
    *("-O3", "--x-assign", "fast", "--x-initial", "fast"),
    *("-Wno-fatal", "-Wno-lint", "-Wno-style", "-Wno-BLKANDNBLK"),
    *("-CFLAGS", "-std=c++20", "-MAKEFLAGS", "OPT_FAST=-O2 OPT_GLOBAL=-O2 OPT_SLOW=-O1"),
)


@register
class Bed(Emulator):
    """The verilated cores; they count, asked or not."""

    names = (_VERILATE,)
    pace = "clock cycle by clock cycle: minutes for a large model"
    cycles_kind = "rtl"

    def command(self, job: Job) -> list[str | Path]:
        """Returns the program, built where it is not kept, and its words."""
        return [bed(job.run, job.cores, job.say), job.elf, "counts.json"]


def bed(run: Emulation, cores: int, say: Callable[[str], None]) -> Path:
    """Returns the program that runs firmware on so many cores: `bed ELF COUNTS`."""
    version = _verilator()
    sources = _sources()
    kept = cache.folder("rtl")
    ours = cache.digest_of_files(HARNESS)
    made_of = [ours, resources.CV32E40X, version, str(cores), *run.arguments, *_VERILATOR, repr(_PATCHES)]
    built = kept / f"{cache.digest(made_of)}.bed"
    if built.exists():
        return built
    say(f"building the test bed of {cores} core{'' if cores == 1 else 's'}, which takes a minute")
    with cache.slot(kept) as slot:
        if not built.exists():
            cache.publish(_build(slot, sources, run, cores), built)
    return built


def _verilator() -> str:
    """Returns the version line of verilator, having made sure that it can build here."""
    missing = [program for program in (_VERILATE, "make", "g++") if shutil.which(program) is None]
    if missing:
        raise SetupError(
            f"this board's cores are made by Verilator: there is no {' and no '.join(f'`{name}`' for name in missing)}",
            help="`nox -s setup -- rtl` in a checkout installs it, or "
            f"`sudo apt-get install --no-install-recommends {' '.join(missing)}`",
        )
    asked = process.run([_VERILATE, "--version"], timeout=60)
    found = re.match(r"Verilator (\d+)\.", asked.stdout)
    if not found or int(found[1]) < 5:
        raise SetupError(
            f"Verilator 5 or later is needed; this is `{asked.stdout.strip() or asked.last_lines(1)}`",
            help="Debian 12, Ubuntu 24.04 and later have it, or see https://verilator.org",
        )
    return asked.stdout.strip()


def _sources() -> Path:
    """Returns the folder with the sources of the core."""
    found = resources.cv32e40x()
    if found is None:
        raise SetupError(
            "the sources of the CV32E40X are not here",
            help="`nox -s setup -- rtl` in a checkout fetches them, or "
            f"`python3 -m pip install --no-deps --target {resources.cv32e40x_home()} {resources.CV32E40X}`",
        )
    return found


def _build(slot: Path, sources: Path, run: Emulation, cores: int) -> Path:
    """Verilates and compiles in an empty place; returns the program."""
    core, made = slot / "core", slot / "made"
    for old in (core, made):
        shutil.rmtree(old, ignore_errors=True)
    for part in ("rtl", "bhv"):
        shutil.copytree(sources / part, core / part)
    for name, old_text, new_text in _PATCHES:
        path = core / name
        text = path.read_text(encoding="utf-8")
        if text.count(old_text) != 1:
            raise InternalError("a source of the CV32E40X is not the one that we correct", {"file": name})
        path.write_text(text.replace(old_text, new_text), encoding="utf-8")
    first = [core / "rtl" / name for name in ("include/cv32e40x_pkg.sv", "if_c_obi.sv", "if_xif.sv")]
    modules = sorted(core.glob("rtl/cv32e40x_*.sv"))
    gate = core / "bhv" / "cv32e40x_sim_clock_gate.sv"
    command: list[str | Path] = [_VERILATE, *_VERILATOR, f"-GHARTS={cores}", "-CFLAGS", f"-DHARTS={cores}"]
    command += [*run.arguments, "--Mdir", made, f"-I{core / 'rtl' / 'include'}", "-CFLAGS", f"-I{HARNESS}"]
    command += [*first, *modules, gate, *(HARNESS / name for name in _MODULES)]
    done = process.run(command, cwd=slot, timeout=_SECONDS)
    if done.status:
        raise InternalError(f"the test bed does not build:\n{done.last_lines(40)}")
    return made / "bed"
