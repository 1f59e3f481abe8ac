"""Permutations, and how they go through reshapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ariel_build.ops.permutation import compose, identity, inverse, is_identity, through_reshape

EXTENTS = st.lists(st.sampled_from([1, 1, 2, 3, 4, 6]), min_size=1, max_size=5)


@st.composite
def reshapes(draw: st.DrawFn) -> tuple[list[int], list[int], tuple[int, ...]]:
    """A shape, another one of as many elements, and a permutation of the first."""
    old = draw(EXTENTS)
    parts: list[int] = []
    for n in old:
        split = {4: [2, 2], 6: [3, 2]}.get(n, [n])
        parts += split if draw(st.booleans()) else [n]
    new: list[int] = []
    while parts:
        count = draw(st.integers(1, len(parts)))
        new += [1] * draw(st.integers(0, 1)) + [int(np.prod(parts[:count]))]
        parts = parts[count:]
    return old, new, tuple(draw(st.permutations(range(len(old)))))


@given(reshapes())
def test_a_permutation_that_goes_through_a_reshape_moves_the_same_elements(
    case: tuple[list[int], list[int], tuple[int, ...]],
) -> None:
    old, new, perm = case
    after = through_reshape(old, new, perm)
    assume(after is not None)
    assert after is not None
    x = np.arange(np.prod(old)).reshape(old)
    want = x.reshape(new).transpose(after)
    np.testing.assert_array_equal(x.transpose(perm).reshape(want.shape), want)


@pytest.mark.parametrize(
    "old, new, perm, after",
    [
        ((1, 8, 5), (1, 8, 1, 5), (0, 2, 1), (0, 2, 3, 1)),
        ((1, 8, 1, 5), (1, 8, 5), (0, 2, 3, 1), (0, 2, 1)),
        ((2, 3, 4, 5), (2, 12, 5), (0, 3, 1, 2), (0, 2, 1)),
        ((2, 12, 5), (2, 3, 4, 5), (0, 2, 1), (0, 3, 1, 2)),
        ((2, 3, 4, 5), (2, 60), (0, 2, 3, 1), None),
        ((4, 6), (6, 4), (1, 0), None),
        ((1, 1, 1), (1,), (2, 1, 0), (0,)),
    ],
)
def test_what_goes_through_a_reshape(
    old: tuple[int, ...], new: tuple[int, ...], perm: tuple[int, ...], after: tuple[int, ...] | None
) -> None:
    assert through_reshape(old, new, perm) == after


@given(st.permutations(range(5)), st.permutations(range(5)))
def test_composition_and_inverse(first: list[int], second: list[int]) -> None:
    x = np.arange(120).reshape(1, 2, 3, 4, 5)
    both = compose(tuple(first), tuple(second))
    np.testing.assert_array_equal(x.transpose(both), x.transpose(first).transpose(second))
    assert is_identity(compose(tuple(first), inverse(tuple(first))))
    assert is_identity(identity(3))
    assert not is_identity((1, 0))
