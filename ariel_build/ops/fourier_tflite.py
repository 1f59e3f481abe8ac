"""RFFT2D of one row, and COMPLEX_ABS, REAL, IMAG, of TFLite: importers only, onto the transform of the signal library.

The converter writes tf.signal.rfft and stft so: the spectrum of each row of float32, of which the size is taken.
"""

from __future__ import annotations

from ariel_build.ir import Value
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.formula import fold, map1, real_input
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape
from ariel_build.ops.signal.fft import Rfft
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.spectra import bind_spectrum, spectrum

__all__: list[str] = []

_LONGEST = 1 << 16


@imports("tflite", "RFFT2D")
def _rfft2d(importer: Importer) -> None:
    x = real_input(importer)
    lengths = [int(n) for n in importer.constant_input(1, "the lengths").reshape(-1)]
    if len(x.shape) < 2 or len(lengths) != 2 or x.shape[-2] != 1 or lengths[0] != 1:
        raise UnsupportedReason(f"of {x.type} with lengths {lengths} is not supported, only of matrices of one row")
    length, count = lengths[1], x.shape[-1]
    if not 4 <= length <= _LONGEST or length & (length - 1):
        raise UnsupportedReason(f"a length of {length} is not supported, only powers of two from 4 to {_LONGEST}")
    if count > length:
        x = emit_slice(importer, x, {len(x.shape) - 1: (0, length, 1)})
    (pairs,) = importer.emit(Rfft(length), [x])
    bind_spectrum(importer, reshape(importer, pairs, (*x.shape[:-1], length // 2 + 1, 2)))


@imports("tflite", "COMPLEX_ABS")
def _complex_abs(importer: Importer) -> None:
    pairs = _pairs(importer)
    total = fold(importer, "Sum", map1(importer, "Square", pairs), [len(pairs.shape) - 1], keep_dims=False)
    importer.bind(map1(importer, "Sqrt", total))


@imports("tflite", "REAL", "IMAG")
def _part(importer: Importer) -> None:
    pairs, which = _pairs(importer), int(importer.node.op == "IMAG")
    part = emit_slice(importer, pairs, {len(pairs.shape) - 1: (which, 1, 1)})
    importer.bind(reshape(importer, part, pairs.shape[:-1]))


def _pairs(importer: Importer) -> Value:
    pairs = spectrum(importer, 0)
    if pairs is None:
        raise UnsupportedReason("its input is no spectrum: complex numbers come from RFFT2D only")
    return pairs
