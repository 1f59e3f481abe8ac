"""Reads a board file, `boards/<name>.toml` -> `Board`; `KEYS` is its grammar, and a key outside it is an error."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn, cast

from ariel_build.boards.board import Board, Core, Emulation, Memory, Power, Project, Vectors
from ariel_build.config import option_values
from ariel_build.errors import BoardError

__all__ = ["closest", "document", "read"]

#: The instruction sets that board files may name; `rv32` with its extensions is matched by its form.
ISAS = ("portable", "host", "armv6-m", "armv7-m", "armv7e-m", "armv8-m.base", "armv8-m.main", "xtensa")

#: Every key of a board file by table, with the TOML type that it takes; those that end in `!` are required.
KEYS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "": {
        "description": str,
        "target!": str,
        "rustflags": list,
        "chips": list,
        "max-tile": str,
        "cores!": list,
        "memories": list,
        "power": dict,
        "project": dict,
        "run": dict,
        "generic": dict,
    },
    "cores": {
        "name!": str,
        "isa!": str,
        "fpu": str,
        "dsp": bool,
        "mve": str,
        "clock-hz": int,
        "cycles-per-instruction": (int, float),
        "count": int,
        "image": str,
        "target": str,
    },
    "memories": {
        "name!": str,
        "kind!": str,
        "origin!": int,
        "length!": (int, str),
        "interleaved": int,
        "cores": list,
        "bytes-per-cycle": (int, float),
        "image": str,
        "shared": bool,
        "wait-states": int,
        "weights": bool,
        "dma": bool,
        "hot": (int, str),
        "section": str,
        "scratch": (int, str),
    },
    "power": {"volts!": (int, float), "active-ua-per-mhz!": (int, float), "sleep-ua": (int, float)},
    "project": {"start!": str, "chip": str, "probe": str, "dispatcher": str, "laze": str},
    "run": {
        "emulator!": str,
        "machine": str,
        "cpu": str,
        "arguments": list,
        "count": str,
        "smp": bool,
        "doorbells": list,
        "quantum": int,
        "timing": str,
        "dma": int,
    },
    "generic": {"target-prefix!": str},
}


#: The numbers that a key may have, from the first to the last: more than any chip has, and nothing beyond reckoning.
BOUNDS: dict[str, dict[str, tuple[float, float]]] = {
    "cores": {"clock-hz": (1, 10**11), "cycles-per-instruction": (0.01, 1000), "count": (1, option_values.MOST_CORES)},
    "memories": {
        "origin": (0, (1 << 32) - 1),
        "interleaved": (1, 1024),
        "bytes-per-cycle": (0.0001, 4096),
        "wait-states": (0, 10**6),
    },
    "power": {"volts": (0.1, 100), "active-ua-per-mhz": (0.001, 10**6), "sleep-ua": (0, 10**6)},
    "run": {"quantum": (0, 10**9), "dma": (0, (1 << 32) - 1)},
}
#: The largest file that is read, in bytes, and the most entries of a list.
MOST_BYTES, MOST_ENTRIES = 1 << 20, 256


def closest(word: str, choices: list[str]) -> str:
    """Returns `: did you mean ..?` for the closest choice, or nothing where none is close."""
    close = difflib.get_close_matches(word, choices, n=1)
    return f": did you mean `{close[0]}`?" if close else ""


def document(path: Path) -> Mapping[str, object]:
    """Returns what a board file says, as TOML; BoardError where it cannot be read or is none."""
    try:
        if path.exists() and not path.is_file():
            raise BoardError("cannot read the board file: it is no regular file", str(path))
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise BoardError(f"the board file has more than {MOST_BYTES:,} bytes", str(path))
        return tomllib.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise BoardError(f"cannot read the board file: {error.strerror}", str(path)) from None
    except RecursionError:
        raise BoardError("the board file is nested too deeply", str(path)) from None
    except ValueError as error:
        # Of TOML, of UTF-8, of integers with thousands of digits, of a path that no system takes.
        raise BoardError(f"the board file is not TOML: {error}", str(path)) from None


def read(origin: str, name: str, document: Mapping[str, object]) -> Board:
    """Returns the board `name` that the document from the file `origin` describes."""
    return _Reader(origin).board(name, document)


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
            cores=(cores := self._cores(document["cores"])),
            memories=self._memories(document.get("memories", []), cores),
            rustflags=self._strings("rustflags", document.get("rustflags", [])),
            run=self._emulation(document["run"], len(cores)) if "run" in document else None,
            description=str(document.get("description", "")),
            chips=self._strings("chips", document.get("chips", [])),
            target_prefix=generic.get("target-prefix"),
            max_tile=self._duration("max-tile", document["max-tile"]) if "max-tile" in document else None,
            power=self._power(document["power"]) if "power" in document else None,
            project=self._project(document["project"]) if "project" in document else None,
        )

    def _cores(self, tables: object) -> tuple[Core, ...]:
        cores: list[Core] = []
        for where, table in self._tables("cores", tables):
            isa = str(table["isa"])
            if isa not in ISAS and not re.fullmatch(r"rv32[a-z]+", isa):
                self._refuse(f"`{where}isa`: `{isa}` is not an instruction set" + closest(isa, [*ISAS, "rv32imac"]))
            fpu = table.get("fpu")
            if fpu is not None and fpu not in ("single", "double"):
                self._refuse(f'`{where}fpu` is `{fpu}`: write "single" or "double", or leave it out')
            clock = cast("int | None", table.get("clock-hz"))
            count = cast("int", table.get("count", 1))
            mean = cast("float | None", table.get("cycles-per-instruction"))
            mve = self._vectors(where, table, isa)
            image, target = str(table.get("image", "")), str(table.get("target", ""))
            dsp = bool(table.get("dsp", False))
            core = Core(str(table["name"]), isa, fpu, dsp, clock, mean, mve, image, target)
            cores += [core] * count
            if len(cores) > option_values.MOST_CORES:
                self._refuse(f"`cores` has more than {option_values.MOST_CORES} in all, which no pool takes")
        if not cores:
            self._refuse("`cores` is empty: a board has at least one")
        if len({bool(core.image) for core in cores}) > 1:
            self._refuse("`cores`: some name their `image` and others do not: name it for all, or for none")
        if cores[0].target:
            self._refuse("`cores[0].target`: the first core's target is the board's: write it there")
        return tuple(cores)

    def _vectors(self, where: str, table: Mapping[str, object], isa: str) -> Vectors | None:
        """Returns which vectors of Helium a core has; those that have any have what these instructions stand on."""
        mve = table.get("mve")
        if mve is None:
            return None
        if mve not in ("int", "float"):
            self._refuse(f'`{where}mve` is `{mve}`: write "int" or "float", or leave it out')
        if isa != "armv8-m.main" or not table.get("dsp", False):
            self._refuse(f"`{where}mve` is `{mve}`: only cores of armv8-m.main with `dsp = true` have Helium")
        if mve == "float" and table.get("fpu") is None:
            self._refuse(f'`{where}mve` is "float", and the core has no `fpu`: then it has vectors of "int"')
        return mve

    def _memories(self, tables: object, cores: Sequence[Core]) -> tuple[Memory, ...]:
        memories: list[Memory] = []
        for where, table in self._tables("memories", tables):
            kind = table["kind"]
            if kind not in ("flash", "ram"):
                self._refuse(f'`{where}kind` is `{kind}`: write "flash" or "ram"')
            try:
                length = option_values.size(table["length"])
            except ValueError as error:
                self._refuse(f"`{where}length` is {_short(table['length'])}: {error}")
            origin = cast("int", table["origin"])
            if origin + length > 1 << 32:
                self._refuse(f"`{where}origin` and length reach outside the 32-bit address space")
            name = str(table["name"])
            image, shared = str(table.get("image", "")), bool(table.get("shared", False))
            for other in memories:
                if name == other.name:
                    self._refuse(f"two memories have the name `{name}`")
                # A core's own memory may be where another core has its own.
                apart = image and other.image and image != other.image
                if not apart and origin < other.origin + other.length and other.origin < origin + length:
                    self._refuse(f"the memories `{other.name}` and `{name}` overlap")
            interleaved = cast("int", table.get("interleaved", 1))
            near = self._numbers(f"{where}cores", table.get("cores", []))
            if any(core >= len(cores) for core in near):
                self._refuse(f"`{where}cores` names a core that the board does not have: the first is 0")
            bandwidth = cast("float | None", table.get("bytes-per-cycle"))
            if image and image not in (images := [core.image for core in cores]):
                self._refuse(f"`{where}image`: no core runs `{image}`" + closest(image, images))
            if shared and (kind != "ram" or image):
                self._refuse(f"`{where}shared`: programs meet in a RAM that is of none of them alone")
            waits, weights, dma = (table.get(key, 0) for key in ("wait-states", "weights", "dma"))
            if kind != "flash" and (waits or weights or dma):
                self._refuse(f"`{where}kind` is `ram`: `wait-states`, `weights` and `dma` are told of flash")
            if weights and any(memory.weights for memory in memories):
                self._refuse(f"`{where}weights`: another memory has the weights already")
            hot, scratch, section = self._fast(where, table, kind, length)
            if section and any(section == other.section for other in memories):
                self._refuse(f"`{where}section`: another memory has `{section}` already")
            slow = (cast("int", waits), bool(weights), bool(dma), hot, section, scratch)
            memories.append(Memory(name, kind, origin, length, interleaved, near, bandwidth, image, shared, *slow))
        return tuple(memories)

    def _fast(self, where: str, table: Mapping[str, object], kind: str, length: int) -> tuple[int, int, str]:
        """Returns the bytes of a memory that are for weights, those that are for scratch, and the section."""
        keys = ("hot", "scratch")
        if not table.keys() & set(keys):
            if "section" in table:
                self._refuse(
                    f"`{where}section` is that of weights and scratch: say by `hot` and `scratch` how many bytes they "
                    "may have"
                )
            return 0, 0, ""
        sizes = dict.fromkeys(keys, 0)
        for key in (key for key in keys if key in table):
            try:
                sizes[key] = option_values.size(table[key])
            except ValueError as error:
                self._refuse(f"`{where}{key}` is {_short(table[key])}: {error}")
            if kind != "ram":
                what = "weights that are worth it go" if key == "hot" else "kernels write their scratch, which goes"
                self._refuse(f"`{where}kind` is `flash`: {what} to RAM")
            if sizes[key] > length:
                self._refuse(f"`{where}{key}` is {sizes[key]:,} bytes, and the memory has {length:,}")
        hot, scratch = sizes.values()
        if hot + scratch > length:
            self._refuse(
                f"`{where}hot` and `{where}scratch` are {hot + scratch:,} bytes together, and the memory has {length:,}"
            )
        section = str(table.get("section", f".{table['name']}"))
        if not re.fullmatch(r"\.[\w.-]+", section):
            self._refuse(f"`{where}section` is {_short(section)}: `.`, letters, digits, `_`, `-` and `.` are expected")
        return hot, scratch, section

    def _power(self, table: object) -> Power:
        entries = cast("dict[str, float]", table)
        self._check("power", entries, "power.")
        return Power(entries["volts"], entries["active-ua-per-mhz"], entries.get("sleep-ua", 0.0))

    def _project(self, table: object) -> Project:
        entries = cast("dict[str, str]", table)
        self._check("project", entries, "project.")
        for key, value in entries.items():
            # They are written into files of TOML and Rust.
            if not re.fullmatch(r"[\w.-]+", value):
                self._refuse(f"`project.{key}` is {_short(value)}: letters, digits, `_`, `-` and `.` are expected")
        return Project(**entries)

    def _emulation(self, table: object, cores: int) -> Emulation:
        entries = cast("dict[str, object]", table)
        self._check("run", entries, "run.")
        count = entries.get("count", "nothing")
        if count not in ("instructions", "nothing"):
            self._refuse(f'`run.count` is `{count}`: write "instructions" or "nothing"')
        bells = cast("list[object]", entries.get("doorbells", []))
        doorbells = tuple(self._numbers("run.doorbells", addresses) for addresses in bells)
        if len(doorbells) not in (0, cores):
            self._refuse(
                f"`run.doorbells` has {len(doorbells)} entries for {cores} cores: write one list of addresses for each"
            )
        return Emulation(
            emulator=str(entries["emulator"]),
            machine=str(entries.get("machine", "")),
            cpu=str(entries.get("cpu", "")),
            arguments=self._strings("run.arguments", entries.get("arguments", [])),
            counts_instructions=count == "instructions",
            smp=bool(entries.get("smp", False)),
            doorbells=doorbells,
            quantum=cast("int", entries.get("quantum", 0)),
            timing=self._timing(entries.get("timing", "")),
            dma=cast("int | None", entries.get("dma")),
        )

    def _timing(self, name: object) -> str:
        """Returns the core whose timings the instruction counter knows, or an empty string."""
        if name not in ("", "cortex-m4"):
            self._refuse(f'`run.timing` is `{name}`: only the timings of "cortex-m4" are known')
        return str(name)

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

    def _duration(self, key: str, value: object) -> float:
        try:
            return option_values.duration(value)
        except ValueError as error:
            self._refuse(f"`{key}`: {error}")

    def _strings(self, key: str, value: object) -> tuple[str, ...]:
        items = cast("list[object]", value)
        if not all(isinstance(item, str) for item in items):
            self._refuse(f"`{key}` is a list of strings")
        return tuple(cast("list[str]", items))

    def _numbers(self, key: str, value: object) -> tuple[int, ...]:
        items = value if isinstance(value, list) else [None]
        if not all(isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 1 << 32 for item in items):
            self._refuse(f"`{key}` is a list of numbers from 0 on, of 32 bits")
        return tuple(cast("list[int]", items))

    def _check(self, kind: str, table: Mapping[str, object], prefix: str) -> None:
        """Refuses keys outside `KEYS[kind]`, values of another type or outside `BOUNDS`, and missing required keys."""
        bounds = BOUNDS.get(kind, {})
        types = {key.rstrip("!"): type_ for key, type_ in KEYS[kind].items()}
        for key, value in table.items():
            if key not in types:
                self._refuse(f"unknown key `{prefix}{key}`" + closest(key, list(types)), f"known: {', '.join(types)}")
            # TOML's booleans are not numbers, though Python's are.
            if not isinstance(value, types[key]) or (isinstance(value, bool) and types[key] is not bool):
                self._refuse(f"`{prefix}{key}` has a value of the wrong type: {_short(value)}")
            # So written that NaN is outside, too.
            if key in bounds and not bounds[key][0] <= cast("float", value) <= bounds[key][1]:
                low, high = bounds[key]
                self._refuse(f"`{prefix}{key}` is {_short(value)}: a number from {low:g} to {high:g} is expected")
            if isinstance(value, list) and len(value) > MOST_ENTRIES:
                self._refuse(f"`{prefix}{key}` has {len(value):,} entries, more than {MOST_ENTRIES}")
            if isinstance(value, str) and not value.isprintable():
                self._refuse(f"`{prefix}{key}` has characters that cannot be printed: {_short(value)}")
        for key in KEYS[kind]:
            if key.endswith("!") and key[:-1] not in table:
                self._refuse(f"`{prefix}{key[:-1]}` is missing")

    def _refuse(self, message: str, help: str = "") -> NoReturn:
        raise BoardError(message, origin=self.origin, help=help)


def _short(value: object) -> str:
    """Returns a value as messages show it."""
    if isinstance(value, int) and abs(value) > 10**30:
        return "a number of more than 30 digits"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:56]} .."
