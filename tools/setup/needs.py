"""What something builds and runs with: of tests their own marks tell it (tests/conftest.py), of boards their files."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Needs"]

_BOARDS = Path(__file__).resolve().parents[2] / "boards"
#: Not targets of a Rust that is to be had: a board for any target, this computer, and Espressif's own compiler.
_NO_TARGETS = ("any", "host", "xtensa")
_QEMU = "qemu-system-"


@dataclass(frozen=True)
class Needs:
    """Rust targets, emulators; whether Verilator (rtl-riscv32), rp2040js (rp2040-sim), `core`'s sources, a browser."""

    targets: tuple[str, ...] = ()
    emulators: tuple[str, ...] = ()
    verilated: bool = False
    pico: bool = False
    sources: bool = False
    browser: bool = False

    @classmethod
    def of_boards(cls, *, verilated: bool = False, pico: bool = False, browser: bool = False) -> Needs:
        """Returns all targets and emulators that board files name; the others come only when asked for."""
        files = [tomllib.loads(file.read_text()) for file in sorted(_BOARDS.glob("*.toml"))]
        targets = (file["target"] for file in files)
        emulators = (file.get("run", {}).get("emulator", "") for file in files)
        return cls(
            _sorted(target for target in targets if not target.startswith(_NO_TARGETS)),
            _sorted(program for program in emulators if program.startswith(_QEMU)),
            verilated,
            pico,
            browser=browser,
        )

    @classmethod
    def read(cls, file: Path) -> Needs:
        """Returns the needs that `write` has written."""
        found = json.loads(file.read_text())
        return cls(**found | {name: tuple(found[name]) for name in ("targets", "emulators")})

    def write(self, file: Path) -> None:
        """Writes them for another process."""
        file.write_text(json.dumps(asdict(self), indent=1) + "\n")


def _sorted(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(words)))
