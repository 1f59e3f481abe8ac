"""Cases for `probe.rs`: the tiles of a compiled model, each with the bytes that it may touch; and what came of them.

Two know what a tile may touch: `access.py`, for who builds units, and `touches.py`, for who checks them. A case claims
only what both say, so that both are right where the tile keeps to it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ariel_build.cores import touches
from ariel_build.cores.access import Blocks, reads_of, writes_of
from ariel_build.cores.split import split
from ariel_build.cores.touches import bytes_between
from ariel_build.driver import Compiled
from ariel_build.ir import DType
from ariel_build.kernels import Axis, Field, Operand, Packed, Part, Source
from ariel_build.schedule import Step, Tile

__all__ = ["GUARD", "Case", "cases_of", "distinct", "packed", "verdicts", "with_tile_alone"]

#: Bytes around the arena in host.rs.
GUARD = 64
#: The model is planned for so many workers.
WORKERS = 4
_WORDS = 5


@dataclass(frozen=True)
class Case:
    """A tile, and what it may read, what it writes, and what of the scratch is its worker's."""

    step: Step
    tile: Tile
    worker: int
    reads: Sequence[Blocks]
    writes: Sequence[Blocks]
    scratch: Sequence[Blocks]


def with_tile_alone(compiled: Compiled) -> Compiled:
    """Returns a model whose module has `tile_alone`, through which a test runs a tile on memory of its own."""
    text = Path(__file__).with_name("tile_alone.rs").read_text()
    return replace(compiled, module_text=re.sub(r"\n\}\n*$", lambda _: f"\n{text}}}\n", compiled.module_text))


def cases_of(compiled: Compiled) -> list[Case]:
    """Returns the tiles of all steps as cut for 1, 2 and 4 workers, and some more of any size."""
    return [
        case for step in compiled.schedule.steps for case in _of_step(compiled, step, np.random.default_rng(step.index))
    ]


def distinct(cases: Iterable[Case], seen: set[Hashable]) -> list[Case]:
    """Returns the cases that are not in `seen`, and adds them: which bytes a tile touches does not follow from weights.

    So a case is like another where kernel, constants but for the weights, tile and claims are the same.
    """
    found = []
    for case in cases:
        call = case.step.call
        fields = tuple((name, _kind(field)) for name, field in call.kernel)
        claims = (tuple(case.reads), tuple(case.writes), tuple(case.scratch))
        like = (call.kernel.path, call.tiling, fields, case.tile, case.worker, claims)
        if like not in seen:
            seen.add(like)
            found.append(case)
    return found


def _kind(field: Field) -> Hashable:
    """Returns what of a kernel's constant may decide about bytes: of an operand its type, of weights their shape."""
    match field:
        case Operand(value) | Source(value):
            return value.type.dtype, value.type.shape
        case Packed(data):
            return data.dtype.str, data.shape
        case Part():
            return type(field), tuple((name, _kind(inner)) for name, inner in field)
        case tuple():
            return tuple(map(_kind, field))
        case _:
            return field


def _of_step(compiled: Compiled, step: Step, rng: np.random.Generator) -> Iterator[Case]:
    tiles = dict.fromkeys([step.whole, *split(step, 2), *split(step, WORKERS), *_some(step, rng)])
    for index, tile in enumerate(tiles):
        worker = index % WORKERS
        offset, size = compiled.plan.scratch(step.index, worker) if step.call.scratch_bytes else (0, 0)
        asked = step.call, tile, compiled.plan, step.time.start
        yield Case(
            step,
            tile,
            worker,
            _both(reads_of(*asked), touches.reads(*asked)),
            _both(writes_of(*asked), touches.writes(*asked)),
            [Blocks(offset, size)] if size else [],
        )


def _both(blocks: Sequence[Blocks], others: int) -> list[Blocks]:
    """Returns the bytes in both, as runs."""
    found = 0
    for block in blocks:
        for start in range(block.start, block.start + max(block.count * block.stride, 1), block.stride or 1):
            found |= bytes_between(start, start + block.length)
    found &= others
    runs = []
    while found:
        start = (found & -found).bit_length() - 1
        rest = found >> start
        length = (~rest & (rest + 1)).bit_length() - 1
        runs.append(Blocks(start, length))
        found = rest >> length << start + length
    return runs


def _some(step: Step, rng: np.random.Generator) -> Iterator[Tile]:
    """Returns three tiles of whole granules anywhere."""
    tiling = step.call.tiling
    granules = -(-tiling.extent // max(tiling.granularity, 1))
    if tiling.axis is Axis.WHOLE or granules < 2:
        return
    for _ in range(3):
        first, last = sorted(int(k) for k in rng.integers(granules, size=2))
        yield Tile(first * tiling.granularity, min((last + 1) * tiling.granularity, tiling.extent))


def packed(compiled: Compiled, cases: Sequence[Case], guard: int = GUARD) -> list[bytes]:
    """Returns each case as probe.rs reads it; offsets count from `guard` bytes before the arena."""
    values = [v for step in compiled.schedule.steps for v in (*step.call.inputs, *step.call.outputs)]
    is_float = any(v.type.dtype is DType.F32 for v in values)
    found = []
    for index, case in enumerate(cases):
        groups = (case.reads, case.writes, case.scratch)
        words = [case.step.index, *case.tile, case.worker, 16 * index + 1, int(is_float), *map(len, groups)]
        for block in (b for group in groups for b in group):
            words += [block.start + guard, block.length, block.stride, block.count]
        found.append(struct.pack(f"<{len(words)}I", *words))
    return found


def verdicts(cases: Sequence[Case], answers: bytes) -> list[str]:
    """Returns what is wrong, a line for each complaint."""
    size = 4 * _WORDS
    assert len(answers) == size * len(cases)
    complaints = []
    for index, case in enumerate(cases):
        wrote, where, read, seen, unwritten = struct.unpack_from(f"<{_WORDS}I", answers, size * index)
        call, tile = case.step.call, case.tile
        name = f"step {case.step.index}, {call.kernel.path} {call.tiling.axis.value} {tile.start}..{tile.end}"
        if wrote:
            complaints.append(f"{name}: {wrote} bytes outside of {list(case.writes)} written, first {where}")
        if read:
            complaints.append(
                f"{name}: {read} bytes of its output depend on bytes outside of {list(case.reads)}, first {seen}"
            )
        # By chance a few bytes are written with what was there, both times.
        if unwritten > 4 + sum(b.length * b.count for b in case.writes) // 25:
            complaints.append(f"{name}: {unwritten} bytes of {list(case.writes)} never written")
    return complaints
