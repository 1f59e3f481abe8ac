"""Reads model files: suffix -> reader. Frontends know file formats and no operators."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

from ariel_build.errors import ArielError, Diagnostic, ModelError
from ariel_build.frontends.checks import corrupt, shown
from ariel_build.frontends.source import SourceModel, SourceNode, SourceTensor

__all__ = ["READERS", "SourceModel", "SourceNode", "SourceTensor", "read"]

#: The module that reads files of a suffix; it is imported when one comes, for each costs a quarter of a second.
READERS = {
    ".onnx": "ariel_build.frontends.onnx",
    ".pt2": "ariel_build.frontends.pt2",
    ".tflite": "ariel_build.frontends.tflite",
}


class _Reader(Protocol):
    """What each reader module offers."""

    def read(self, path: Path, dims: Mapping[str, int], signature: str) -> SourceModel:
        """Returns the model, checked."""
        ...


def read(path: Path, dims: Mapping[str, int] | None = None, signature: str = "") -> SourceModel:
    """Returns the model in `path`, checked for consistency; `dims` binds its free dimensions.

    `signature` names the TFLite signature to read, instead of the first one.

    Raises ModelError where the file is damaged, UnsupportedError where it uses what no reader knows, MetadataError
    where `dims` or `signature` does not fit. Its errors name the file and the place in it; the origins of nodes only
    the place.
    """
    module = READERS.get(path.suffix.lower())
    if module is None:
        raise ModelError(
            "this is no model file that Ariel-ML reads", str(path), "give a file that ends in " + ", ".join(READERS)
        )
    reader = cast("_Reader", importlib.import_module(module))
    try:
        return reader.read(path, dims or {}, signature)
    except ModelError as error:
        error.diagnostics = [_in_file(path, d) for d in error.diagnostics]
        raise
    except ArielError:
        raise
    except Exception as error:
        # A damaged file can break a reader in ways that no list foresees. This is the one place that says so.
        raise corrupt(shown(f"{type(error).__name__}: {error}"), str(path)) from error


def _in_file(path: Path, diagnostic: Diagnostic) -> Diagnostic:
    """Returns a diagnostic whose origin starts with the file."""
    return replace(diagnostic, origin=f"{path}: {diagnostic.origin}" if diagnostic.origin else str(path))
