"""Tensors of complex numbers of a TFLite file: what makes them, moves them and reads them keeps pairs of float32.

They are kept apart from all other values, so that nothing else takes the pairs for numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariel_build.ops.base import UnsupportedReason

if TYPE_CHECKING:
    from ariel_build.ir import Value
    from ariel_build.ops.importer import Importer

__all__ = ["bind_spectrum", "spectrum", "spectrum_shape"]


def spectrum(importer: Importer, index: int) -> Value | None:
    """Returns the pairs [.., 2] of an input that is complex, None where it is not."""
    found = _spectra(importer).get(_key(importer, importer.node.inputs[index]))
    return None if found is None else importer.capture(found)


def spectrum_shape(importer: Importer) -> tuple[int, ...]:
    """Returns the shape of the pairs that output 0 must have, of which the file declares complex numbers."""
    return (*importer.declared_shape("the shape"), 2)


def bind_spectrum(importer: Importer, pairs: Value) -> None:
    """Makes pairs the complex numbers of output 0."""
    key = importer.node.outputs[0]
    if key in importer.model.outputs:
        raise UnsupportedReason("its output, complex numbers, is one of the model's: end with their size or parts")
    if pairs.shape != spectrum_shape(importer):
        raise UnsupportedReason(f"it makes {pairs.type}, the file declares {list(spectrum_shape(importer))}")
    _spectra(importer)[_key(importer, key)] = pairs


def _spectra(importer: Importer) -> dict[tuple[int, str | None], Value]:
    found = importer.shared.setdefault("spectra", {})
    assert isinstance(found, dict)  # noqa: S101 - set one line above
    return found


def _key(importer: Importer, key: str | None) -> tuple[int, str | None]:
    # The models of the subgraphs live as long as the import does.
    return id(importer.model), key
