"""Random operators on signals, and samples for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ariel_build.ir import Array
from tests.ops import tflm

__all__ = ["OPERATORS", "blank_undefined", "random_operator", "samples_for"]

Random = Callable[[np.random.Generator], tflm.Operator]
#: Sizes of transforms: products of 2, 3 and 5, in all the orders that their stages come in.
LENGTHS = (4, 6, 8, 10, 12, 16, 18, 20, 30, 32, 48, 50, 60, 64, 90, 128, 150, 240, 256, 512)
_TYPES = {"float32": 0, "int32": 2, "int16": 7}


def _custom(
    name: str, inputs: list[tflm.Tensor], outputs: list[tflm.Tensor], options: Mapping[str, int | bool] | None = None
) -> tflm.Operator:
    return tflm.Operator(f"CUSTOM:{name}", inputs, outputs, ("", options or {}), 1)


def _outer(rng: np.random.Generator) -> tuple[int, ...]:
    """Returns the axes before the last one, few of them."""
    return tuple(int(n) for n in rng.integers(1, 4, int(rng.integers(0, 3))))


def window(rng: np.random.Generator) -> tflm.Operator:
    size, outer = int(rng.integers(1, 70)), _outer(rng)
    weights = rng.integers(-32768, 32768, size).astype(np.int16)
    inputs = [tflm.Tensor("int16", (*outer, size)), tflm.Tensor("int16", (size,), data=weights)]
    if rng.random() < 0.3:
        inputs[1] = tflm.Tensor("int16", (size,))
    options = {"shift": int(rng.integers(8, 18))}
    return _custom("SignalWindow", inputs, [tflm.Tensor("int16", (*outer, size))], options)


def auto_scale(rng: np.random.Generator) -> tflm.Operator:
    shape = (int(rng.integers(1, 70)),)
    outputs = [tflm.Tensor("int16", shape), tflm.Tensor("int32", ())]
    return _custom("SignalFftAutoScale", [tflm.Tensor("int16", shape)], outputs)


def rfft(rng: np.random.Generator) -> tflm.Operator:
    length, outer, dtype = int(rng.choice(LENGTHS)), _outer(rng), str(rng.choice(list(_TYPES)))
    row = length if rng.random() < 0.4 else int(rng.integers(1, length + 1))
    inputs, outputs = [tflm.Tensor(dtype, (*outer, row))], [tflm.Tensor(dtype, (*outer, length + 2))]
    return _custom("SignalRfft", inputs, outputs, {"T": _TYPES[dtype], "fft_length": length})


def irfft(rng: np.random.Generator) -> tflm.Operator:
    length, outer, dtype = int(rng.choice(LENGTHS)), _outer(rng), str(rng.choice(list(_TYPES)))
    inputs, outputs = [tflm.Tensor(dtype, (*outer, length + 2))], [tflm.Tensor(dtype, (*outer, length))]
    return _custom("SignalIrfft", inputs, outputs, {"T": _TYPES[dtype], "fft_length": length})


def energy(rng: np.random.Generator) -> tflm.Operator:
    pairs = int(rng.integers(1, 70))
    start, end = (0, pairs) if rng.random() < 0.3 else sorted(int(k) for k in rng.integers(0, pairs + 1, 2))
    inputs, outputs = [tflm.Tensor("int16", (2 * pairs,))], [tflm.Tensor("uint32", (pairs,))]
    return _custom("SignalEnergy", inputs, outputs, {"start_index": start, "end_index": end})


def filter_bank(rng: np.random.Generator) -> tflm.Operator:
    channels, inputs = int(rng.integers(1, 12)), int(rng.integers(20, 70))
    widths = rng.integers(0, 20, channels + 1)
    starts = rng.integers(0, inputs - widths + 1)
    weight_starts = np.concatenate([[0], np.cumsum(widths)])[:-1]
    low = -32768 if rng.random() < 0.3 else 0
    weights = [rng.integers(low, 32768, max(int(widths.sum()), 1)) for _ in range(2)]
    tables = [t.astype(np.int16) for t in (*weights, starts, weight_starts, widths)]
    given = [tflm.Tensor("uint32", (inputs,)), *(tflm.Tensor("int16", t.shape, data=t) for t in tables)]
    outputs = [tflm.Tensor("uint64", (channels,))]
    return _custom("SignalFilterBank", given, outputs, {"num_channels": channels})


def square_root(rng: np.random.Generator) -> tflm.Operator:
    shape = (int(rng.integers(1, 70)),)
    bits = np.array(rng.integers(0, 20), np.int32)
    inputs = [tflm.Tensor("uint64", shape), tflm.Tensor("int32", (), data=bits)]
    return _custom("SignalFilterBankSquareRoot", inputs, [tflm.Tensor("uint32", shape)])


def log(rng: np.random.Generator) -> tflm.Operator:
    shape = (int(rng.integers(1, 70)),)
    options = {"output_scale": int(rng.integers(1, 5000)), "input_correction_bits": int(rng.integers(0, 12))}
    inputs, outputs = [tflm.Tensor("uint32", shape)], [tflm.Tensor("int16", shape)]
    return _custom("SignalFilterBankLog", inputs, outputs, options)


def spectral_subtraction(rng: np.random.Generator) -> tflm.Operator:
    channels = int(rng.integers(1, 40))
    bits = int(rng.integers(8, 20))
    smoothing, alternate, floor = (int(k) for k in rng.integers(1, 1 << bits, 3))
    options = {
        "alternate_one_minus_smoothing": (1 << bits) - alternate,
        "alternate_smoothing": alternate,
        "clamping": bool(rng.random() < 0.5),
        "min_signal_remaining": floor,
        "num_channels": channels,
        "one_minus_smoothing": (1 << bits) - smoothing,
        "smoothing": smoothing,
        "smoothing_bits": int(rng.integers(0, 12)),
        "spectral_subtraction_bits": bits,
    }
    row = tflm.Tensor("uint32", (channels,))
    return _custom("SignalFilterBankSpectralSubtraction", [row], [row, row], options)


def pcan(rng: np.random.Generator) -> tflm.Operator:
    row, gains = tflm.Tensor("uint32", (int(rng.integers(1, 40)),)), rng.integers(-32768, 32768, 125)
    inputs = [row, row, tflm.Tensor("int16", (125,), data=gains.astype(np.int16))]
    return _custom("SignalPCAN", inputs, [row], {"snr_shift": int(rng.integers(0, 20))})


def framer(rng: np.random.Generator) -> tflm.Operator:
    step = int(rng.integers(1, 20))
    size, frames, outer = step + int(rng.integers(0, 40)), int(rng.integers(1, 4)), _outer(rng)
    options = {"frame_size": size, "frame_step": step, "prefill": bool(rng.random() < 0.5)}
    outputs = [tflm.Tensor("int16", (*outer, frames, size)), tflm.Tensor("bool", ())]
    return _custom("SignalFramer", [tflm.Tensor("int16", (*outer, frames * step))], outputs, options)


def stacker(rng: np.random.Generator) -> tflm.Operator:
    channels, left, right = (int(k) for k in rng.integers((1, 0, 0), (8, 4, 4)))
    frames = left + right + 1
    options = {
        "num_channels": channels,
        "stacker_left_context": left,
        "stacker_right_context": right,
        "stacker_step": int(rng.integers(1, frames + 1)),
    }
    outputs = [tflm.Tensor("int16", (frames * channels,)), tflm.Tensor("bool", ())]
    return _custom("SignalStacker", [tflm.Tensor("int16", (channels,))], outputs, options)


def delay(rng: np.random.Generator) -> tflm.Operator:
    shape = (*_outer(rng), int(rng.integers(1, 20)))
    row = tflm.Tensor("int16", shape)
    return _custom("SignalDelay", [row], [row], {"delay_length": int(rng.choice([0, 1, shape[-1], 7, 25]))})


def overlap_add(rng: np.random.Generator) -> tflm.Operator:
    dtype, outer, frames = str(rng.choice(["float32", "int16"])), _outer(rng), int(rng.integers(1, 4))
    size = int(rng.integers(1, 30))
    step = int(rng.integers(1, size + 1))
    inputs, outputs = [tflm.Tensor(dtype, (*outer, frames, size))], [tflm.Tensor(dtype, (*outer, frames * step))]
    return _custom("SignalOverlapAdd", inputs, outputs, {"T": _TYPES[dtype], "frame_step": step})


def blank_undefined(operators: list[tflm.Operator], answers: list[list[Array]]) -> list[list[Array]]:
    """Returns the answers with zeros where TFLite-Micro leaves what its memory held.

    That is the energy outside its range, and frames and stacks that are not complete, or not new.
    """
    blanked = []
    for answer in answers:
        results, index = [], 0
        for op in operators:
            first, *rest = answer[index : index + len(op.outputs)]
            options = op.options[1] if op.options else {}
            if op.op == "CUSTOM:SignalEnergy":
                inside = np.arange(len(first))
                first = first * ((inside >= options["start_index"]) & (inside < options["end_index"])).astype(np.uint32)
            if op.op in ("CUSTOM:SignalFramer", "CUSTOM:SignalStacker"):
                first = first if rest[0] else np.zeros_like(first)
            results += [first, *rest]
            index += len(op.outputs)
        blanked.append(results)
    return blanked


OPERATORS: Mapping[str, Random] = {
    function.__name__: function
    for function in (
        *(window, auto_scale, rfft, irfft, energy, filter_bank, square_root, log),
        *(spectral_subtraction, pcan, framer, stacker, delay, overlap_add),
    )
}


def random_operator(rng: np.random.Generator, name: str) -> tflm.Operator:
    """Returns an operator of the family, with random sizes and options."""
    return OPERATORS[name](rng)


def samples_for(rng: np.random.Generator, operators: list[tflm.Operator], count: int = 6) -> list[list[Array]]:
    """Returns consecutive samples for the operators: loud, quiet, and made of extremes only."""
    inputs = [t for op in operators for t in op.inputs if t is not None and t.data is None]

    def draw(tensor: tflm.Tensor, kind: int) -> Array:
        if tensor.dtype == "float32":
            return (rng.normal(0, 1, tensor.shape) * 10.0 ** rng.integers(-3, 4)).astype(np.float32)
        info = np.iinfo(tensor.dtype)
        if kind == count - 1:
            return rng.choice(np.array([info.min, info.max, 0, 1], tensor.dtype), tensor.shape)
        data = rng.integers(info.min, info.max, tensor.shape, tensor.dtype, endpoint=True)
        shifted: Array = data >> rng.integers(0, info.bits, tensor.shape if kind % 2 else (), tensor.dtype)
        return shifted

    return [[np.asarray(draw(t, k)) for t in inputs] for k in range(count)]
