"""Options of custom operators: what flatbuffers writes is read, what is damaged is refused and never followed."""

from __future__ import annotations

import numpy as np
import pytest

from ariel_build.frontends.flexbuffer import FlexbufferError, read_map
from tests.ops.tflm import flexbuffer

OPTIONS = {"shift": 12, "start": -70_000, "wide": 1 << 40, "clamping": True, "off": False, "scale": 0.1}


def test_what_was_written_is_read() -> None:
    assert read_map(flexbuffer(OPTIONS)) == OPTIONS
    assert read_map(flexbuffer({})) == {}
    rng = np.random.default_rng(3)
    for _ in range(300):
        names = {f"name_{k}" for k in rng.integers(0, 100, int(rng.integers(0, 9)))}
        fields = {name: int(rng.integers(-(1 << 62), 1 << 62)) >> int(rng.integers(0, 62)) for name in names}
        assert read_map(flexbuffer(fields)) == fields


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "it has 0 bytes"),
        (b"\x01\x04\x01", "its root is of type 4"),
        (b"\x09\x24\x01", "outside its 3 bytes"),
        (bytes([0, 0, 1, 200, 0, 0x24, 1]), "outside its 7 bytes|more than its 7 bytes"),
        (flexbuffer({"a": 1}).replace(b"\x04\x02\x24", b"\x28\x02\x24"), "`a` is of type 40"),
        (flexbuffer({"a": 1, "b": 2}).replace(b"b\0", b"a\0"), "`a` is there twice"),
    ],
)
def test_what_is_no_map_is_refused_with_the_reason(data: bytes, words: str) -> None:
    with pytest.raises(FlexbufferError, match=words):
        read_map(data)


def test_damaged_bytes_are_read_or_refused() -> None:
    whole, rng, refused = flexbuffer(OPTIONS), np.random.default_rng(5), 0
    for _ in range(3000):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), int(rng.choice((1, 2, 8)))):
            data[place] = rng.integers(0, 256)
        try:
            assert len(read_map(bytes(data[: int(rng.integers(len(data) - 8, len(data) + 1))]))) <= len(data)
        except FlexbufferError:
            refused += 1
    assert 500 < refused < 3000
