"""Reads model files: suffix -> reader. Frontends know file formats and no operators."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

from ariel_build.errors import ArielError, ModelError
from ariel_build.frontends.checks import corrupt
from ariel_build.frontends.source import SourceModel, SourceNode, SourceTensor

__all__ = ["READERS", "SourceModel", "SourceNode", "SourceTensor", "read"]

#: The module that reads files of a suffix; it is imported when one comes, for each costs a quarter of a second.
READERS = {
    ".onnx": "ariel_build.frontends.onnx",
    ".tflite": "ariel_build.frontends.tflite",
}


class _Reader(Protocol):
    """What each reader module offers."""

    def read(self, path: Path, dims: Mapping[str, int]) -> SourceModel:
        """Returns the model, checked."""
        ...


def read(path: Path, dims: Mapping[str, int] | None = None) -> SourceModel:
    """Returns the model in `path`, checked for consistency; `dims` binds its free dimensions.

    Raises ModelError where the file is damaged, UnsupportedError where it uses what no reader knows, MetadataError
    where `dims` does not fit. Origins name the place in the file, not the file.
    """
    module = READERS.get(path.suffix.lower())
    if module is None:
        raise ModelError(
            f"`{path}` is no model file that Ariel-ML reads",
            help="give a file that ends in " + " or ".join(READERS),
        )
    reader = cast("_Reader", importlib.import_module(module))
    try:
        return reader.read(path, dims or {})
    except ArielError:
        raise
    except Exception as error:
        # A damaged file can break a reader in ways that no list foresees. This is the one place that says so.
        raise corrupt(f"{type(error).__name__}: {error}".strip(": ")) from error
