"""What tests need, as their marks say; whether they use more than that; and which were skipped, for which reasons."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pytest

from ariel_build import boards
from ariel_build.boards.board import Board
from tools.setup import Needs

__all__ = ["MAY_BE_ABSENT", "MODELS_ABSENT", "of_tests", "refuse_skip", "running", "summary", "tell", "watch"]

MODELS_ABSENT = "../shared/models is absent"
#: What set-up cannot give: the only reasons, or beginnings of them, for which a test may be skipped after it has run.
MAY_BE_ABSENT = (
    MODELS_ABSENT,
    "not a git checkout",
    "the LLVM of this toolchain",
    "the toolchain has no AddressSanitizer",
    "this toolchain has other flags",
    "the oldest NumPy",
    "onnxruntime's products of bytes saturate",
)
_TOLD = "told"
_TRIPLE = re.compile(r"(?:thumb|riscv32)[\w.]*-[\w-]+")
_EMULATOR = re.compile(r"(?:.*/)?(qemu-system-\w+)")
_current: pytest.Item | None = None
_watched = False


def of_tests(items: Iterable[pytest.Item]) -> Needs:
    """Returns what these tests are marked with."""
    targets, emulators, others = set[str](), set[str](), set[str]()
    for item in items:
        targets.update(mark.args[0] for mark in item.iter_markers("target"))
        emulators.update(mark.args[0] for mark in item.iter_markers("emulator"))
        others.update(mark.name for mark in item.iter_markers())
    marks = {"verilated": "rtl", "pico": "pico", "sources": "rust_sources", "browser": "browser"}
    given = {name: mark in others for name, mark in marks.items()}
    return Needs(tuple(sorted(targets)), tuple(sorted(emulators)), **given)


@contextmanager
def running(item: pytest.Item | None) -> Iterator[None]:
    """Tells the watch that this test runs; None lets any program be started."""
    global _current  # noqa: PLW0603 - audit hooks see no test
    before, _current = _current, item
    try:
        yield
    finally:
        _current = before


def watch() -> None:
    """Lets a test fail that starts a program for a target, or an emulator, which it is not marked with."""
    global _watched  # noqa: PLW0603 - a hook cannot be taken back
    if not _watched:
        _watched = True
        sys.addaudithook(_started)


def _started(event: str, given: tuple[Any, ...]) -> None:
    if event != "subprocess.Popen" or _current is None:
        return
    words = [os.fsdecode(word) for word in (given[1] if isinstance(given[1], Sequence) else ())]
    item = _current
    marked = {mark.args[0] for name in ("target", "emulator") for mark in item.iter_markers(name)}
    used = set(used_by(words))
    if used - marked:
        missing = " and ".join(sorted(used - marked))
        raise AssertionError(f"{item.nodeid} uses {missing} and is not marked with it, so that set-up cannot know")


def used_by(command: Sequence[str]) -> Iterator[str]:
    """Yields the emulators and bare-metal targets that a command needs, as far as its words tell."""
    for before, word in zip(["", *command], command, strict=False):
        emulator = _EMULATOR.fullmatch(word) if word is command[0] else None
        triple = _TRIPLE.fullmatch(word.removeprefix("--target="))
        if emulator:
            yield emulator[1]
        elif triple and (before == "--target" or word.startswith("--target=")):
            yield triple[0]
        elif before == "--on" and word in boards.known():
            yield from _of_board(boards.load(word))


def _of_board(board: Board) -> Iterator[str]:
    if _TRIPLE.fullmatch(board.target):
        yield board.target
    if board.run and _EMULATOR.fullmatch(board.run.emulator):
        yield board.run.emulator


def refuse_skip(report: pytest.TestReport) -> None:
    """Turns a skip into a failure, unless its reason is one of those that set-up cannot mend."""
    if report.skipped and not hasattr(report, "wasxfail") and not _reason(report).startswith(MAY_BE_ABSENT):
        report.outcome = "failed"
        report.longrepr = f"skipped although set-up has run: {_reason(report)}"


def tell(request: pytest.FixtureRequest, text: str) -> None:
    """Lets the end of `nox -s tests` say this of a test that passes."""
    request.node.user_properties.append((_TOLD, text))


def summary(stats: Mapping[str, Sequence[Any]]) -> str:
    """Returns the reasons for which tests were skipped, with their number and files, and what others have to tell."""
    skipped: dict[str, Counter[str]] = {}
    for report in cast("Sequence[pytest.TestReport]", stats.get("skipped", ())):
        skipped.setdefault(_reason(report), Counter())[report.nodeid.partition("::")[0]] += 1
    lines = [
        f"{len(stats.get('passed', ()))} tests passed, {sum(files.total() for files in skipped.values())} were skipped"
    ]
    for reason, files in sorted(skipped.items()):
        lines.append(f"{files.total()} skipped: {reason}")
        lines += [f"    {count} of {file}" for file, count in sorted(files.items())]
    told = {text for kind in ("passed", "failed") for report in stats.get(kind, ()) for text in _told(report)}
    return "".join(f"{line}\n" for line in [*lines, *sorted(told)])


def _told(report: pytest.TestReport) -> Iterator[str]:
    if report.when == "call":
        yield from (str(text) for name, text in report.user_properties if name == _TOLD)


def _reason(report: pytest.TestReport) -> str:
    text = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    return text.removeprefix("Skipped: ")
