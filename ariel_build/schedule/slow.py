"""What weights in slow memory cost: each read of up to a word waits, unless the kernel has them fetched ahead.

A DMA that fetches the weights of some channels while those before are computed hides the shorter of the two times, but
for what comes before the first channels and behind the last. Where the core copies, it waits for each word once, and
not for each block of pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ariel_build.kernels import Kernel, KernelCall, Packed
from ariel_build.kernels.declared import isa_scalar
from ariel_build.schedule.cost import weight_bytes

if TYPE_CHECKING:
    from ariel_build.boards.board import Board

__all__ = ["Slow"]

_WORD = 4
#: Cycles that a word takes a DMA or the core besides its wait states, and what a transfer takes the core.
_DMA, _COPY, _TRANSFER = 2, 4, 60
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
        match kernel:
            case isa_scalar.FetchedConnected() | isa_scalar.FetchedConv2d():
                return self._fetched(kernel, computing)
            case isa_scalar.Conv2d():
                # Byte by byte.
                reads = _blocks(kernel) * (_bytes(kernel, "filter") + _bytes(kernel, "channels") // _WORD)
            case _:
                reads = weight_bytes(call) // _WORD
        return computing + reads * self.waits

    def _fetched(self, kernel: isa_scalar.FetchedConnected | isa_scalar.FetchedConv2d, computing: float) -> float:
        layer: isa_scalar.FullyConnected | isa_scalar.Conv2d = kernel.layer
        words = _bytes(layer, "filter") // _WORD
        parts = max(-(-_bytes(layer, "filter") * 2 // kernel.scratch.bytes), 1)
        # What is not fetched.
        rest = sum(v.data.nbytes for name, v in layer if isinstance(v, Packed) and name != "filter") // _WORD
        computing += rest * self.waits * _blocks(layer) + parts * _TRANSFER
        if not self.dma:
            return computing + words * (_COPY + self.waits)
        fetching = words * (_DMA + self.waits)
        return (fetching + (parts - 1) * max(fetching, computing) + computing) / parts


def _blocks(kernel: isa_scalar.FullyConnected | isa_scalar.Conv2d) -> int:
    """Returns how often constants of channels are read."""
    if isinstance(kernel, isa_scalar.FullyConnected):
        return 1
    return -(-kernel.output.height * kernel.output.width // _PIXELS)


def _bytes(kernel: Kernel, name: str) -> int:
    found = dict(kernel)[name]
    return found.data.nbytes if isinstance(found, Packed) else 0
