"""The TOML of a sweep -> the jobs that it means: every model on every board with every combination of options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import cast

import tomlkit
from tomlkit.exceptions import ParseError, TOMLKitError

from ariel_build import boards
from ariel_build.config import option_values as values
from ariel_build.config.options import MODEL_KEYS
from ariel_build.errors import ArielError, MetadataError
from ariel_build.records import dataclass
from ariel_build.sweep.job import Job, options_of

__all__ = ["Plan", "read_plan"]

_KEYS = ("models", "boards", "options", "accuracy", "output")
#: Options that change nothing of what a sweep tells, or name files that are the firmware's.
_OTHERS = ("path", "labels", "arena", "weights")
_EXAMPLE = 'models = ["models/*.tflite"]\nboards = ["stm32h7"]'


@dataclass(frozen=True)
class Plan:
    """The jobs in the order of the file: by model, then by board, then by options; and where the table goes."""

    jobs: tuple[Job, ...]
    output: Path | None


def read_plan(path: Path) -> Plan:
    """Returns the plan in a TOML file; MetadataError or BoardError says what is wrong with it, before work begins.

    Paths are from the file's folder. Models are files or patterns; a file that is not there is a job all the same.
    """
    document = _document(path)
    unknown = [key for key in document if key not in _KEYS]
    if unknown:
        nearest = values.closest(unknown[0], _KEYS)
        raise MetadataError(f"unknown key `{unknown[0]}`", str(path), f"did you mean `{nearest}`?")
    folder = path.resolve().parent
    names = _models(folder, _texts(path, document, "models"))
    accuracy = _accuracy(path, document, names)
    on = [_board(folder, name) for name in _texts(path, document, "boards")]
    tables = list(_combinations(path, folder, document.get("options", {})))
    jobs = [
        Job(name, folder / name, board, table, accuracy.get(name)) for name in names for board in on for table in tables
    ]
    output = document.get("output")
    if output is not None and not isinstance(output, str):
        raise MetadataError("`output` is no path", str(path), 'output = "sweep.csv"')
    return Plan(tuple(jobs), None if output is None else folder / output)


def _document(path: Path) -> dict[str, object]:
    try:
        return dict(tomlkit.parse(path.read_text(encoding="utf-8")).unwrap())
    except OSError as error:
        raise MetadataError(f"cannot read: {error.strerror}", str(path)) from None
    except ParseError as error:
        raise MetadataError(f"this is not TOML: {error}", f"{path}:{error.line}") from None
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise MetadataError(f"this is not TOML: {error}", str(path)) from None


def _texts(path: Path, document: Mapping[str, object], key: str) -> Sequence[str]:
    found = document.get(key)
    if not isinstance(found, list) or not found or not all(isinstance(item, str) for item in found):
        raise MetadataError(f"`{key}` is no list of names", str(path), f"for example:\n{_EXAMPLE}")
    return cast("list[str]", found)


def _models(folder: Path, names: Sequence[str]) -> list[str]:
    """Returns the models, each once, as paths from the folder; patterns are replaced by what they match, by name."""
    found: list[str] = []
    for name in names:
        if any(sign in name for sign in "*?["):
            matched = sorted(str(path.relative_to(folder)) for path in folder.glob(name))
            if not matched:
                raise MetadataError(f"no file is like `{name}`", str(folder), "patterns are from the file's folder")
            found += matched
        else:
            found.append(name)
    return list(dict.fromkeys(found))


def _board(folder: Path, name: str) -> str:
    """Returns the board's name, or its file's absolute path; BoardError where there is none."""
    place = str(folder / name) if name.endswith(".toml") else name
    boards.load(place)
    return place


def _accuracy(path: Path, document: Mapping[str, object], names: Sequence[str]) -> Mapping[str, float]:
    table = document.get("accuracy", {})
    numbers = isinstance(table, dict) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in table.values()
    )
    if not numbers:
        raise MetadataError("`accuracy` is no table of numbers", str(path), '"models/a.tflite" = 0.91')
    found = cast("dict[str, float]", table)
    strangers = [name for name in found if name not in names]
    if strangers:
        raise MetadataError(f"`accuracy` names `{strangers[0]}`, which is none of the models", str(path))
    return {name: float(value) for name, value in found.items()}


def _combinations(path: Path, folder: Path, options: object) -> Iterator[Mapping[str, object]]:
    """Yields every combination of the options' values; each has been read once, so that none is refused later."""
    if not isinstance(options, dict):
        raise MetadataError("`options` is no table", str(path), 'optimize = ["speed", "ram"]')
    known = [key for key in MODEL_KEYS if key not in _OTHERS]
    for name in options:
        if name not in known:
            nearest = values.closest(name, known)
            raise MetadataError(f"unknown option `{name}`", str(path), f"did you mean `{nearest}`?")
    choices = [value if isinstance(value, list) else [value] for value in options.values()]
    for chosen in product(*choices):
        table = {name: _placed(folder, value) for name, value in zip(options, chosen, strict=True)}
        try:
            options_of(Path("model"), table)
        except ArielError as error:
            for index, diagnostic in enumerate(error.diagnostics):
                error.diagnostics[index] = type(diagnostic)(
                    diagnostic.message, f"{path}: {diagnostic.origin}", diagnostic.help
                )
            raise
        yield table


def _placed(folder: Path, value: object) -> object:
    """Returns the value; the samples of a quantisation by their absolute path."""
    if isinstance(value, dict) and isinstance(value.get("calibration"), str):
        return {**value, "calibration": str(folder / value["calibration"])}
    return value
