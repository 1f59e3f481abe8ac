"""What weights in slow memory cost: each read of up to a word waits, unless the kernel has them fetched ahead.

A DMA that fetches the weights of some channels while those before are computed hides the shorter of the two times, but
for what comes before the first block of channels. Where the core copies, it waits for each word once, and not for each
block of pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ariel_build.kernels import Kernel, KernelCall, Packed
from ariel_build.kernels.declared import isa_mve, isa_packed, isa_scalar
from ariel_build.kernels.fetched import Fetched
from ariel_build.schedule.cost import weight_bytes
from ariel_build.schedule.tiles import parts
from ariel_build.schedule.windows import packed, pairs

if TYPE_CHECKING:
    from ariel_build.boards.board import Board

__all__ = ["Slow"]

_WORD = 4
#: Cycles that a word takes a DMA or the core besides its wait states, and what each part of the channels takes.
_DMA, _COPY, _PART = 2, 4, 300
#: Pixels of a block of a convolution.
_PIXELS = 6


class Slow(NamedTuple):
    """The memory that weights lie in: cycles that a read of up to a word waits, and whether a DMA can copy from it."""

    waits: int
    dma: bool

    @classmethod
    def of(cls, board: Board) -> Slow | None:
        """Returns the memory of a board, where it is slow."""
        memory = board.with_weights
        return cls(memory.wait_states, memory.dma) if memory is not None and memory.wait_states else None

    def time(self, call: KernelCall, computing: float) -> float:
        """Returns the cycles of a call that takes so many with all weights in RAM."""
        kernel = call.kernel
        if call.hot:
            return computing
        if isinstance(kernel, Fetched):
            # Tiles begin at blocks of channels.
            sizes = parts(call.tiling.extent, call.tiling.granularity, kernel.channels)
            return self._fetched(kernel.layer, list(sizes), computing)
        return computing + _reads(call) * self.waits

    def _fetched(self, layer: Kernel, sizes: list[int], computing: float) -> float:
        """Returns the same where so many channels are fetched at once; all other constants are in fast memory."""
        words, count = max(_bytes(layer, "filter"), _bytes(layer, "stream")) // _WORD, sum(sizes)
        computing += len(sizes) * _PART
        if not self.dma:
            return computing + words * (_COPY + self.waits)
        fetching = words * (_DMA + self.waits) / count
        beside = [
            max(now * computing / count, after * fetching) for now, after in zip(sizes, [*sizes[1:], 0], strict=True)
        ]
        return sizes[0] * fetching + sum(beside)


def _reads(call: KernelCall) -> float:
    """Returns how often the call reads up to a word of its constants."""
    match call.kernel:
        case isa_scalar.Conv2d() as kernel:
            # Byte by byte.
            blocks = -(-kernel.output.height * kernel.output.width // _PIXELS)
            return blocks * (_bytes(kernel, "filter") + _bytes(kernel, "channels") // _WORD)
        case isa_packed.Conv2d() as kernel:
            counts = packed(kernel, ())
            return (counts["blocks"] + counts["ones"]) * _bytes(kernel, "stream") // _WORD
        case isa_mve.Conv2d() as kernel:
            return pairs(kernel, ())["pairs"] * _bytes(kernel, "stream") // _WORD
        case isa_packed.FullyConnected() | isa_packed.DeepConnected() as kernel:
            return kernel.rows * _bytes(kernel, "stream") // _WORD
    return weight_bytes(call) // _WORD


def _bytes(kernel: Kernel, name: str) -> int:
    found = dict(iter(kernel)).get(name)
    return found.data.nbytes if isinstance(found, Packed) else 0
