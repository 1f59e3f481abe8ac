"""Every error that a user can meet, on one page.

`ArielError` is the root of all errors that the user's input, set-up or budget causes: the commands print them as
diagnostics and leave with `exit_code`. Any other exception that reaches the command line is a defect of ours (exit 70).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import field, replace

from ariel_build.records import dataclass

__all__ = [
    "ArielError",
    "BoardError",
    "BudgetError",
    "Diagnostic",
    "Disagreement",
    "InternalError",
    "MetadataError",
    "ModelError",
    "SetupError",
    "UnsupportedError",
    "grouped",
]


@dataclass(frozen=True)
class Diagnostic:
    """What went wrong, where in the user's files, and what to do about it."""

    message: str
    origin: str = ""
    help: str = ""
    #: How many more places have the same fault.
    more: int = 0

    def render(self) -> str:
        """Returns the diagnostic as rustc would print it, without colour."""
        lines = [f"error: {self.message}"]
        if self.origin:
            lines.append(f"  --> {self.origin}{self.and_more}")
        if self.help:
            lines.append(f"  help: {self.help}")
        # Names from a stranger's file steer no terminal.
        return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in "\n".join(lines))

    @property
    def and_more(self) -> str:
        """Returns how many more places there are, behind the first."""
        return f", and {self.more} more" if self.more else ""


def grouped(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Returns each fault once, by its first place: a model of a thousand layers may have it in each."""
    places = Counter((d.message, d.help) for d in diagnostics)
    first = {(d.message, d.help): d for d in reversed(diagnostics)}
    return [replace(first[what], more=count - 1) for what, count in places.items()]


class ArielError(Exception):
    """An error that a user caused and can mend; carries one diagnostic or several."""

    exit_code = 2

    def __init__(self, message: str | list[Diagnostic], origin: str = "", help: str = "") -> None:
        """Takes the parts of one diagnostic, or a list of several."""
        self.diagnostics = [Diagnostic(message, origin, help)] if isinstance(message, str) else list(message)
        super().__init__("\n".join(d.message for d in self.diagnostics))

    def render(self) -> str:
        """Returns all diagnostics, ready to print, what occurs in several places once."""
        return "\n".join(d.render() for d in grouped(self.diagnostics))


class ModelError(ArielError):
    """The model file is missing, corrupt, or not consistent in itself."""


class UnsupportedError(ModelError):
    """The model is sound, but uses what we cannot compile; lists every place."""


class MetadataError(ArielError):
    """`[package.metadata.ariel]` or an option of the command line is wrong."""


class BoardError(ArielError):
    """A board is unknown, its file is wrong, or the model does not fit its memories."""


class SetupError(ArielError):
    """A tool, a target or a package is missing on this machine."""


class BudgetError(ArielError):
    """The model exceeds a budget that the user set."""

    exit_code = 1


class Disagreement(ArielError):
    """`verify` found outputs that differ from the reference."""

    exit_code = 1


@dataclass
class InternalError(Exception):
    """A defect of ours: an invariant of the compiler does not hold."""

    message: str
    context: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        """Returns the message with its context."""
        return f"{self.message} {self.context}" if self.context else self.message
