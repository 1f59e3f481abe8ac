"""Archives of 32-bit ELF objects -> sections, and which of them need which: what a linker sees, read without one."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Program", "Section"]

_SYMTAB, _REL, _RELA = 2, 9, 4
_ALLOC, _WRITE = 2, 1
_UNDEFINED, _FIRST_RESERVED = 0, 0xFF00


@dataclass(eq=False)
class Section:
    """One function or constant: rustc gives each a section of its own."""

    name: str
    size: int
    flags: int
    index: int
    #: Names of global symbols, and sections of the same object, that it needs.
    symbols: set[str] = field(default_factory=set)
    sections: set[int] = field(default_factory=set)
    #: Bytes of stack of the function, where the compiler has noted them.
    frame: int | None = None


class Program:
    """The sections of several archives, with the symbols that they define."""

    def __init__(self, archives: list[Path]) -> None:
        """Reads all members that are ELF objects; the first definition of a symbol counts."""
        self.defined: dict[str, tuple[int, Section]] = {}
        self._objects: list[list[Section]] = []
        for archive in archives:
            for data in _members(archive.read_bytes()):
                if data[:6] == b"\x7fELF\x01\x01":
                    self._read(data)

    def _read(self, data: bytes) -> None:
        number = len(self._objects)
        headers = _headers(data)
        names = data[headers[struct.unpack_from("<H", data, 0x32)[0]][4] :]
        sections = [
            Section(_text(names, name), 0 if kind in (_SYMTAB, _REL, _RELA) else size, flags, index)
            for index, (name, kind, flags, _, _, size, *_) in enumerate(headers)
        ]
        self._objects.append(sections)
        symbols = _symbols(data, headers)
        for name, place, is_local in symbols:
            if place is not None and name and not is_local:
                self.defined.setdefault(name, (number, sections[place]))
        for _, kind, _, _, offset, size, _, target, _, entry in headers:
            if kind in (_REL, _RELA):
                for at in range(offset, offset + size, entry):
                    name, place, is_local = symbols[struct.unpack_from("<I", data, at + 4)[0] >> 8]
                    if place is not None and (is_local or not name):
                        sections[target].sections.add(place)
                    else:
                        sections[target].symbols.add(name)
        for index, (_, _, _, _, offset, size, link, *_) in enumerate(headers):
            if sections[index].name == ".stack_sizes" and size > 4:
                sections[link].frame = _uleb(data, offset + 4)

    def needs(self, key: tuple[int, Section]) -> Iterator[tuple[int, Section]]:
        """Yields the sections that one section needs."""
        number, section = key
        for place in section.sections:
            yield number, self._objects[number][place]
        for name in section.symbols:
            if name in self.defined:
                yield self.defined[name]

    def closure(self, name: str) -> set[tuple[int, Section]]:
        """Returns all sections that a function needs, itself included, as far as they go to flash."""
        found = {self.defined[name]}
        pending = list(found)
        while pending:
            for key in self.needs(pending.pop()):
                if key not in found and key[1].flags & _ALLOC and not _is_unwinding(key[1]):
                    found.add(key)
                    pending.append(key)
        return found

    def depth(self, name: str, unknown: int) -> int:
        """Returns bytes of stack of a function and what it calls; what nobody has noted takes `unknown` in all."""
        known: dict[tuple[int, Section], int] = {}

        def deepest(key: tuple[int, Section], above: frozenset[tuple[int, Section]]) -> int:
            if key in above or not key[1].name.startswith(".text"):
                return 0
            if key[1].frame is None:
                return unknown
            if key not in known:
                known[key] = key[1].frame + max((deepest(k, above | {key}) for k in self.needs(key)), default=0)
            return known[key]

        return deepest(self.defined[name], frozenset())


def _is_unwinding(section: Section) -> bool:
    """Whether a section serves panics that unwind, which firmware leaves out."""
    return section.name.startswith((".ARM.ex", ".eh_frame", ".gcc_except"))


def _members(data: bytes) -> Iterator[bytes]:
    """Yields the files of an archive."""
    at = 8
    while at + 60 <= len(data):
        size = int(data[at + 48 : at + 58])
        yield data[at + 60 : at + 60 + size]
        at += 60 + size + size % 2


def _headers(data: bytes) -> list[tuple[int, ...]]:
    (table,) = struct.unpack_from("<I", data, 0x20)
    entry, count = struct.unpack_from("<HH", data, 0x2E)
    return [struct.unpack_from("<10I", data, table + entry * k) for k in range(count)]


def _symbols(data: bytes, headers: list[tuple[int, ...]]) -> list[tuple[str, int | None, bool]]:
    """Returns name, section (None where it is elsewhere) and whether it is local, for each symbol."""
    for _, kind, _, _, offset, size, link, *_ in headers:
        if kind == _SYMTAB:
            names = data[headers[link][4] :]
            symbols = []
            for at in range(offset, offset + size, 16):
                name, _, _, info, _, place = struct.unpack_from("<IIIBBH", data, at)
                here = place if _UNDEFINED < place < _FIRST_RESERVED else None
                symbols.append((_text(names, name), here, info >> 4 == 0))
            return symbols
    return []


def _text(names: bytes, at: int) -> str:
    return names[at : names.index(b"\0", at)].decode(errors="replace")


def _uleb(data: bytes, at: int) -> int:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
        at, shift = at + 1, shift + 7
