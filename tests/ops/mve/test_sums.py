"""Constants of 32 bits for sums give what those of 64 bits do, for all pairs of int8, or are refused; averages."""

from __future__ import annotations

import numpy as np
import pytest

from ariel_build.isa.mve.sums import SHIFT, narrowed
from ariel_build.kernels.declared.quant import Bounds

_WIDE = 28


def constants(scales: tuple[float, float, float], zeros: tuple[int, int, int]) -> tuple[int, int, int]:
    """Returns both factors and the offset, times 2^28, of `round(l + r)` with these scales and zero points."""
    left, right = (round(scale / scales[2] * (1 << _WIDE)) for scale in scales[:2])
    return left, right, (zeros[2] << _WIDE) - left * zeros[0] - right * zeros[1] + (1 << (_WIDE - 1))


def agree(given: tuple[int, int, int], found: tuple[int, int, int], bounds: Bounds) -> None:
    """Fails where a pair of operands has another sum, or one leaves int32."""
    left, right = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128), indexing="ij")
    wide = given[0] * left + given[1] * right + given[2] >> _WIDE
    sums = found[0] * left + found[1] * right + found[2]
    assert np.abs(sums).max() < 1 << 31
    np.testing.assert_array_equal(np.clip(sums >> SHIFT, bounds.min, bounds.max), np.clip(wide, bounds.min, bounds.max))


@pytest.mark.parametrize("low, high", [(-128, 127), (-128, 20), (-5, 60), (7, 7)])
def test_sums_and_differences(low: int, high: int) -> None:
    rng, bounds = np.random.default_rng(31), Bounds(zero_point=0, min=low, max=high)
    for sign in (1, -1) * 4:
        scales = (rng.uniform(0.02, 0.1), sign * rng.uniform(0.02, 0.1), rng.uniform(0.05, 0.2))
        zeros = tuple(int(z) for z in rng.choice([-128, 0, 127, int(rng.integers(-128, 128))], 3))
        given = constants(scales, (zeros[0], zeros[1], zeros[2]))
        found = narrowed(*given, bounds)
        assert found is not None, (scales, zeros)
        agree(given, found, bounds)


def test_what_would_leave_int32_is_refused() -> None:
    bounds = Bounds(zero_point=0, min=-128, max=127)
    assert narrowed(*constants((0.1, 0.1, 0.02), (0, 0, 0)), bounds) is None
    assert narrowed(*constants((0.1, 0.1, 0.03), (0, 0, 0)), bounds) is not None


def test_averages_of_all_sums() -> None:
    """What `mve/pool2d.rs` divides by, of up to 254 cells, gives all quotients that an average of int8 may have."""
    for count in range(2, 255):
        bits = (count - 1).bit_length()
        factor = -(-(1 << (15 + bits)) // count)
        sums = np.arange(128 * count + 1, dtype=np.int64) + count // 2
        assert factor < 1 << 16
        assert sums[-1] < 1 << 16
        np.testing.assert_array_equal((sums * factor >> 16) >> (bits - 1), sums // count)
