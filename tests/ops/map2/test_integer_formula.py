"""The search for integer formulas: it finds those that exist, and proves that there is none."""

from __future__ import annotations

import numpy as np

from ariel_build.ops.integer_formula import find_formula

A, B = (x.ravel() for x in np.meshgrid(np.arange(-128, 128), np.arange(-128, 128), indexing="ij"))
BOUNDS = (-128, 127)


def clamp(value: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.clip(value, *BOUNDS).astype(np.int64)


def test_finds_a_rounded_sum() -> None:
    want = clamp(np.floor(0.371231 * A + 0.295317 * B + 7.49991).astype(np.int64))
    formula = find_formula([A, B], want, BOUNDS, [0.371231, 0.295317])
    assert formula is not None
    np.testing.assert_array_equal(formula.evaluate([A, B], BOUNDS), want)


def test_finds_factors_beside_the_slopes() -> None:
    """Halves that go away from zero need a factor that is a little greater than the slope."""
    total = A + B
    want = clamp(np.sign(total) * ((np.abs(total) + 1) // 2))
    formula = find_formula([A, B], want, BOUNDS, [0.5, 0.5])
    assert formula is not None
    np.testing.assert_array_equal(formula.evaluate([A, B], BOUNDS), want)


def test_there_is_none_for_halves_to_even() -> None:
    want = clamp(np.rint((A + B) / 2).astype(np.int64))
    assert find_formula([A, B], want, BOUNDS, [0.5, 0.5]) is None


def test_there_is_none_for_a_product() -> None:
    want = clamp(A * B // 128)
    assert find_formula([A, B], want, BOUNDS, [0.5, 0.5]) is None
    product = A * B
    formula = find_formula([product], want, BOUNDS, [1 / 128])
    assert formula is not None
    np.testing.assert_array_equal(formula.evaluate([product], BOUNDS), want)


def test_clamped_inputs_do_not_matter() -> None:
    """Where the bounds clamp, any value beyond them will do: here it is not the line's."""
    want = clamp(np.where(np.abs(A) < 32, 4 * A, 1000 * A))
    formula = find_formula([A, B], want, BOUNDS, [4.0, 0.0])
    assert formula is not None
    np.testing.assert_array_equal(formula.evaluate([A, B], BOUNDS), want)


def test_factors_beyond_int32_are_refused() -> None:
    assert find_formula([A, B], clamp(A * 9), BOUNDS, [9.0, 0.0]) is None
