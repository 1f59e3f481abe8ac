"""Machines that we do not have: each is a table of what its programs answer."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ariel_build.machine import resources
from tools.setup import Needs, crates, debian, distribution_rust, qemu, rp2040, rtl, rust
from tools.setup.process import Result


@dataclass(frozen=True)
class Call:
    """A program as it is started: its command line and its folder."""

    words: tuple[str, ...]
    cwd: Path

    def last_path(self) -> Path:
        """Returns the last word that is an absolute path."""
        return Path(next(word for word in reversed(self.words) if word.startswith("/")))


Answer = Result | Callable[[Call], Result]
M7, M0 = "thumbv7em-none-eabihf", "thumbv6m-none-eabi"
EMULATORS = ("qemu-system-arm", "qemu-system-riscv32")
#: What is asked for where a test does not ask for less.
NEEDS = Needs((M7, M0, "riscv32imac-unknown-none-elf"), EMULATORS)
OK = Result(0)
_WHICH = shutil.which
#: Cargo looks whether it has the crates.
FETCH = f"cargo fetch --quiet --locked --manifest-path {crates.FIRMWARE}/Cargo.toml"


class Machine:
    """A machine whose programs answer from a table: the longest prefix of the command line wins, else failure."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Makes a Debian with a linker and a current Rust; nothing else."""
        self.answers: dict[str, Answer] = {
            "rustc --version": Result(0, "rustc 1.95.0 (59807616e 2026-04-14)\n"),
            FETCH: OK,
        }
        self.ran: list[str] = []
        self.programs = {"apt-get", "cc", "lld", "rustc", "rustup"}
        self.root = True
        self.can_build: set[tuple[str | None, str]] = set()
        self.emulators: set[str] = set()
        for module in (crates, debian, distribution_rust, qemu, rp2040, rtl, rust):
            monkeypatch.setattr(module, "run", self.run)
        #: As it is in truth: it looks for files.
        self.found_emulator = resources.emulator
        monkeypatch.setattr("shutil.which", self.which)
        monkeypatch.setattr("os.geteuid", lambda: 0 if self.root else 1000)
        monkeypatch.setattr(debian, "_refreshed", False)
        for module in (rust, distribution_rust):
            monkeypatch.setattr(module, "compiles", self.can_compile)
        monkeypatch.setattr(
            "ariel_build.machine.resources.emulator", lambda name: Path(name) if name in self.emulators else None
        )
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.delenv("ARIEL_TOOLCHAIN", raising=False)

    def which(self, name: str, path: str | None = None) -> str | None:
        if path is not None:
            return _WHICH(name, path=path)
        return name if name in self.programs else None

    def emulator(self, name: str) -> Path | None:
        return Path(name) if name in self.emulators else None

    def can_compile(self, target: str, *, rustc: str | Path = "rustc", toolchain: str | None = None) -> bool:
        return (toolchain or (str(rustc) if rustc != "rustc" else None), target) in self.can_build

    def run(self, *command: str | Path, cwd: Path | None = None, **_: object) -> Result:
        line = " ".join(map(str, command))
        self.ran.append(line)
        known = [prefix for prefix in self.answers if line.startswith(prefix)]
        if str(command[0]) in self.emulators and command[1] == "--version":
            return OK
        if not known:
            return Result(127, stderr=f"{line}: not found")
        answer = self.answers[max(known, key=len)]
        return answer if isinstance(answer, Result) else answer(Call(tuple(map(str, command)), cwd or Path()))

    def did(self, prefix: str) -> list[str]:
        return [line for line in self.ran if line.startswith(prefix)]

    def complete(self) -> None:
        """Gives the machine everything."""
        self.can_build = {(None, target) for target in NEEDS.targets}
        self.emulators = set(EMULATORS)

    def gains(self, *, emulators: tuple[str, ...] = (), targets: tuple[str, ...] = ()) -> Callable[[Call], Result]:
        """Returns an answer that succeeds and leaves these things installed."""

        def answer(_: Call) -> Result:
            self.emulators |= set(emulators)
            self.can_build |= {(None, target) for target in targets}
            return OK

        return answer
