"""Gives a machine what Ariel-ML builds and runs with: a linker, crates, bare-metal targets, emulators, Verilator, node.

`ensure()` is safe to run again and takes a second where nothing is missing. It needs root only for the system's
package manager; without, it refuses with the commands to run. Nothing here needs more than Python's standard library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from tools.setup import crates, qemu, rp2040, rtl, rust
from tools.setup.process import Refused, say

__all__ = ["Refused", "ensure"]


def ensure(
    targets: Sequence[str] = rust.TARGETS,
    emulators: Sequence[str] = qemu.EMULATORS,
    *,
    verilated: bool = False,
    pico: bool = False,
) -> None:
    """Installs what is missing; raises `Refused` with everything that the user has to do himself, in one list.

    Only the boards rtl-riscv32 need what `verilated` adds, only rp2040-sim what `pico` does.
    """
    steps: list[Callable[[], bool]] = [
        rust.ensure_compiler,
        rust.ensure_linker,
        crates.ensure,
        partial(rust.ensure_targets, targets),
        partial(qemu.ensure, emulators),
        *([rtl.ensure_verilator, rtl.ensure_sources] if verilated else []),
        *([rp2040.ensure_node, rp2040.ensure_package] if pico else []),
    ]
    refusals = []
    done = False
    for step in steps:
        try:
            done |= step()
        except Refused as refusal:
            refusals.append(refusal)
            if step == rust.ensure_compiler:
                break  # what follows would only repeat it
    if refusals:
        raise Refused.all_of(refusals)
    if done:
        say("ready")
