"""Options and shapes that an operator on signals cannot have are refused, in words of the option."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from tests.ops import tflm

TRUE = tflm.Tensor("bool", ())


def I16(*shape: int) -> tflm.Tensor:  # noqa: N802 - as types are called
    return tflm.Tensor("int16", shape)


def I32(*shape: int) -> tflm.Tensor:  # noqa: N802
    return tflm.Tensor("int32", shape)


def U32(*shape: int) -> tflm.Tensor:  # noqa: N802
    return tflm.Tensor("uint32", shape)


@pytest.mark.parametrize(
    "name, inputs, outputs, options, words",
    [
        ("SignalWindow", [I16(8), I16(8)], [I16(8)], {}, "option `shift` is missing"),
        ("SignalWindow", [I16(8), I16(8)], [I16(8)], {"shift": 32}, "`shift` is 32, not 0 to 31"),
        ("SignalWindow", [I16(8), I16(3)], [I16(8)], {"shift": 1}, "a window of 3 does not divide 8"),
        ("SignalWindow", [I16(8), I16(8)], [I16(8)], {"shift": 1, "gain": 2}, "attribute `gain`: not supported"),
        ("SignalRfft", [I16(8)], [I16(16)], {"T": 7, "fft_length": 14}, "7 is no product of 2, 3 and 5"),
        ("SignalRfft", [I16(8)], [I16(9)], {"T": 7, "fft_length": 7}, "`fft_length` is 7, which is odd"),
        ("SignalRfft", [I16(9)], [I16(10)], {"T": 7, "fft_length": 8}, "longer than `fft_length`, 8"),
        ("SignalRfft", [I16(8)], [I16(10)], {"T": 0, "fft_length": 8}, "option `T` is 0, which is not the input's"),
        ("SignalIrfft", [I16(8)], [I16(8)], {"T": 7, "fft_length": 8}, "no spectra of `fft_length` 8: 10"),
        ("SignalEnergy", [I16(8)], [U32(4)], {"start_index": 0, "end_index": 5}, "`end_index` 5 are outside 4"),
        ("SignalPCAN", [U32(8), U32(8), I16(100)], [U32(8)], {"snr_shift": 6}, "no row of int16 of at least 125"),
        (
            "SignalFramer",
            [I16(8)],
            [I16(2, 3), TRUE],
            {"frame_size": 3, "frame_step": 4, "prefill": False},
            "`frame_step` 4 is greater than `frame_size` 3",
        ),
        (
            "SignalStacker",
            [I16(8)],
            [I16(16), TRUE],
            {"num_channels": 8, "stacker_left_context": 1, "stacker_right_context": 0, "stacker_step": 3},
            "`stacker_step` is 3, not 1 to 2",
        ),
        ("SignalOverlapAdd", [I16(2, 4)], [I16(10)], {"T": 7, "frame_step": 5}, "`frame_step` is 5, not 1 to 4"),
        ("SignalDelay", [I32(4)], [I32(4)], {"delay_length": 1}, "no rows of int16"),
    ],
)
def test_the_reason_is_told(
    name: str,
    inputs: list[tflm.Tensor],
    outputs: list[tflm.Tensor],
    options: Mapping[str, int | bool],
    words: str,
    tmp_path: Path,
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(tflm.model(f"CUSTOM:{name}", inputs, outputs, ("", options)))
    with pytest.raises(UnsupportedError, match=f"CUSTOM:{name}: .*{words}"):
        import_file(path)


def test_options_that_are_no_map_are_told(tmp_path: Path) -> None:
    data = tflm.model("CUSTOM:SignalDelay", [I16(4)], [I16(4)], ("", {"delay_length": 1}))
    path = tmp_path / "model.tflite"
    path.write_bytes(data.replace(b"\x24\x01", b"\x24\x07", 1))
    with pytest.raises(UnsupportedError, match="`custom_options` is no FlexBuffers map: its root is of type 36 and 7"):
        import_file(path)
