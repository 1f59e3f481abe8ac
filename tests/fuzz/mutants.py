"""file -> damaged copies of it, the same ones for the same seed.

A third are damaged anywhere, as a bad disk would do it; the others where the structure is, since most bytes of a model
are weights, which may be anything.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from ariel_build import frontends

__all__ = ["mutants"]

#: Extents, indices and lengths that are just too small, too large, or negative.
NUMBERS = (0, 1, 2, 7, 255, 256, 65_535, 65_536, 1 << 20, 1 << 28, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
#: Constants of fewer bytes are shapes, axes and the like: as good as structure.
SMALL = 64


def mutants(path: Path, count: int, seed: int = 7) -> Iterator[bytes]:
    """Yields `count` damaged copies of a model file."""
    data = path.read_bytes()
    rng = random.Random(seed)  # noqa: S311 - the same mutants for everyone
    structure = _structure(path, data)
    for number in range(count):
        copy = bytearray(data)
        anywhere = number % 3 == 0
        for _ in range(rng.choice((1, 1, 1, 2, 4, 64))):
            place = rng.randrange(len(data)) if anywhere else rng.choice(structure)
            match rng.randrange(5):
                case 0:
                    copy[place] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
                case 1:
                    copy[place] ^= 1 << rng.randrange(8)
                case 2:
                    number_bytes = rng.choice(NUMBERS).to_bytes(4, "little")
                    copy[place // 4 * 4 : place // 4 * 4 + 4] = number_bytes
                case 3:
                    source = rng.choice(structure)
                    piece = data[source : source + rng.choice((1, 4, 16))]
                    copy[place : place + len(piece)] = piece
                case _:
                    copy[place] = rng.randrange(256)
        if number % 8 == 0:
            del copy[rng.randrange(len(copy)) :]
        yield bytes(copy)


def _structure(path: Path, data: bytes) -> list[int]:
    """Returns the places that belong to no large constant."""
    weights = []
    for tensor in frontends.read(path).tensors.values():
        raw = b"" if tensor.data is None else tensor.data.tobytes()
        start = data.find(raw) if len(raw) > SMALL else -1
        if start >= 0:
            weights.append((start, start + len(raw)))
    ends = [(0, 0), *sorted(weights), (len(data), len(data))]
    return [place for (_, end), (start, _) in pairwise(ends) for place in range(end, start)]
