"""What Python's collector of garbage is told by whoever starts the compiler."""

from __future__ import annotations

import atexit
import gc

__all__ = ["collect_seldom"]

#: Objects made until it looks for cycles among them.
_AFTER = 500_000


def collect_seldom() -> None:
    """Lets Python look for cycles seldom, and not at exit: a graph and its plans live until the command ends.

    To look through them again and again takes a tenth of its time, and the look at exit a twelfth.
    """
    gc.set_threshold(_AFTER)
    atexit.register(gc.freeze)
