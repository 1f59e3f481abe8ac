"""The calls of layers whose weights are in slow memory, with kernels that fetch them ahead.

Which layers gain by that, and how many channels at once are best, is for who knows the memory (`cores/ahead.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import Axis, Kernel, KernelCall, Scratch, Tiling
from ariel_build.kernels.declared import isa_mve, isa_packed, isa_scalar

__all__ = ["Pieces", "fetched", "pieces_of"]

_WORD = 4


class Pieces(NamedTuple):
    """How a layer is cut: its channels, those of a block, and in bytes the weights of a block and what ends them.

    `first` are the channels of the first piece; `layer` is what the kernel `made` computes.
    """

    channels: int
    block: int
    first: int
    bytes: int
    end: int
    layer: Kernel
    made: Callable[..., Kernel]

    def room(self, channels: int) -> int:
        """Returns the bytes of the weights of so many channels."""
        return -(-channels // self.block) * self.bytes + self.end


def pieces_of(call: KernelCall) -> Pieces:
    """Returns how a layer is cut, or raises Unfit where no kernel fetches its weights."""
    match call.kernel:
        case isa_scalar.FullyConnected() as kernel:
            return Pieces(call.outputs[0].type.elements, 8, 8, 8 * kernel.depth, 0, kernel, isa_scalar.FetchedConnected)
        case isa_scalar.Conv2d() as kernel:
            each = kernel.filter.data.nbytes // -(-kernel.output.channels // 4)
            by_channels = kernel.replace(axis=Axis.CHANNELS)
            return Pieces(kernel.output.channels, 4, 4, each, 0, by_channels, isa_scalar.FetchedConv2d)
        case isa_packed.FullyConnected() as kernel if kernel.rows == 1:
            return _packed(kernel, kernel.cores, kernel.channels, isa_packed.FetchedConnected)
        case isa_packed.DeepConnected() as kernel if kernel.rows == 1:
            return _packed(kernel, kernel.cores, kernel.channels, isa_packed.FetchedDeep, together=4)
        case isa_packed.Conv2d() as kernel:
            layer = kernel.replace(by_channels=True)
            return _packed(layer, kernel.cores, kernel.output.channels, isa_packed.FetchedConv2d)
        case isa_mve.Conv2d() as kernel:
            each = kernel.stream.data.nbytes // -(-kernel.output.channels // 4)
            return Pieces(kernel.output.channels, 4, 4, each, 0, kernel, isa_mve.FetchedConv2d)
    raise Unfit


#: Words of biases that stand in front of a pair of channels, or of four, and end those before; none where weights have
#: four bits, or activations 16 (`kernels/isa/packed/cores.rs`, `deep.rs`).
_HEADS = {2: 3, 4: 7}


def _packed(
    kernel: isa_packed.FullyConnected | isa_packed.DeepConnected | isa_packed.Conv2d,
    cores: object,
    channels: int,
    made: Callable[..., Kernel],
    together: int = 0,
) -> Pieces:
    match cores:
        case isa_packed.Dsp() | isa_packed.DspFpu() | isa_packed.Thumb2():
            together = together or 2
            head = _HEADS[together]
        case isa_packed.Dsp4() | isa_packed.DspFpu4():
            together, head = 4, 0
        case isa_packed.Dsp16() | isa_packed.Plain16():
            together, head = 2, 0
        case _:
            raise Unfit
    end = _WORD * head
    turns = -(-channels // together)
    return Pieces(channels, together, 4, (kernel.stream.data.nbytes - end) // turns, end, kernel, made)


def fetched(call: KernelCall, channels: int) -> KernelCall:
    """Returns the call with the weights of so many channels, whole blocks of the first piece, fetched ahead."""
    pieces = pieces_of(call)
    kernel = pieces.made(layer=pieces.layer, scratch=Scratch(2 * pieces.room(channels)), channels=channels)
    few = not isinstance(call.kernel, isa_scalar.FullyConnected)
    return call.by(kernel, Tiling(Axis.CHANNELS, pieces.channels, pieces.first, few=few))
