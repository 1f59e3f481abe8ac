"""Where commands write tables and colours. Who has only words to say prints them: rich takes a while to import."""

from __future__ import annotations

import sys

from rich.console import Console

__all__ = ["console", "progress"]


class _Plain(Console):
    """A console for words that are a stranger's: no markup in them. Where nobody reads any more, the caller is told."""

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, soft_wrap=True, stderr=stderr, width=width)

    def on_broken_pipe(self) -> None:
        """Leaves it to `cli`, which knows the exit code."""
        raise BrokenPipeError


#: Results go to standard output, what is being done to standard error.
console = _Plain(width=None if sys.stdout.isatty() else 160)
progress = _Plain(stderr=True)
