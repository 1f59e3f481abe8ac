"""for_core(call, worker): the kernel of one core, where each core has a program of its own.

A plan for unequal cores has kernels that look at the worker (`Unequal`). A program that only one of the cores runs
needs no look: the geometry, the order of the weights and the scratch are the same (`kernels/isa/packed/cores.rs`).
"""

from __future__ import annotations

from dataclasses import replace

from ariel_build.kernels import KernelCall
from ariel_build.kernels.declared.isa_packed import Dsp, Dsp16, Plain16, Thumb2, Unequal, Unequal16

__all__ = ["for_core"]


def for_core(call: KernelCall, worker: int) -> KernelCall:
    """Returns the call with the kernel of the core of `worker`."""
    match cores := getattr(call.kernel, "cores", None):
        case Unequal() | Unequal16():
            has_dsp = bool(cores.dsp >> worker & 1)
            wide = isinstance(cores, Unequal16)
            own = (Dsp16() if wide else Dsp()) if has_dsp else (Plain16() if wide else Thumb2())
            return replace(call, kernel=call.kernel.replace(cores=own))
    return call
