"""ELF32, little-endian -> the sizes of its sections: enough to say what a firmware takes of flash and RAM."""

from __future__ import annotations

import struct

from ariel_build.errors import InternalError
from ariel_build.records import dataclass

__all__ = ["Section", "Sizes", "sections", "sizes", "symbol"]

_NOBITS = 8
_SYMBOLS = 2
_WRITE, _ALLOC = 1, 2


@dataclass(frozen=True)
class Section:
    """A section that occupies memory: `loaded` where its bytes come from flash, `writable` where it lies in RAM."""

    name: str
    address: int
    size: int
    loaded: bool
    writable: bool


@dataclass(frozen=True)
class Sizes:
    """Bytes of a firmware. `ram` is .data and .bss; `all_ram` has the harness's own buffers, too; neither has stack."""

    flash: int
    ram: int
    all_ram: int


def sections(data: bytes) -> list[Section]:
    """Returns the sections that occupy memory, in the order of the file."""
    try:
        if data[:6] != b"\x7fELF\x01\x01":
            raise InternalError("the linked firmware is not a 32-bit little-endian ELF file")
        (table,) = struct.unpack_from("<I", data, 0x20)
        entry_bytes, count, names_index = struct.unpack_from("<HHH", data, 0x2E)
        entries = [struct.unpack_from("<10I", data, table + entry_bytes * index) for index in range(count)]
        names = data[entries[names_index][4] :] if count else b""
    except (struct.error, IndexError):
        raise InternalError("the linked firmware is a truncated ELF file") from None
    return [
        Section(
            name=names[name : names.index(b"\0", name)].decode(errors="replace"),
            address=address,
            size=size,
            loaded=kind != _NOBITS,
            writable=bool(flags & _WRITE),
        )
        for name, kind, flags, address, _, size, *_ in entries
        if flags & _ALLOC
    ]


def symbol(data: bytes, name: str) -> tuple[int, int]:
    """Returns the address and the size of a symbol; raises InternalError where the file has none of that name."""
    (table,) = struct.unpack_from("<I", data, 0x20)
    entry_bytes, count = struct.unpack_from("<HH", data, 0x2E)
    entries = [struct.unpack_from("<10I", data, table + entry_bytes * index) for index in range(count)]
    for entry in entries:
        kind, offset, size, link = entry[1], entry[4], entry[5], entry[6]
        if kind != _SYMBOLS:
            continue
        names = data[entries[link][4] : entries[link][4] + entries[link][5]]
        for at, address, length, _, _, _ in struct.iter_unpack("<3I2BH", data[offset : offset + size]):
            if names[at : names.index(b"\0", at)] == name.encode():
                return address, length
    raise InternalError("the linked firmware lacks a symbol", {"name": name})


def sizes(data: bytes) -> Sizes:
    """Returns what a firmware takes: loadable bytes (vectors, text, rodata, data), and RAM."""
    found = sections(data)
    ram = [section for section in found if section.writable]
    return Sizes(
        flash=sum(section.size for section in found if section.loaded),
        ram=sum(section.size for section in ram if not section.name.startswith(".harness")),
        all_ram=sum(section.size for section in ram),
    )
