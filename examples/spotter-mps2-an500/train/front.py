"""The front of the spotter: i16 samples to bands, in the operators that TFLite-Micro has for signals.

    160 samples -> Framer -> Window -> FftAutoScale -> Rfft -> Energy -> FilterBank -> FilterBankSquareRoot
                -> FilterBankSpectralSubtraction -> PCAN -> FilterBankLog -> 20 bands, int8

Numbers are those of TFLite-Micro's audio front end (its `micro_frontend`), for 8 kHz instead of 16.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from training.speech import RATE
from training.tflite import Model, Quantisation

__all__ = ["BANDS", "BANDS_QUANTISATION", "FRAME", "HOP", "front"]

Array = np.ndarray[Any, Any]

#: Samples from one frame to the next, and of a frame: 20 and 32 ms.
HOP, FRAME = 160, 256
BANDS = 20
#: Where the bands begin and end, in Hz.
LOWEST, HIGHEST = 94, 3813
#: Natural logarithms, from 0 to 10.6.
BANDS_QUANTISATION = Quantisation(1 / 24, -128)

#: Fractional bits: of the window and the filters, of the logarithm, and of the noise estimate.
WEIGHT_BITS, LOG_BITS, NOISE_BITS = 12, 6, 10
#: What the FFT's length takes off the numbers: MostSignificantBit32(FRAME) - 1 - WEIGHT_BITS / 2.
CORRECTION_BITS = FRAME.bit_length() - 1 - WEIGHT_BITS // 2
#: PCAN: gain = 2^21 * (noise + 80)^-0.95.
GAIN_BITS, OFFSET, STRENGTH = 21, 80.0, 0.95


def front(model: Model, samples: int) -> int:
    """Adds the operators behind `samples`, i16 `[1, HOP]`; returns the bands, int8 `[1, 1, 1, BANDS]`."""

    def then(kind: str, inputs: list[int], dtype: str, shape: list[int], **options: int | bool) -> int:
        output = model.tensor(kind, dtype, shape)
        model.custom(f"Signal{kind}", inputs, [output], options)
        return output

    # `prefill`: before the first samples there was silence.
    frames, complete = model.tensor("Framer", "int16", [1, 1, FRAME]), model.tensor("complete", "bool", [])
    options = {"frame_size": FRAME, "frame_step": HOP, "prefill": True}
    model.custom("SignalFramer", [samples], [frames, complete], options)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(FRAME) + 0.5) / FRAME)
    weights = model.constant("hann", np.floor((1 << WEIGHT_BITS) * hann + 0.5).astype(np.int16))
    faded = then("Window", [frames, weights], "int16", [1, 1, FRAME], shift=WEIGHT_BITS)
    row, shape = model.tensor("frame", "int16", [FRAME]), model.constant("frame_shape", np.array([FRAME], np.int32))
    model.operator("RESHAPE", [faded, shape], [row])

    scaled, bits = model.tensor("FftAutoScale", "int16", [FRAME]), model.tensor("bits", "int32", [])
    model.custom("SignalFftAutoScale", [row], [scaled, bits], {})
    spectrum = then("Rfft", [scaled], "int16", [FRAME + 2], T=7, fft_length=FRAME)
    tables = filters()
    first, last = int(tables["starts"][0]), int(tables["starts"][-1] + tables["widths"][-1])
    energy = then("Energy", [spectrum], "uint32", [FRAME // 2 + 1], start_index=first, end_index=last)
    constants = [model.constant(name, table) for name, table in tables.items()]
    bank = then("FilterBank", [energy, *constants], "uint64", [BANDS], num_channels=BANDS)
    root = then("FilterBankSquareRoot", [bank, bits], "uint32", [BANDS])

    clean, noise = (model.tensor(name, "uint32", [BANDS]) for name in ("clean", "noise"))
    model.custom("SignalFilterBankSpectralSubtraction", [root], [clean, noise], subtraction())
    gains = model.constant("gains", gain_table(NOISE_BITS - CORRECTION_BITS))
    shift = GAIN_BITS - CORRECTION_BITS - WEIGHT_BITS
    even = then("PCAN", [clean, noise, gains], "uint32", [BANDS], snr_shift=shift)
    options = {"output_scale": 1 << LOG_BITS, "input_correction_bits": CORRECTION_BITS}
    logarithms = model.tensor("FilterBankLog", "int16", [BANDS], Quantisation(1 / (1 << LOG_BITS)))
    model.custom("SignalFilterBankLog", [even], [logarithms], options)

    quanta = model.tensor("quanta", "int8", [BANDS], BANDS_QUANTISATION)
    model.operator("QUANTIZE", [logarithms], [quanta])
    bands = model.tensor("bands", "int8", [1, 1, 1, BANDS], BANDS_QUANTISATION)
    shape = model.constant("bands_shape", np.array([1, 1, 1, BANDS], np.int32))
    model.operator("RESHAPE", [quanta, shape], [bands])
    return bands


def mel(frequency: Array | float) -> Array:
    """Returns how high a frequency, in Hz, is to the ear."""
    return np.asarray(1127 * np.log1p(np.asarray(frequency) / 700))


def filters() -> dict[str, Array]:
    """Returns the tables of FilterBank: triangles, each from the middle of one neighbour to that of the other.

    Between two middles, segment s, the bins fade out of band s - 1 by `weights` and into band s by `unweights`.
    """
    edges = np.linspace(mel(LOWEST), mel(HIGHEST), BANDS + 2)
    bins = mel(np.arange(FRAME // 2 + 1) * RATE / FRAME)
    weights, starts, widths = [], [], []
    for low, high in itertools.pairwise(edges):
        inside = np.flatnonzero((bins >= low) & (bins < high))
        weights.append((high - bins[inside]) / (high - low))
        starts.append(inside[0])
        widths.append(len(inside))
    one = 1 << WEIGHT_BITS
    fading = np.floor(np.concatenate(weights) * one + 0.5).astype(np.int16)
    ends = np.cumsum(widths)
    return {
        "weights": fading,
        "unweights": (one - fading).astype(np.int16),
        "starts": np.array(starts, np.int16),
        "weight_starts": (ends - widths).astype(np.int16),
        "widths": np.array(widths, np.int16),
    }


def subtraction() -> dict[str, int | bool]:
    """Returns the options of FilterBankSpectralSubtraction: 14 bits behind the point."""
    one = 1 << 14
    even, odd = int(0.015 * one), int(0.03 * one)
    return {
        "num_channels": BANDS,
        "smoothing": even,
        "one_minus_smoothing": one - even,
        "alternate_smoothing": odd,
        "alternate_one_minus_smoothing": one - odd,
        "smoothing_bits": NOISE_BITS,
        "min_signal_remaining": int(0.05 * one),
        "clamping": False,
        "spectral_subtraction_bits": 14,
    }


def gain_table(bits: int) -> Array:
    """Returns PCAN's table for noise of so many fractional bits: at each power of two a value and a parabola's two."""

    def gain(noise: int) -> int:
        return min(int((1 << GAIN_BITS) * (noise / (1 << bits) + OFFSET) ** -STRENGTH + 0.5), 32767)

    table = [gain(0), gain(1)]
    for interval in range(2, 33):
        start = 1 << (interval - 1)
        end = 2 * start - (interval == 32)
        here, half, whole = gain(start), gain(start + start // 2), gain(end)
        slope = 4 * (half - here) - (whole - here)
        table += [here, slope, whole - here - slope, 0]
    return np.array(table[:125], np.int16)
