"""Boards: `boards/<name>.toml` -> frozen `Board`, `Core`, `Memory`, `Emulation`.

A board file says what the compiler and `run` cannot know by themselves: the target triple, the cores (which need not be
equal), the memories, and how the board is emulated. `KEYS` below is its grammar; a key outside it is an error.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NoReturn, cast

from ariel_build import option_values, resources
from ariel_build.errors import BoardError

__all__ = ["Board", "Core", "Emulation", "Memory", "MemoryKind", "generic_for", "known", "load"]

FloatUnit = Literal["single", "double"]
MemoryKind = Literal["flash", "ram"]

#: The instruction sets that board files may name; `rv32` with its extensions is matched by its form.
ISAS = ("portable", "host", "armv6-m", "armv7-m", "armv7e-m", "armv8-m.base", "armv8-m.main", "xtensa")

#: Every key of a board file by table, with the TOML type that it takes; those that end in `!` are required.
KEYS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "": {
        "description": str,
        "target!": str,
        "rustflags": list,
        "cores!": list,
        "memories": list,
        "run": dict,
        "generic": dict,
    },
    "cores": {"name!": str, "isa!": str, "fpu": str, "dsp": bool, "clock-hz": int, "count": int},
    "memories": {"name!": str, "kind!": str, "origin!": int, "length!": (int, str)},
    "run": {"emulator!": str, "machine": str, "cpu": str, "arguments": list, "count": str},
    "generic": {"target-prefix!": str},
}


@dataclass(frozen=True)
class Core:
    """One core: its instruction set, whether it has a floating point unit and DSP instructions, and its clock."""

    name: str
    isa: str
    fpu: FloatUnit | None = None
    dsp: bool = False
    clock_hz: int | None = None


@dataclass(frozen=True)
class Memory:
    """A bank of memory. The first of its kind is where firmware puts code (flash), or data and stack (ram)."""

    name: str
    kind: MemoryKind
    origin: int
    length: int


@dataclass(frozen=True)
class Emulation:
    """How `run` executes firmware: an emulator with its machine, and what can be counted on it."""

    emulator: str
    machine: str = ""
    cpu: str = ""
    arguments: tuple[str, ...] = ()
    counts_instructions: bool = False


@dataclass(frozen=True)
class Board:
    """What code is generated for, and where it can run. `target` is a Rust target triple, `host` or `any`."""

    name: str
    target: str
    cores: tuple[Core, ...]
    memories: tuple[Memory, ...] = ()
    rustflags: tuple[str, ...] = ()
    run: Emulation | None = None
    description: str = ""
    target_prefix: str | None = None

    @property
    def is_host(self) -> bool:
        """True where firmware is an ordinary program of this computer."""
        return self.target == "host"

    @property
    def is_generic(self) -> bool:
        """True for the boards that stand for a whole family of targets."""
        return self.target_prefix is not None

    def banks(self, kind: MemoryKind) -> tuple[Memory, ...]:
        """Returns the memories of one kind, in the order of the board file."""
        return tuple(memory for memory in self.memories if memory.kind == kind)

    def total(self, kind: MemoryKind) -> int | None:
        """Returns the bytes of all memories of one kind, or None where the board makes no claim."""
        banks = self.banks(kind)
        return sum(memory.length for memory in banks) if banks else None


def known() -> list[str]:
    """Returns the names of all boards that come with the compiler, sorted."""
    return sorted(path.stem for path in resources.path("boards").glob("*.toml"))


def load(name_or_path: str) -> Board:
    """Returns the board of that name, or the one in the TOML file at that path."""
    if name_or_path.endswith(".toml") or "/" in name_or_path or "\\" in name_or_path:
        path = Path(name_or_path)
    else:
        path = resources.path("boards") / f"{name_or_path}.toml"
        if name_or_path not in known():
            raise BoardError(
                f"there is no board `{name_or_path}`" + _nearest(name_or_path, known()),
                help="`ariel-build boards` lists those known; the path of a TOML file of your own works, too",
            )
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BoardError(f"cannot read the board file: {error.strerror}", origin=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BoardError(f"the board file is not TOML: {error}", origin=str(path)) from None
    return _Reader(str(path)).board(path.stem, document)


def generic_for(target: str) -> Board:
    """Returns the single-core board that stands for a target triple: the generic board with the longest fitting prefix.

    What the triple tells (hardware floating point, RISC-V extensions) is taken from it.
    """
    boards = [board for board in map(load, known()) if board.target_prefix is not None]
    fitting = [board for board in boards if target.startswith(board.target_prefix or "")]
    board = max(fitting, key=lambda board: len(board.target_prefix or ""))
    core = board.cores[0]
    if target.startswith("thumb") and target.endswith("hf"):
        core = replace(core, fpu="single")
    riscv = re.match(r"riscv32([a-z]+)", target)
    if riscv:
        # The letters behind `g` or `i` are the extensions: f and d are floating point.
        letters = riscv[1]
        fpu: FloatUnit | None = "double" if "d" in letters or "g" in letters else "single" if "f" in letters else None
        core = replace(core, isa=f"rv32{letters}", fpu=fpu)
    return replace(board, target=target, cores=(core,))


def _nearest(word: str, choices: list[str]) -> str:
    """Returns `: did you mean ..?` for the closest choice, or nothing where none is close."""
    close = difflib.get_close_matches(word, choices, n=1)
    return f": did you mean `{close[0]}`?" if close else ""


class _Reader:
    """Reads one board file; every refusal names the file and the key."""

    def __init__(self, origin: str) -> None:
        self.origin = origin

    def board(self, name: str, document: Mapping[str, object]) -> Board:
        """Returns the board that the document describes."""
        self._check("", document, "")
        generic = cast("dict[str, str]", document.get("generic", {}))
        if "generic" in document:
            self._check("generic", generic, "generic.")
        return Board(
            name=name,
            target=str(document["target"]),
            cores=self._cores(document["cores"]),
            memories=self._memories(document.get("memories", [])),
            rustflags=self._strings("rustflags", document.get("rustflags", [])),
            run=self._emulation(document["run"]) if "run" in document else None,
            description=str(document.get("description", "")),
            target_prefix=generic.get("target-prefix"),
        )

    def _cores(self, tables: object) -> tuple[Core, ...]:
        cores: list[Core] = []
        for where, table in self._tables("cores", tables):
            isa = str(table["isa"])
            if isa not in ISAS and not re.fullmatch(r"rv32[a-z]+", isa):
                self._refuse(f"`{where}isa`: `{isa}` is not an instruction set" + _nearest(isa, [*ISAS, "rv32imac"]))
            fpu = table.get("fpu")
            if fpu is not None and fpu not in ("single", "double"):
                self._refuse(f'`{where}fpu` is `{fpu}`: write "single" or "double", or leave it out')
            clock = cast("int | None", table.get("clock-hz"))
            count = cast("int", table.get("count", 1))
            if count < 1 or (clock is not None and clock < 1):
                self._refuse(f"`{where}count` and `{where}clock-hz` have to be positive")
            core = Core(str(table["name"]), isa, fpu, bool(table.get("dsp", False)), clock)
            cores += [core] * count
        if not cores:
            self._refuse("`cores` is empty: a board has at least one")
        return tuple(cores)

    def _memories(self, tables: object) -> tuple[Memory, ...]:
        memories: list[Memory] = []
        for where, table in self._tables("memories", tables):
            kind = table["kind"]
            if kind not in ("flash", "ram"):
                self._refuse(f'`{where}kind` is `{kind}`: write "flash" or "ram"')
            try:
                length = option_values.size(table["length"])
            except ValueError as error:
                self._refuse(f"`{where}length` is {table['length']!r}: {error}")
            origin = cast("int", table["origin"])
            if origin < 0 or origin + length > 1 << 32:
                self._refuse(f"`{where}origin` and length reach outside the 32-bit address space")
            name = str(table["name"])
            for other in memories:
                if name == other.name:
                    self._refuse(f"two memories have the name `{name}`")
                if origin < other.origin + other.length and other.origin < origin + length:
                    self._refuse(f"the memories `{other.name}` and `{name}` overlap")
            memories.append(Memory(name, kind, origin, length))
        return tuple(memories)

    def _emulation(self, table: object) -> Emulation:
        entries = cast("dict[str, object]", table)
        self._check("run", entries, "run.")
        count = entries.get("count", "nothing")
        if count not in ("instructions", "nothing"):
            self._refuse(f'`run.count` is `{count}`: write "instructions" or "nothing"')
        return Emulation(
            emulator=str(entries["emulator"]),
            machine=str(entries.get("machine", "")),
            cpu=str(entries.get("cpu", "")),
            arguments=self._strings("run.arguments", entries.get("arguments", [])),
            counts_instructions=count == "instructions",
        )

    def _tables(self, key: str, value: object) -> list[tuple[str, Mapping[str, object]]]:
        """Returns the tables of `[[key]]` with the prefix that messages use, each checked against `KEYS`."""
        tables: list[tuple[str, Mapping[str, object]]] = []
        for index, table in enumerate(cast("list[object]", value)):
            where = f"{key}[{index}]."
            if not isinstance(table, dict):
                self._refuse(f"`{key}` is a list of tables: write each under `[[{key}]]`")
            self._check(key, table, where)
            tables.append((where, table))
        return tables

    def _strings(self, key: str, value: object) -> tuple[str, ...]:
        items = cast("list[object]", value)
        if not all(isinstance(item, str) for item in items):
            self._refuse(f"`{key}` is a list of strings")
        return tuple(cast("list[str]", items))

    def _check(self, kind: str, table: Mapping[str, object], prefix: str) -> None:
        """Refuses keys outside `KEYS[kind]`, values of another type, and required keys that are missing."""
        types = {key.rstrip("!"): type_ for key, type_ in KEYS[kind].items()}
        for key, value in table.items():
            if key not in types:
                self._refuse(f"unknown key `{prefix}{key}`" + _nearest(key, list(types)), f"known: {', '.join(types)}")
            # TOML's booleans are not numbers, though Python's are.
            if not isinstance(value, types[key]) or (isinstance(value, bool) and types[key] is not bool):
                self._refuse(f"`{prefix}{key}` has a value of the wrong type: {value!r}")
        for key in KEYS[kind]:
            if key.endswith("!") and key[:-1] not in table:
                self._refuse(f"`{prefix}{key[:-1]}` is missing")

    def _refuse(self, message: str, help: str = "") -> NoReturn:
        raise BoardError(message, origin=self.origin, help=help)
