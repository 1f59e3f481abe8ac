"""Guesses the board from what firmware depends on: `embassy-stm32` with the feature `stm32h743zi` means `stm32h7`.

Board files say which crates and features name their chip (`chips`); this is only how a Cargo.toml is read for them. All
of it is pure: the caller reads files and knows which features cargo has turned on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import cast

from ariel_build import boards
from ariel_build.boards import Board
from ariel_build.records import dataclass

__all__ = ["Dependency", "Guess", "dependencies", "guess"]

#: The crate of the runtime, and the features of it with which several cores take part.
RUNTIME, SEVERAL_CORES = "ariel-ml-rs", frozenset({"multicore", "ariel-os"})
#: Features that name a chip, of crates that serve several: what is told where no board file knows it.
_CHIP = re.compile(r"(stm32[a-z]|nrf\d|rp\d|esp32|gd32)[a-z0-9-]*")

Table = Mapping[str, object]


@dataclass(frozen=True)
class Dependency:
    """A crate that is part of the build, by its own name, and the features that are asked of it."""

    crate: str
    features: frozenset[str]


@dataclass(frozen=True)
class Guess:
    """The board that dependencies name, if they name one that is known; and what the user is told.

    `cores` is how many work on a model where the metadata does not say; None for all of the board.
    """

    board: Board | None
    told: str
    cores: int | None = None


def dependencies(
    manifest: Table, workspace: Table, is_on: Callable[[str], bool], target: str = ""
) -> Sequence[Dependency]:
    """Returns the dependencies of a Cargo.toml that are part of the build.

    `workspace` is the `[workspace.dependencies]` that it may inherit from, `is_on` whether a feature of the package is
    on. Tables for a `cfg(..)` count, whatever it says; those for another target triple do not.
    """
    turned_on = [entry for name, entries in _features(manifest) if is_on(name) for entry in entries]
    found: list[Dependency] = []
    for alias, given in _entries(manifest, target):
        asked = given if isinstance(given, dict) else {}
        inherited = workspace.get(alias) if asked.get("workspace") is True else None
        base = inherited if isinstance(inherited, dict) else {}
        features = {*_strings(base.get("features")), *_strings(asked.get("features"))}
        for entry in turned_on:
            name, slash, feature = entry.partition("/")
            if slash and name.removesuffix("?") == alias:
                features.add(feature)
        if asked.get("optional") is True and not _is_asked_for(alias, turned_on, is_on):
            continue
        crate = asked.get("package", base.get("package", alias))
        found.append(Dependency(str(crate), frozenset(features)))
    return found


def _features(manifest: Table) -> Iterator[tuple[str, list[str]]]:
    table = manifest.get("features")
    for name, entries in table.items() if isinstance(table, dict) else ():
        yield name, _strings(entries)


def _is_asked_for(alias: str, turned_on: Sequence[str], is_on: Callable[[str], bool]) -> bool:
    """Whether an optional dependency is part of the build."""
    return is_on(alias) or any(entry == f"dep:{alias}" or entry.startswith(f"{alias}/") for entry in turned_on)


def _entries(manifest: Table, target: str) -> Iterator[tuple[str, object]]:
    tables: list[object] = [manifest.get("dependencies")]
    targets = manifest.get("target")
    for name, table in targets.items() if isinstance(targets, dict) else ():
        if isinstance(table, dict) and (name == target or name.startswith("cfg(")):
            tables.append(table.get("dependencies"))
    for table in tables:
        if isinstance(table, dict):
            yield from table.items()


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def guess(found: Sequence[Dependency], target: str, generic: Board) -> Guess:
    """Returns the one board for `target` that the dependencies name; `generic` is what code is for without."""
    named: dict[str, str] = {}
    others: dict[str, str] = {}
    for name in boards.known():
        board = boards.load(name)
        why = _named_by(board.chips, found)
        if why:
            (named if boards.adapted(board, target) is not None else others)[name] = why
    if len(named) == 1:
        ((name, why),) = named.items()
        board = cast("Board", boards.adapted(boards.load(name), target))
        several = any(d.crate == RUNTIME and d.features & SEVERAL_CORES for d in found)
        alone = len(board.cores) > 1 and not several
        one = f" One of its cores works, for `{RUNTIME}` has not the feature `multicore`." if alone else ""
        told = (
            f"the board is taken to be `{name}` ({board.description}): {why}.{one} This is told once; "
            f'board = "{name}" below [package.metadata.ariel] in Cargo.toml settles it'
        )
        return Guess(board, told, 1 if alone else None)
    if named:
        reason = "dependencies name several boards (" + "; ".join(f"`{n}`: {why}" for n, why in named.items()) + ")"
    elif others:
        name, why = next(iter(others.items()))
        reason = f"{why}, and the board `{name}` is {boards.load(name).target}, not {target}"
    else:
        unknown = _unknown_chip(found)
        reason = f"{unknown}, which no board file knows" if unknown else "no dependency names a chip"
    told = (
        f"no `board` is given, and {reason}: the code is for {generic.description}, of unknown clock and memories. "
        'This is told once; board = ".." below [package.metadata.ariel] in Cargo.toml names one of '
        f'`cargo ariel boards` or a TOML file of your own, "{generic.name}" leaves it so'
    )
    return Guess(None, told)


def _named_by(chips: Sequence[str], found: Sequence[Dependency]) -> str:
    """Returns which dependency names one of the chips, or an empty string."""
    excluded = [chip[1:] for chip in chips if chip.startswith("!")]
    for dependency in found:
        forms = [f"{dependency.crate}/{feature}" for feature in sorted(dependency.features)]
        if any(fnmatchcase(form, chip) for form in forms for chip in excluded):
            continue
        for form in forms:
            if any(fnmatchcase(form, chip) for chip in chips):
                return _feature_of(form)
        if dependency.crate in chips:
            return f"`{dependency.crate}` is a dependency"
    return ""


def _feature_of(form: str) -> str:
    crate, _, feature = form.partition("/")
    return f"`{crate}` has the feature `{feature}`"


def _unknown_chip(found: Sequence[Dependency]) -> str:
    """Returns the feature that names a chip, of a crate by whose features boards are known, or an empty string."""
    crates = {chip.partition("/")[0] for name in boards.known() for chip in boards.load(name).chips if "/" in chip}
    forms = [f"{d.crate}/{f}" for d in found if d.crate in crates for f in sorted(d.features) if _CHIP.fullmatch(f)]
    return _feature_of(forms[0]) if forms else ""
