"""instructions(call, core) = sum over features of coefficient * feature: how long a call takes on a core.

The coefficients of each kernel on each kind of core are in `costs.json`: `python -m tools.costs` fits them to
instructions that were counted on emulated boards. A kernel that has not been measured is taken for the mean of those
that have.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ariel_build.kernels import Kernel, KernelCall, Packed, operands
from ariel_build.kernels.declared import isa_packed, trees
from ariel_build.kernels.declared.memory import Image
from ariel_build.kernels.declared.window import Window

if TYPE_CHECKING:
    from ariel_build.boards.board import Core

__all__ = ["ANY", "FEATURES", "features", "instructions", "kind_of", "weight_bytes", "work_of"]

#: What a call's cost is made of: a constant; elements written and read; multiply-accumulates; pixels, rows of windows
#: and elements under windows; rows and columns of all channels; pixels in blocks of four, as the kernels of the
#: instruction sets have them; elements of a Fourier transform, times the times that it halves them, and walks of trees
#: the same; trees of sums.
FEATURES = ("call", "outputs", "inputs", "macs", "pixels", "runs", "volume", "lines", "columns", "blocks", "passes")
#: The kernel that stands for those that have not been measured.
ANY = "*"
#: The kinds of cores that are measured, the first for all that resemble none.
_DEFAULT = "armv7-m"
_PER_ELEMENT = 4


def work_of(call: KernelCall) -> int:
    """Returns about the multiply-accumulates that take as long as the call, where no core is known."""
    read = sum(v.type.elements for v in dict.fromkeys(call.inputs) if not v.is_constant)
    written = sum(v.type.elements for v in call.outputs)
    return call.macs + _PER_ELEMENT * (read + written)


def weight_bytes(call: KernelCall) -> int:
    """Returns the bytes of constants that the call reads."""
    return sum(value.data.nbytes for _, value in call.kernel if isinstance(value, Packed))


def features(call: KernelCall) -> dict[str, float]:
    """Returns what a call's cost is made of."""
    outputs = sum(v.type.elements for v in call.outputs)
    inputs = sum(v.type.elements for v in dict.fromkeys(call.inputs) if not v.is_constant)
    (height, width), rows, taps, channels = _shape(call, outputs)
    pixels = height * width
    depth = outputs // max(pixels, 1)
    return {
        "call": 1,
        "outputs": outputs,
        "inputs": inputs,
        "macs": call.macs,
        "pixels": pixels,
        "runs": pixels * rows,
        "volume": pixels * taps * channels,
        "lines": height * depth,
        "columns": width * depth,
        "blocks": -(-pixels // 4),
        "passes": outputs * _halvings(call),
    }


def kind_of(core: Core, kernel: Kernel) -> str:
    """Returns the kind of core that was measured in place of this one, for a kernel."""
    if core.isa.startswith("rv32") or core.isa == "xtensa":
        return "rv32"
    if core.isa in ("armv6-m", "armv8-m.base"):
        return "armv6-m"
    if core.isa in ("armv7e-m", "armv8-m.main") and core.dsp and not (core.fpu is None and _is_real(kernel)):
        return "armv7e-m"
    return _DEFAULT


def _is_real(kernel: Kernel) -> bool:
    """Whether a kernel computes in float32: its operands are."""
    return all(element == "f32" for _, element in operands(kernel))


def instructions(call: KernelCall, core: Core) -> float:
    """Returns the instructions that the whole call takes on a core."""
    kernel = call.kernel
    match getattr(kernel, "cores", None):
        case isa_packed.Unequal():
            kernel = kernel.replace(cores=isa_packed.Dsp() if core.dsp else isa_packed.Thumb2())
        case isa_packed.Unequal16():
            kernel = kernel.replace(cores=isa_packed.Dsp16() if core.dsp else isa_packed.Plain16())
    table = _coefficients()[kind_of(core, kernel)]
    coefficients = table.get(kernel.path) or table[ANY]
    found = features(call)
    return math.fsum(coefficient * found[feature] for feature, coefficient in coefficients.items())


@functools.cache
def _coefficients() -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    found: Mapping[str, Mapping[str, Mapping[str, float]]] = json.loads(
        Path(__file__).with_name("costs.json").read_text(encoding="utf-8")
    )
    return found


def _shape(call: KernelCall, outputs: int) -> tuple[tuple[int, int], int, int, int]:
    """Returns the sizes of the output image, rows and taps of the window, and channels of the input."""
    image, window, source = (getattr(call.kernel, key, None) for key in ("output", "window", "input"))
    if isinstance(image, Image) and isinstance(window, Window) and isinstance(source, Image):
        return (image.height, image.width), window.height, window.height * window.width, source.channels
    rows = getattr(call.kernel, "rows", None)
    if isinstance(rows, int):
        return (1, rows), 1, 1, call.macs // max(outputs, 1)
    last = call.outputs[0].shape[-1] if call.outputs and call.outputs[0].shape else 1
    return (1, outputs // max(last, 1)), 1, 1, last


def _halvings(call: KernelCall) -> float:
    """Returns the logarithm of the size of a Fourier transform, or of a tree, or how many trees are summed; else 0."""
    twiddles, roots, nodes = (getattr(call.kernel, name, None) for name in ("twiddles", "roots", "nodes"))
    if isinstance(roots, Packed) and isinstance(nodes, Packed):
        return math.log2(1 + nodes.data.size / 2 / roots.data.size)
    found = getattr(call.kernel, "found", None)
    if isinstance(found, trees.Found):
        # Of each target the leaves of all trees, or of its own.
        return found.trees / (found.targets if found.starts.data.size else 1)
    return math.log2(twiddles.data.shape[0]) if isinstance(twiddles, Packed) else 0.0
