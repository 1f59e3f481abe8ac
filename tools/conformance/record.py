"""What did not pass last time: `record.txt`, one case a line. A case that passed then, and does not now, is lost.

A case that passes with its parameters as constants only is below one that passes as it is given. Names are those of one
version of `onnx`: a newer one has cases that nobody has seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tools.conformance.judge import Verdict

__all__ = ["FILE", "lost", "text"]

FILE = Path(__file__).with_name("record.txt")
#: What becomes of a case, the best last.
_ORDER = ("refused", "constants", "passed")
_ABOUT = "Cases that do not pass as they are given; written by `nox -s conformance`"


def _of(verdict: Verdict) -> str:
    if verdict.outcome != "passed":
        return "refused"
    return "constants" if verdict.case.altered else "passed"


def text(suites: Mapping[str, Sequence[Verdict]], version: str) -> str:
    """Returns the file's content."""
    lines = [
        f"{_of(verdict)} {suite} {verdict.case.name}"
        for suite, verdicts in suites.items()
        for verdict in verdicts
        if _of(verdict) != "passed"
    ]
    return "\n".join([f"# {_ABOUT}, onnx {version}", *sorted(lines), ""])


def lost(suites: Mapping[str, Sequence[Verdict]], recorded: str, version: str) -> Iterable[str]:
    """Yields the cases that passed, or passed better, when the file was written; none where `onnx` was another one."""
    head, *lines = recorded.splitlines()
    if head.split()[-1] != version:
        return
    # Suites may have names of several words.
    before = {case: outcome for outcome, _, case in (line.partition(" ") for line in lines)}
    for suite, verdicts in suites.items():
        for verdict in verdicts:
            then = before.get(f"{suite} {verdict.case.name}", "passed")
            if _ORDER.index(_of(verdict)) < _ORDER.index(then):
                yield f"{suite} {verdict.case.name}: {then} last time, now {_of(verdict)}: {verdict.reason}"
