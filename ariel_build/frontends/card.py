"""What a model file says of itself in words: who made it, what it is, under which licence."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from ariel_build.errors import ModelError
from ariel_build.frontends.checks import read_file
from ariel_build.frontends.flatbuffer import FlatFile
from ariel_build.records import dataclass

__all__ = ["Card", "read_card"]

#: The entry of a TFLite file's metadata that describes the model, and the identifier of the file within the file.
_TFLITE_METADATA, _METADATA_IDENTIFIER = "TFLITE_METADATA", b"M001"
#: Keys under which ONNX files have a licence, an author.
_LICENCES, _AUTHORS = ("license", "licence", "model_license"), ("author", "authors", "model_author")


@dataclass(frozen=True)
class Card:
    """A file's size and SHA-256, and its own words as they are; empty where it says nothing."""

    format: str
    bytes: int
    sha256: str
    name: str = ""
    producer: str = ""
    version: str = ""
    author: str = ""
    licence: str = ""
    description: str = ""


def read_card(path: Path) -> Card:
    """Returns what a model file says of itself, one that a frontend has read.

    Words that are damaged count as none: the model may be sound all the same.
    """
    data = read_file(path)
    suffix = path.suffix.lower()
    card = Card(suffix.removeprefix("."), len(data), hashlib.sha256(data).hexdigest())
    try:
        if suffix == ".tflite":
            return _of_tflite(data, card)
        if suffix == ".onnx":
            return _of_onnx(data, card)
    except ModelError:
        pass
    return card


def _of_onnx(data: bytes, card: Card) -> Card:
    import onnx  # noqa: PLC0415 - a quarter of a second that other formats do not wait for

    model = onnx.ModelProto()
    model.ParseFromString(data)
    said = {_text(entry.key).lower(): _text(entry.value) for entry in model.metadata_props}
    return replace(
        card,
        name=_text(model.graph.name),
        producer=" ".join(filter(None, (_text(model.producer_name), _text(model.producer_version)))),
        version=str(model.model_version) if model.model_version else "",
        author=next((said[key] for key in _AUTHORS if key in said), ""),
        licence=next((said[key] for key in _LICENCES if key in said), ""),
        description=_text(model.doc_string) or _text(model.graph.doc_string),
    )


def _text(value: str | bytes) -> str:
    """Returns a string of protobuf, which hands out as bytes what is not UTF-8."""
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value


def _of_tflite(data: bytes, card: Card) -> Card:
    from ariel_build.frontends.tflite_schema import MODEL  # noqa: PLC0415 - as above

    file = FlatFile(data)
    model = file.root(MODEL, b"TFL3")
    card = replace(card, producer=file.text(model, "Description"))
    for entry in file.tables(model, "Metadata"):
        if file.text(entry, "Name") == _TFLITE_METADATA:
            buffers = file.tables(model, "Buffers")
            if entry.Buffer() >= len(buffers):
                return card
            inner = FlatFile(file.numbers(buffers[entry.Buffer()], "Data").tobytes())
            said = inner.root(_Said, _METADATA_IDENTIFIER)
            name, version, author, licence, about = (
                inner.text(said, field) for field in ("Name", "Version", "Author", "License", "Description")
            )
            return replace(card, name=name, version=version, author=author, licence=licence, description=about)
    return card


class _Said:
    """The fields of `ModelMetadata` (metadata_schema.fbs of TFLite Support) that are text, by their numbers."""

    _tab: Any

    def Name(self) -> bytes | None:  # noqa: N802 - named as accessors that flatc makes
        return self._string(0)

    def Description(self) -> bytes | None:  # noqa: N802 - the same
        return self._string(1)

    def Version(self) -> bytes | None:  # noqa: N802 - the same
        return self._string(2)

    def Author(self) -> bytes | None:  # noqa: N802 - the same
        return self._string(4)

    def License(self) -> bytes | None:  # noqa: N802 - the same
        return self._string(5)

    def _string(self, field: int) -> bytes | None:
        offset = self._tab.Offset(4 + 2 * field)
        return self._tab.String(self._tab.Pos + offset) if offset else None
