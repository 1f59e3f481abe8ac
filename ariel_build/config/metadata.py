"""Reads `[package.metadata.ariel]` of a Cargo.toml into frozen options; executes nothing, touches no other file.

All that is wrong is collected, each problem with its line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path, PurePosixPath
from typing import cast

import tomlkit
from tomlkit.exceptions import ParseError, TOMLKitError

from ariel_build.config import option_values as values
from ariel_build.config.module_name import module_name
from ariel_build.config.option_values import Optimize
from ariel_build.config.options import KEYS, MODEL_KEYS, ModelOptions, Reader
from ariel_build.config.toml_lines import key_lines, line_of
from ariel_build.errors import Diagnostic, MetadataError
from ariel_build.records import dataclass

__all__ = ["Metadata", "ModelOptions", "read"]

TABLE = ("package", "metadata", "ariel")
HEADER = "[package.metadata.ariel]"
EXAMPLE = f'for one model, write model = "models/keywords.tflite" in {HEADER}'

#: The generated index of all models has this name; a model cannot.
INDEX = "ariel_models"


@dataclass(frozen=True)
class Metadata:
    """What a firmware's Cargo.toml says: the board, and each model's options by the name of its module.

    `cores` and `optimize` are the package's own; each model's options hold what is true for it.
    """

    models: Mapping[str, ModelOptions]
    board: str | None = None
    image: str | None = None
    cores: int | None = None
    optimize: Optimize = "speed"
    given: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def arenas(self) -> dict[str, list[str]]:
        """The arenas that models share, and the modules of these models, in order."""
        found: dict[str, list[str]] = {}
        for module, options in sorted(self.models.items()):
            if options.arena is not None:
                found.setdefault(options.arena, []).append(module)
        return found


def read(text: str, origin: str = "Cargo.toml") -> Metadata:
    """Returns the metadata in the text of a Cargo.toml; MetadataError lists all that is wrong with it."""
    try:
        document = tomlkit.parse(text).unwrap()
    except ParseError as error:
        raise MetadataError(f"this is not TOML: {error}", f"{origin}:{error.line}") from None
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise MetadataError(f"this is not TOML: {error}", origin) from None
    lines = key_lines(text)

    def place(path: tuple[str, ...]) -> str:
        line = line_of(lines, path)
        return origin if line is None else f"{origin}:{line}"

    reader = Reader(place)
    metadata = _Document(reader, document).metadata()
    if reader.problems or metadata is None:
        raise MetadataError(sorted(reader.problems, key=_line))
    return metadata


def _line(problem: Diagnostic) -> int:
    line = problem.origin.rpartition(":")[2]
    return int(line) if line.isdigit() else 0


class _Document:
    def __init__(self, reader: Reader, document: Mapping[str, object]) -> None:
        self.reader = reader
        self.document = document

    def metadata(self) -> Metadata | None:
        """Returns what is in the table, or None after telling the reader why not."""
        table = self._table()
        if table is None:
            return None
        package_keys = {key.name: key for key in KEYS if key.package}
        known = [*package_keys, "model", "models"]
        found: dict[str, object] = {}
        for name, item in table.items():
            path = (*TABLE, name)
            if name in package_keys:
                found[name] = self.reader.value(package_keys[name], item, path)
            elif name in MODEL_KEYS:
                advice = f"`{name}` is a model's: write it in [package.metadata.ariel.models.<name>], with `path`"
                self.reader.unknown(path, known, HEADER, advice)
            elif name not in known:
                self.reader.unknown(path, known, HEADER)
        models = self._models(table, {name: found[name] for name in ("cores", "optimize") if name in found})
        return Metadata(
            models=models,
            board=cast("str | None", found.get("board")),
            image=cast("str | None", found.get("image")),
            cores=cast("int | None", found.get("cores")),
            optimize=cast("Optimize", found.get("optimize", "speed")),
            given={name: self.reader.place((*TABLE, name)) for name in found},
        )

    def _table(self) -> Mapping[str, object] | None:
        at: object = self.document
        for depth, name in enumerate(TABLE):
            if not isinstance(at, dict) or name not in at:
                near = values.closest(name, at) if isinstance(at, dict) and at else ""
                wrong = (*TABLE[:depth], near)
                if depth == 2 and near.startswith("ari"):
                    self.reader.unknown(wrong, [name], "[package.metadata]")
                else:
                    self.reader.refuse((), f"there is no {HEADER}", EXAMPLE)
                return None
            at = at[name]
        if not isinstance(at, dict):
            self.reader.refuse(TABLE, f"`package.metadata.ariel` is {values.shown(at)}: a table is expected", EXAMPLE)
            return None
        return at

    def _models(self, table: Mapping[str, object], defaults: Mapping[str, object]) -> dict[str, ModelOptions]:
        """Returns the options of each model by module name."""
        if "model" in table and "models" in table:
            where = self.reader.place((*TABLE, "model"))
            advice = f"`model` ({where}) is the short form for one; move it to [package.metadata.ariel.models.<name>]"
            self.reader.refuse((*TABLE, "models"), "`model` and `models` stand together", advice)
            return {}
        places = {name: self.reader.place((*TABLE, name)) for name in defaults}
        if "model" in table:
            return self._short_form(table["model"], defaults, places)
        models = table.get("models", {})
        if not isinstance(models, dict):
            advice = 'write [package.metadata.ariel.models.<name>] with path = ".."'
            self.reader.refuse((*TABLE, "models"), f"`models` is {values.shown(models)}: a table is expected", advice)
            return {}
        # A misspelt `model` has been told of already.
        if not models and not self.reader.problems:
            where_to_look = (*TABLE, "models") if "models" in table else TABLE
            self.reader.refuse(where_to_look, f"{HEADER} names no model", EXAMPLE)
        found: dict[str, ModelOptions] = {}
        keys: dict[str, str] = {}
        for key, options in models.items():
            path = (*TABLE, "models", key)
            inside = f"[package.metadata.ariel.models.{key}]"
            module = self._module(key, path, keys)
            if not isinstance(options, dict):
                file = values.shown(options) if isinstance(options, str) else '"models/keywords.tflite"'
                advice = f"write {key} = {{ path = {file} }}"
                self.reader.refuse(path, f"`models.{key}` is {values.shown(options)}: a table is expected", advice)
                continue
            read_options = self.reader.model(options, path, inside, defaults, places)
            if module is not None and read_options is not None:
                found[module] = read_options
        for module, options in found.items():
            if options.arena is not None and options.arena in {name.casefold() for name in (*found, INDEX)}:
                at = (*TABLE, "models", module, "arena")
                self.reader.refuse(at, f"a model has the name of the arena `{options.arena}`", "rename the arena")
        return found

    def _short_form(
        self, model: object, defaults: Mapping[str, object], places: Mapping[str, str]
    ) -> dict[str, ModelOptions]:
        path = (*TABLE, "model")
        try:
            file = values.file(model)
        except ValueError as error:
            advice = (
                "several models are written [package.metadata.ariel.models.<name>]" if isinstance(model, dict) else ""
            )
            self.reader.refuse(path, f"`model` is {values.shown(model)}: {error}", advice)
            return {}
        module = self._module(PurePosixPath(file.as_posix()).stem, path, {})
        options = ModelOptions(
            path=Path(file),
            cores=cast("int | None", defaults.get("cores")),
            optimize=cast("Optimize", defaults.get("optimize", "speed")),
            given={"path": self.reader.place(path), **places},
        )
        return {} if module is None else {module: options}

    def _module(self, name: str, path: tuple[str, ...], keys: dict[str, str]) -> str | None:
        """Returns the name of the module for a model, or None where it is no name or another's; `keys` remembers."""
        try:
            module = module_name(name)
        except ValueError as error:
            self.reader.refuse(path, str(error))
            return None
        if module == INDEX:
            self.reader.refuse(path, f"a model cannot be named `{INDEX}`", "that is the file that lists all models")
            return None
        # File systems of Windows and macOS would take `A.rs` for `a.rs`.
        other = keys.setdefault(module.casefold(), name)
        if other != name:
            advice = f"`{other}` ({self.reader.place((*path[:-1], other))}) has it already: rename one"
            self.reader.refuse(path, f"two models have the module name `{module}`", advice)
            return None
        return module
