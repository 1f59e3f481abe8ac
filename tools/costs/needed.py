"""Which kernels need a cost on which kind of core: those that the compiler may choose there."""

from __future__ import annotations

from collections.abc import Collection

from tools.costs.boards import OWN
from tools.kernels import paths

__all__ = ["missing"]

#: Kernels of an instruction set -> the kinds of cores that have it; all others run on all of them.
_ROOMS = {
    "isa::armv7e_m": ("armv7e-m",),
    "isa::dsp_fpu": ("armv7e-m",),
    "isa::mve": ("cortex-m55",),
    "isa::vfpv4_sp": ("armv7e-m",),
    "isa::thumb2": ("armv7-m",),
    "isa::scalar": ("armv6-m", "armv7-m", "rv32"),
    # Told by the kernels of the core that runs a tile.
    "isa::unequal": (),
}
#: Single kernels, where that is not all.
_KERNELS = {
    "isa::scalar::DepthwiseConv2d": ("rv32",),
    # Thumb-2 computes the same with its kernels of words.
    "isa::scalar::Conv2d16": ("armv6-m", "rv32"),
    # What rounds as ONNX does are layers.
    "isa::dsp_fpu::AveragePool2d": (),
    "isa::dsp_fpu::Linear": (),
}
#: Kernels that no graph of `made` has yet: predictions take the mean of all for them.
_LEFT = frozenset(
    {"map2::Atan2Dequantized", *(f"trees::{name}" for name in ("BestsF32", "BestsF64", "KeysF64", "SumsF64"))}
)
#: Kernels with one of these in their names, in rooms but the first: nobody chooses short ones for cores without DSP.
_SHORT, _SHORT_ROOM = ("Short>", "SmallConv2d"), "isa::armv7e_m"
#: Thumb-2 sums 64 bits at once; where it does not, these cost what kernels with the other rounding do.
_NARROW, _NARROW_KINDS = "<Narrow>", ("armv6-m", "rv32")


def missing(kind: str, known: Collection[str]) -> set[str]:
    """Returns the kernels that may run on such cores and are not known."""
    room = OWN.get(kind, "")
    asked = {path for path in paths().values() if path.startswith(room) and kind in _kinds(path, kind)}
    return asked - set(known) - _LEFT


def _kinds(path: str, kind: str) -> tuple[str, ...]:
    room = path.rpartition("::")[0]
    if "::Fetched" in path:
        # They cost what their layers do (`schedule/slow.py`).
        return ()
    if path.endswith(_SHORT) and room != _SHORT_ROOM:
        return ()
    if path.endswith(_NARROW):
        return _NARROW_KINDS
    return _KERNELS.get(path, _ROOMS.get(room, (kind,)))
