"""select(calls, board, workers): the one place where a kernel is chosen for each layer, and packs its weights.

An instruction set is a family: what it makes calls of, by the layers and the portable kernels that it computes. Of the
families that all cores can run the first that can compute a call does, and the portable kernels compute what is left.
Then calls are cut as several cores share them best, and made shorter where code size is what counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ariel_build.isa import armv7e_m, mve, scalar, vfpv4_sp
from ariel_build.isa.portable import portable
from ariel_build.isa.share import for_cores
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import KernelCall, LayerCall
from ariel_build.kernels.declared import isa_real
from ariel_build.records import dataclass

if TYPE_CHECKING:
    from ariel_build.boards.board import Board

__all__ = ["Family", "Selected", "families_of", "first_of", "select", "slide_of", "swaps"]

Family = Mapping[type, Callable[[Any], KernelCall]]
#: The instruction sets of Arm's M profile that have all of Thumb-2.
_THUMB2 = ("armv7-m", "armv7e-m", "armv8-m.main")


@dataclass(frozen=True)
class Selected:
    """A kernel for each call, and whether any is shorter than it had to be."""

    calls: list[KernelCall]
    shorter: bool = False


def select(
    calls: Sequence[LayerCall | KernelCall], board: Board | None, workers: int = 1, *, small: bool = False
) -> Selected:
    """Returns the calls with the kernels that the first `workers` cores run fastest, with `small` those of least code.

    Without a board they are portable. The results are the same.
    """
    families = [] if board is None else families_of(board, workers)
    chosen = for_cores([first_of(call, families) for call in calls], workers)
    if not small or board is None:
        return Selected(chosen)
    short = armv7e_m.shrink(calls, chosen)
    return Selected(short, any(a.kernel.path != b.kernel.path for a, b in zip(chosen, short, strict=True)))


def first_of(call: LayerCall | KernelCall, families: Sequence[Family]) -> KernelCall:
    """Returns the call with the kernel of the first family that can compute it."""
    what = type(call.layer if isinstance(call, LayerCall) else call.kernel)
    for family in families:
        if what in family:
            try:
                return family[what](call)
            except Unfit:
                continue
    return portable(call) if isinstance(call, LayerCall) else call


def families_of(board: Board, workers: int = 1) -> list[Family]:
    """Returns the families that the cores that take part can run, the best first."""
    families: list[Family] = []
    cores = board.cores[:workers]
    vectors = all(core.mve == "float" for core in cores)
    if all(core.mve for core in cores):
        families.append(mve.kernels(floats=vectors))
    if board.target in vfpv4_sp.TARGETS and all(core.fpu is not None for core in cores):
        families.append(vfpv4_sp.kernels(isa_real.Helium() if vectors else isa_real.Fpu()))
        if all(core.dsp for core in cores):
            families.append(armv7e_m.nearest_even())
    dsp = [core.dsp and core.isa != "armv7-m" for core in cores]
    if not any(dsp) and all(core.isa in _THUMB2 for core in cores):
        families.append(scalar.THUMB2)
    if all(core.isa in _THUMB2 for core in cores):
        families.append(armv7e_m.kernels(dsp))
    if not board.is_host and not all(dsp):
        families.append(scalar.KERNELS)
        if all(core.isa.startswith("rv32") for core in cores):
            families[-1] = {**scalar.KERNELS, **scalar.RISCV}
    return families


def swaps(isa: str) -> bool:
    """Whether cores can look at a word and set it in one step (compare-and-swap, or exclusive loads and stores)."""
    extensions = isa.removeprefix("rv32").partition("_")[0]
    return isa != "armv6-m" and (not isa.startswith("rv32") or not {"a", "g"}.isdisjoint(extensions))


def slide_of(board: Board | None, workers: int = 1) -> str:
    """Returns the room of the crate whose `Slide` moves rows on the first `workers` cores, or on any."""
    helium = board is not None and all(core.mve for core in board.cores[:workers])
    return "slide::helium" if helium else "slide"
