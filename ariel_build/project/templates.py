"""Templates of projects: `templates/starts/<start>.toml` -> `Start`, and texts with slots, `{{name}}`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

from ariel_build.boards import Board
from ariel_build.errors import BoardError, InternalError
from ariel_build.machine import resources
from ariel_build.records import dataclass

__all__ = ["EXECUTORS", "Start", "render", "start_for", "text"]

#: What may run the firmware's tasks.
EXECUTORS = ("embassy", "rtic", "bare", "ariel-os")

_SLOT = re.compile(r"\{\{([\w-]+)\}\}")
#: The emulated Cortex-M boards are alike but for the machine; so are chips of which only memories are known.
_EMULATED = "qemu-system-arm"


@dataclass(frozen=True)
class Start:
    """How firmware begins, prints and ends on some chips, under one executor; texts have slots.

    `values` are the keys of the start's TOML file with those of the executor's table, which come after them where both
    have dependencies.
    """

    name: str
    values: Mapping[str, Any]

    def text(self, key: str) -> str:
        """Returns the text of a key, without the line ends around it; empty where there is none."""
        return str(self.values.get(key, "")).strip("\n")

    def list(self, key: str) -> list[str]:
        """Returns the list of a key; empty where there is none."""
        return [str(item) for item in self.values.get(key, [])]

    @property
    def files(self) -> Mapping[str, str]:
        """Files of the project, with the templates that they are made of."""
        return dict(self.values.get("files", {}))


def start_for(board: Board, executor: str) -> Start:
    """Returns the start of a board's firmware; BoardError says what can be done where that executor cannot be had."""
    name = "ariel-os" if executor == "ariel-os" else _name(board)
    if name is None:
        raise BoardError(
            f"no project can be made for {board.name}: neither a HAL nor a start-up crate for it is known here",
            "--board",
            "`cargo ariel init` puts a model into firmware of your own for it",
        )
    found = _read(name)
    tables = found.pop("executors")
    if executor not in tables:
        raise BoardError(
            f"no {executor} project can be made for {board.name}: {_reason(executor, name)}",
            "--executor",
            f"for this board: {', '.join(tables)}",
        )
    if executor == "ariel-os" and not (board.project and board.project.laze):
        raise BoardError(
            f"no Ariel OS project can be made for {board.name}: its board of Ariel OS is not known here",
            "--executor",
            'write `laze = ".."` into `[project]` of a board file of your own, or take another executor',
        )
    own = tables[executor]
    both = "\n".join(part["dependencies"].strip("\n") for part in (found, own) if part.get("dependencies"))
    return Start(name, {**found, **own, "dependencies": both})


def render(template: str, slots: Mapping[str, str]) -> str:
    """Returns a template with its slots filled.

    A slot that has a line for itself takes as many lines as its text has, each indented as the slot is; with no text
    the line goes, and so does one of two empty lines that then meet.
    """
    lines: list[str] = []
    for line in template.splitlines():
        alone = _SLOT.fullmatch(line.strip())
        if alone is None:
            lines.append(_filled(line, slots))
            continue
        indent = line[: len(line) - len(line.lstrip())]
        value = _filled(_value(slots, alone[1]), slots).strip("\n")
        lines += [f"{indent}{part}".rstrip() for part in value.splitlines()]
        if not value and lines and not lines[-1]:
            lines.pop()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines).strip("\n")) + "\n"


def text(name: str) -> str:
    """Returns a template."""
    return resources.path("templates").joinpath(name).read_text(encoding="utf-8")


def _filled(text: str, slots: Mapping[str, str]) -> str:
    """Returns the text with the values of its slots, which may have slots themselves."""
    return _SLOT.sub(lambda match: _filled(_value(slots, match[1]), slots), text)


def _value(slots: Mapping[str, str], name: str) -> str:
    if name not in slots:
        raise InternalError("a template has a slot that nobody fills", {"slot": name})
    return slots[name]


def _name(board: Board) -> str | None:
    """Returns the start of a board: the one that its file names, else one for all Cortex-M with these memories."""
    if board.project is not None:
        starts = sorted(path.stem for path in resources.path("templates/starts").glob("*.toml"))
        if board.project.start not in starts:
            message = f"{board.name} has the start `{board.project.start}`, which is not known"
            raise BoardError(message, "project.start", f"known: {', '.join(starts)}")
        return board.project.start
    if board.is_host:
        return "host"
    if not (board.banks("flash") and board.banks("ram") and board.target.startswith("thumb")):
        return None
    if board.run is None:
        return "probe"
    return "semihosting" if board.run.emulator == _EMULATED else None


def _reason(executor: str, start: str) -> str:
    """Returns why a start has no such executor."""
    if start == "host":
        return "a program of this computer needs none"
    if executor == "rtic" and start == "probe":
        return "RTIC needs the chip's interrupts, from a HAL or a PAC, and none is known for it here"
    return "it has no template for that"


@cache
def _document(name: str) -> dict[str, Any]:
    return tomllib.loads(text(f"starts/{name}.toml"))


def _read(name: str) -> dict[str, Any]:
    """Returns a start's file over that which it is based on."""
    own = dict(_document(name))
    base = own.pop("base", None)
    if base is None:
        return own
    under = _read(base)
    executors = {**under.get("executors", {}), **own.get("executors", {})}
    return {**under, **own, "executors": executors}
