"""instructions(call, core) = sum over features of coefficient * feature: how long a call takes on a core.

The coefficients of each kernel on each kind of core are in `costs.json`: `python -m tools.costs` fits them to
instructions that were counted on emulated boards. A test names the kernels that have not been measured; until they are,
they are taken for the mean of those that have.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ariel_build.kernels import Bottleneck, Feed, Kernel, KernelCall, Packed, images, operands, parts_within
from ariel_build.kernels.declared import isa_packed
from ariel_build.kernels.fetched import Fetched
from ariel_build.schedule.features import features
from ariel_build.schedule.overhead import FED
from ariel_build.schedule.tiles import Tile

if TYPE_CHECKING:
    from ariel_build.boards.board import Core

__all__ = ["ALONE", "ANY", "AROUND", "around", "instructions", "kind_of", "layer_of", "weight_bytes", "work_of"]

#: The kernel that stands for those that have not been measured.
ANY = "*"
#: What stands for an inference besides its steps, and what is behind the name of a kernel that has one call.
AROUND, ALONE = "infer", " alone"
#: Roundings that cost about the same, the first where it was not measured.
_ALIKE = "<Narrow>", "<DoubleRounding16>"
#: The kinds of cores that are measured, the first for all that resemble none.
_DEFAULT = "armv7-m"
#: The core that stands for all with Helium.
_HELIUM = "cortex-m55"
_PER_ELEMENT = 4


def work_of(call: KernelCall) -> int:
    """Returns about the multiply-accumulates that take as long as the call, where no core is known."""
    read = sum(v.type.elements for v in dict.fromkeys(call.inputs) if not v.is_constant)
    written = sum(v.type.elements for v in call.outputs)
    return call.macs + _PER_ELEMENT * (read + written)


def weight_bytes(call: KernelCall) -> int:
    """Returns the bytes of constants that the call reads."""
    if isinstance(call.kernel, Bottleneck):
        return sum(map(weight_bytes, call.kernel.layers))
    return sum(value.data.nbytes for _, value in layer_of(call).kernel if isinstance(value, Packed))


def layer_of(call: KernelCall) -> KernelCall:
    """Returns the call of the layer itself, where the kernel fetches its weights ahead; any other call as it is."""
    return replace(call, kernel=call.kernel.layer) if isinstance(call.kernel, Fetched) else call


def kind_of(core: Core, kernel: Kernel) -> str:
    """Returns the kind of core that was measured in place of this one, for a kernel."""
    kind = _kind(core)
    return _DEFAULT if kind == "armv7e-m" and core.fpu is None and _is_real(kernel) else kind


def _kind(core: Core) -> str:
    if core.isa.startswith("rv32") or core.isa == "xtensa":
        return "rv32"
    if core.isa in ("armv6-m", "armv8-m.base"):
        return "armv6-m"
    if core.isa in ("armv7e-m", "armv8-m.main") and core.dsp:
        return "armv7e-m"
    return _DEFAULT


def _is_real(kernel: Kernel) -> bool:
    """Whether a kernel computes in float32: its operands are."""
    return all(element == "f32" for _, element in operands(kernel))


def instructions(call: KernelCall, core: Core, tiles: Sequence[Tile] = (), *, alone: bool = False) -> float:
    """Returns the instructions that a call takes on a core, in `tiles`; without any, the whole at once.

    Where it is the only call of its kernel (`alone`), the linker makes the kernel for its constants.
    """
    kernel = layer_of(call).kernel
    if isinstance(kernel, Feed):
        # Their copy is that of the input (`around`).
        return float(FED * call.tiling.extent)
    if isinstance(kernel, Bottleneck):
        return sum(_within(call, tile, core) for tile in tiles or (Tile(0, call.tiling.extent),))
    match getattr(kernel, "cores", None):
        case isa_packed.Unequal():
            kernel = kernel.replace(cores=isa_packed.Dsp() if core.dsp else isa_packed.Thumb2())
        case isa_packed.Unequal16():
            kernel = kernel.replace(cores=isa_packed.Dsp16() if core.dsp else isa_packed.Plain16())
    table, path = _table(kind_of(core, kernel), _HELIUM if core.mve else core.name), kernel.path
    known = table.get(path) or table.get(path.replace(*_ALIKE)) or table[ANY]
    if alone:
        known = table.get(path + ALONE, known)
    return _sum(known, features(call, tiles))


def _within(call: KernelCall, tile: Tile, core: Core) -> float:
    """Returns the instructions of the layers of a bottleneck: most rows are like those before them."""
    known: dict[tuple[str, int, int, int], float] = {}
    total = 0.0
    for part in parts_within(call, *tile):
        source, _, window = images(part.call)
        key = part.name, source.height, part.extent, window.pad_top
        if key not in known:
            known[key] = instructions(part.alone, core)
        total += known[key]
    return total


@functools.cache
def _table(kind: str, core: str) -> Mapping[str, Mapping[str, float]]:
    """Returns the coefficients for a core; some cores have those of a few kernels by their own names."""
    tables = _coefficients()
    own = tables.get(core, {})
    # A core with DSP runs some kernels only beside one without, as that one does.
    beside = {path: costs for path, costs in tables[_DEFAULT].items() if not path.endswith(ALONE)}
    measured = {path: costs for path, costs in tables[kind].items() if path.removesuffix(ALONE) not in own}
    return {**beside, **measured, **own}


def around(core: Core, input_bytes: int, kept_bytes: int) -> float:
    """Returns the instructions of an inference besides its steps: input and states are copied."""
    kind = _kind(core)
    return _sum(_coefficients()[kind][AROUND], {"call": 1, "copied": input_bytes + kept_bytes})


def _sum(coefficients: Mapping[str, float], found: Mapping[str, float]) -> float:
    return math.fsum(coefficient * found.get(feature, 0.0) for feature, coefficient in coefficients.items())


@functools.cache
def _coefficients() -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    found: Mapping[str, Mapping[str, Mapping[str, float]]] = json.loads(
        Path(__file__).with_name("costs.json").read_text(encoding="utf-8")
    )
    return found
