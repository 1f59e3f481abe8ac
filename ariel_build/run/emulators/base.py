"""What an emulator is: a command line that runs firmware, and what there is to know of its pace and its counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import ClassVar

from ariel_build.boards import Board, Emulation
from ariel_build.errors import BoardError
from ariel_build.records import dataclass

__all__ = ["EMULATORS", "Emulator", "Job", "of", "register"]


@dataclass(frozen=True)
class Job:
    """Firmware that was built for `cores` cores of a board. It reads in.bin and writes out.bin where it runs.

    With `count` the emulator writes counts.json; `timeline` is the place and size of memory in which it tells each
    store there. What takes long is said.
    """

    run: Emulation
    elf: Path
    cores: int
    count: bool
    timeline: tuple[int, int] | None
    say: Callable[[str], None]
    #: The firmware of cores that run their own.
    others: tuple[Path, ...] = ()


class Emulator(ABC):
    """One way to run firmware."""

    #: The `run.emulator` of boards that run here, as patterns.
    names: ClassVar[tuple[str, ...]]
    #: What is said of how slow it is. Where anything is, every inference has the whole time limit.
    pace: ClassVar[str] = ""
    #: What clock cycles in counts.json are: "rtl" are those of the real core's logic.
    cycles_kind: ClassVar[str] = "modelled"
    #: Whether it notes stores with their times on any board, not only where its counter knows of doorbells.
    notes_stores: ClassVar[bool] = False

    @abstractmethod
    def command(self, job: Job) -> list[str | Path]:
        """Returns the command line; SetupError with what to install where it cannot run here."""

    def environment(self) -> Mapping[str, str]:
        """Returns the variables that the command needs besides those of this process."""
        return {}


EMULATORS: dict[str, Emulator] = {}


def register(kind: type[Emulator]) -> type[Emulator]:
    """Makes an emulator known to board files, under its names."""
    EMULATORS.update(dict.fromkeys(kind.names, kind()))
    return kind


def of(board: Board) -> tuple[Emulation, Emulator]:
    """Returns how a board runs here and what runs it; BoardError where its file names nothing that we know."""
    if board.run is None:
        raise BoardError(
            f"the board {board.name} cannot run here: its file names no emulator",
            help="choose an emulated board with --on; `ariel-build boards` lists them",
        )
    name = board.run.emulator
    found = next((emulator for pattern, emulator in EMULATORS.items() if fnmatchcase(name, pattern)), None)
    if found is None:
        raise BoardError(
            f"the board {board.name} cannot run here: nothing is known of its emulator `{name}`",
            help=f"`run.emulator` is one of {', '.join(sorted(EMULATORS))}",
        )
    return board.run, found
