"""The options of a model on the command line: each key of `options.KEYS` under its own name.

A value is `--deadline 20ms`, a table's part or entry is `--budget ram=48K`, once for each. `dims` is `--dim`. A list is
`--labels yes,no`; without a comma it is the file that has it.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from ariel_build.config import option_values as values
from ariel_build.config.options import KEYS, Key, ModelOptions, Reader
from ariel_build.errors import MetadataError

__all__ = ["add_options", "option_table", "over", "read_options"]

_BOUND = re.compile(r"=(\.\.=-?[0-9]*)$")


def add_options(parser: argparse.ArgumentParser, names: Collection[str] | None = None) -> None:
    """Gives a command these options, or every one but the model's path, which is an argument of its own."""
    group = parser.add_argument_group("model", "the keys of [package.metadata.ariel], under the same names")
    for key in KEYS:
        if key.name == "path" or (names is not None and key.name not in names):
            continue
        text = f"{key.doc} (default: {key.default})".replace("%", "%%")
        if key.value is values.flag:
            group.add_argument(_flag(key), action="store_true", default=None, help=text)
        elif key.value is not None:
            group.add_argument(_flag(key), metavar=_METAVARS.get(key.value, "NAME"), help=text)
        else:
            parts = "|".join(part.name for part in key.parts) or "NAME"
            group.add_argument(_flag(key), metavar=f"{parts}=VALUE", action="append", dest=key.name, help=text)


def read_options(model: Path, arguments: argparse.Namespace) -> ModelOptions:
    """Returns the options of the model for parsed arguments; MetadataError lists all that is wrong with them.

    `arguments.board` is the caller's to load.
    """
    reader = _reader()
    table = {"path": str(model), **_table(arguments, reader)}
    options = reader.model(table, (), "the command line", {}, {})
    if options is None or reader.problems:
        raise MetadataError(reader.problems)
    return options


def over(base: ModelOptions, own: ModelOptions) -> ModelOptions:
    """Returns the options of a model in Cargo.toml, with those of the command line in their places; tables join."""
    changed: dict[str, object] = {}
    for key in KEYS:
        if key.name in own.given and key.model:
            field = "weights_section" if key.name == "weights" else key.name.replace("-", "_")
            value = getattr(own, field)
            changed[field] = {**getattr(base, field), **value} if key.entries is not None else value
    return replace(base, given={**base.given, **own.given}, **changed)  # type: ignore[arg-type]


def option_table(arguments: argparse.Namespace) -> dict[str, object]:
    """Returns the table of Cargo.toml that says the same as the options, which `read_options` has taken."""
    return _table(arguments, _reader())


def _reader() -> Reader:
    return Reader(lambda path: _FLAGS.get(path[0], "command line") if path else "command line")


def _table(arguments: argparse.Namespace, reader: Reader) -> dict[str, object]:
    """Returns the options as TOML would give them."""
    table: dict[str, object] = {}
    for key in KEYS:
        given = getattr(arguments, key.name.replace("-", "_"), None)
        if given is None or not key.model or key.name == "path":
            continue
        table[key.name] = _entries(key, given, reader) if isinstance(given, list) else _toml_value(key.value, given)
    return table


def _entries(key: Key, given: list[str], reader: Reader) -> dict[str, object]:
    """Returns the table that `NAME=VALUE` texts make."""
    table: dict[str, object] = {}
    parts = {part.name: part for part in key.parts}
    for text in given:
        # A tensor's name may have a `=` in it, a size cannot, but for that of a bound.
        if key.entries is values.dimension:
            bound = _BOUND.search(text)
            name, equals, value = (text[: bound.start()], "=", bound[1]) if bound else text.rpartition("=")
        else:
            name, equals, value = text.partition("=")
        if not equals or not name:
            reader.refuse((key.name,), f"`{text}` is not NAME=VALUE")
        elif name in table:
            reader.refuse((key.name,), f"`{name}` is given twice")
        else:
            table[name] = _toml_value(parts[name].value if name in parts else key.entries, value)
    return table


def _toml_value(reader: Callable[[object], object] | None, text: object) -> object:
    """Returns what TOML would give for the text: an integer where a count is read, a list where labels are."""
    if (
        reader in (values.count, values.cores, values.dimension, values.weights_bits)
        and isinstance(text, str)
        and re.fullmatch(r"\d{1,19}", text)
    ):
        return int(text)
    if reader is values.labels and isinstance(text, str) and "," in text:
        return text.split(",")
    return text


def _flag(key: Key) -> str:
    return "--dim" if key.name == "dims" else f"--{key.name}"


_METAVARS: dict[Callable[[object], object], str] = {
    values.cores: "N",
    values.count: "N",
    values.duration: "TIME",
    values.labels: "A,B,..|FILE",
    values.optimize: "speed|size|ram",
}
_FLAGS = {key.name: _flag(key) for key in KEYS}
