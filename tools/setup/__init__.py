"""Gives a machine what Ariel-ML builds and runs with: a linker, crates, targets, emulators, Verilator, node, a browser.

`ensure()` only ever adds: in any order, again, and after an interruption; a second where nothing is missing. It
needs root only for the system's package manager; without, it refuses with the commands to run. Nothing here needs more
than Python's standard library.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tools.setup import browser, crates, qemu, rp2040, rtl, rust, store
from tools.setup.needs import Needs
from tools.setup.process import Refused, say

__all__ = ["Needs", "Refused", "ensure"]


def ensure(needs: Needs) -> None:
    """Installs what is missing; raises `Refused` with everything that the user has to do himself, in one list."""
    with store.alone():
        _ensure(needs)


def _ensure(needs: Needs) -> None:
    steps: list[Callable[[], bool]] = [
        rust.ensure_compiler,
        rust.ensure_linker,
        crates.ensure,
        partial(rust.ensure_targets, needs.targets),
        partial(qemu.ensure, needs.emulators),
        *([rust.ensure_sources] if needs.sources else []),
        *([rtl.ensure_verilator, rtl.ensure_sources] if needs.verilated else []),
        *([rp2040.ensure_node, rp2040.ensure_package] if needs.pico else []),
        *([browser.ensure] if needs.browser else []),
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
