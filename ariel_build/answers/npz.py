"""npz file -> headers -> arrays: only what is asked for is unpacked, and nothing before its header is believed.

A file may be damaged in any way, or a trap: what it says of its sizes is held against each other and against a limit
before a byte of data is read, objects are never unpickled, and every fault names the file and the array.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, NoReturn, TypeVar

import numpy as np
from numpy.lib import format as npy

from ariel_build.errors import ModelError
from ariel_build.ir import Array
from ariel_build.records import dataclass

__all__ = ["MOST_BYTES", "Packed", "open_npz"]

T = TypeVar("T")
#: The most bytes of one array.
MOST_BYTES = 1 << 30
#: Bytes of a header: more than any shape and element type need.
_MOST_HEADER = 4096
_HELP = "save them with numpy.savez"


@dataclass(frozen=True)
class Packed:
    """An array that is still in its file: what its header says."""

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def read(self) -> Array:
        """Returns the array; ModelError where its data is damaged."""

        def whole(file: IO[bytes]) -> Array:
            array: Array = npy.read_array(file, allow_pickle=False, max_header_size=_MOST_HEADER)
            # What checks the sum of all bytes is the reading of the end.
            if file.read(1):
                raise ValueError("there are bytes behind its data")
            return array

        return _reading(self.path, self.name, "its data cannot be unpacked", whole)


class Npz(Mapping[str, Packed]):
    """The arrays of a file by name; a header is read when it is asked for."""

    def __init__(self, path: Path, sizes: Mapping[str, int]) -> None:
        """Takes how many bytes the file says that each entry has, unpacked."""
        self.path = path
        self.sizes = sizes

    def __iter__(self) -> Iterator[str]:
        """Yields the names."""
        return iter(self.sizes)

    def __len__(self) -> int:
        """Number of arrays."""
        return len(self.sizes)

    def __contains__(self, name: object) -> bool:
        """Whether there is such an array, whatever is wrong with it."""
        return name in self.sizes

    def __getitem__(self, name: str) -> Packed:
        """Returns what the header of an array says; ModelError where that cannot be."""
        shape, dtype, begin = _reading(self.path, name, "its header cannot be read", _header)
        if dtype.hasobject:
            _refuse(self.path, name, "it holds Python objects, which are not unpickled")
        held, said = self.sizes[name] - begin, math.prod(shape) * dtype.itemsize
        if held != said:
            _refuse(self.path, name, f"it has {held:,} bytes of data, its shape {list(shape)} takes {said:,}")
        if said > MOST_BYTES:
            _refuse(
                self.path, name, f"it unpacks to {said:,} bytes, more than {MOST_BYTES:,}", "run fewer samples at once"
            )
        return Packed(self.path, name, shape, dtype)


def open_npz(path: Path) -> Npz:
    """Returns the arrays of an npz file; ModelError where it is none."""
    try:
        with path.open("rb") as file:
            bare = file.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX
            file.seek(0)
            if bare:
                _header(file)
                entries = []
            else:
                with zipfile.ZipFile(file) as archive:
                    entries = archive.infolist()
    except FileNotFoundError:
        raise ModelError("there is no such file", str(path), "give the npz file with the model's inputs") from None
    except Exception as error:  # noqa: BLE001 - whatever numpy and zipfile stumble over is a fault of the file
        raise ModelError(f"the inputs cannot be read: {_words(error)}", str(path), _HELP) from None
    if bare:
        raise ModelError("the inputs are one bare array, not an npz file", str(path), _HELP)
    return Npz(path, {entry.filename.removesuffix(".npy"): entry.file_size for entry in entries})


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[np.generic], int]:
    """Returns shape, type and the place of the first byte of data."""
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version[0]}.{version[1]} of the format is not known")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file, max_header_size=_MOST_HEADER)
    if any(size < 0 for size in shape):
        raise ValueError(f"its shape is {list(shape)}")
    return shape, dtype, file.tell()


def _reading(path: Path, name: str, fault: str, read: Callable[[IO[bytes]], T]) -> T:
    """Returns what `read` makes of the entry; ModelError where zipfile or numpy cannot."""
    try:
        with zipfile.ZipFile(path) as archive:
            try:
                entry = archive.getinfo(f"{name}.npy")
            except KeyError:
                entry = archive.getinfo(name)
            with archive.open(entry) as file:
                return read(file)
    except Exception as error:  # noqa: BLE001 - whatever they stumble over is a fault of the file
        _refuse(path, name, f"{fault}: {_words(error)}")


def _words(error: Exception) -> str:
    return str(error).partition("\n")[0][:200] or type(error).__name__


def _refuse(path: Path, name: str, reason: str, help: str = _HELP) -> NoReturn:
    raise ModelError(f"the inputs cannot be read: array `{name[:60]}`: {reason}", str(path), help)
