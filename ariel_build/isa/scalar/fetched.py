"""Scalar cores: the calls of layers whose weights are in slow memory, with kernels that fetch them ahead.

Which layers gain by that, and how many channels at once are best, is for who knows the memory (`cores/ahead.py`).
"""

from __future__ import annotations

from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import Axis, KernelCall, Scratch, Tiling
from ariel_build.kernels.declared import isa_scalar

__all__ = ["block_of", "fetched"]

#: Channels of a block of a dense layer, and of a convolution.
_DENSE, _CONVOLUTION = 8, 4


def block_of(call: KernelCall) -> tuple[int, int, int]:
    """Returns the channels of a layer, those that are fetched together at least, and bytes of weights of each."""
    match call.kernel:
        case isa_scalar.FullyConnected() as kernel:
            return call.outputs[0].type.elements, _DENSE, kernel.depth
        case isa_scalar.Conv2d() as kernel:
            count = kernel.output.channels
            return count, _CONVOLUTION, kernel.filter.data.size // -(-count // _CONVOLUTION) // _CONVOLUTION
    raise Unfit


def fetched(call: KernelCall, channels: int) -> KernelCall:
    """Returns the call with the weights of so many channels fetched while those before are computed."""
    count, block, each = block_of(call)
    scratch = Scratch(2 * channels * each)
    match call.kernel:
        case isa_scalar.FullyConnected() as kernel:
            dense = isa_scalar.FetchedConnected(layer=kernel, scratch=scratch, channels=channels)
            return call.by(dense, Tiling(Axis.CHANNELS, count, block))
        case isa_scalar.Conv2d() as kernel:
            layer = kernel.replace(axis=Axis.CHANNELS)
            image = isa_scalar.FetchedConv2d(layer=layer, scratch=scratch, channels=channels)
            return call.by(image, Tiling(Axis.CHANNELS, count, block, few=True))
    raise Unfit
