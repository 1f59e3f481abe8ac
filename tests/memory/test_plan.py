"""Offsets: never colliding, never below the lower bound, the same every time, and optimal where that can be known."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import combinations, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ariel_build.errors import InternalError
from ariel_build.memory import ArenaPlan, Buffer, Part, plan_arena
from ariel_build.schedule import Interval

EXAMPLES = settings(max_examples=80, deadline=None, derandomize=True)


def solid(size: int, start: int, end: int, alignment: int = 16) -> Buffer:
    """Returns a buffer that is needed as a whole during one interval."""
    return Buffer(f"{size} in {start}..{end}", (Part(0, size, Interval(start, end)),), alignment)


def collide(buffers: Sequence[Buffer], plan: ArenaPlan) -> list[tuple[str, str]]:
    """Returns the pairs of buffers that share a byte at some time."""
    placed = [
        (b.name, o + p.start, o + p.end, p.life) for b, o in zip(buffers, plan.offsets, strict=True) for p in b.parts
    ]
    return [
        (a[0], b[0])
        for a, b in combinations(placed, 2)
        if a[0] != b[0] and a[1] < b[2] and b[1] < a[2] and a[3].overlaps(b[3])
    ]


@st.composite
def buffer_lists(draw: st.DrawFn, most: int = 12) -> list[Buffer]:
    """Draws buffers of one part or of several, which may leave gaps in bytes and in time."""
    buffers = []
    for index in range(draw(st.integers(1, most))):
        parts, reached = [], 0
        for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
            start = reached + draw(st.integers(0, 40))
            reached = start + draw(st.integers(1, 100))
            begin = draw(st.integers(-1, 8))
            parts.append(Part(start, reached, Interval(begin, begin + draw(st.integers(1, 5)))))
        buffers.append(Buffer(f"b{index}", tuple(parts), draw(st.sampled_from([16, 16, 32]))))
    return buffers


@EXAMPLES
@given(buffer_lists())
def test_no_two_buffers_collide(buffers: list[Buffer]) -> None:
    plan = plan_arena(buffers)
    assert not collide(buffers, plan)
    assert plan.lower_bound <= plan.bytes
    assert plan.bytes == max(0, *(-(-(o + b.bytes) // 16) * 16 for b, o in zip(buffers, plan.offsets, strict=True)))
    assert all(o >= 0 and o % b.alignment == 0 for b, o in zip(buffers, plan.offsets, strict=True))
    assert plan == plan_arena(buffers)
    assert plan.bytes <= plan_arena(buffers, effort=0).bytes


@EXAMPLES
@given(st.lists(st.tuples(st.integers(1, 90), st.integers(0, 5), st.integers(1, 4)), min_size=1, max_size=6))
def test_small_cases_are_optimal(shapes: list[tuple[int, int, int]]) -> None:
    buffers = [solid(size, start, start + length) for size, start, length in shapes]

    def first_fit(order: Sequence[int]) -> int:
        placed: dict[int, int] = {}
        for index in order:
            b = buffers[index]
            offsets = [0, *(o + -(-buffers[k].bytes // 16) * 16 for k, o in placed.items())]
            for offset in sorted(offsets):
                attempt = ArenaPlan((*placed.values(), offset), 0, 0)
                if not collide([*(buffers[k] for k in placed), Buffer("new", b.parts)], attempt):
                    placed[index] = offset
                    break
        return max(-(-(o + buffers[k].bytes) // 16) * 16 for k, o in placed.items())

    best = min(first_fit(order) for order in permutations(range(len(buffers))))
    assert plan_arena(buffers).bytes == best


@pytest.mark.parametrize(
    "buffers, size",
    [
        ([], 0),
        ([solid(0, 0, 4)], 0),
        ([solid(1, 0, 1)], 16),
        ([solid(100, 0, 2), solid(100, 1, 3), solid(100, 2, 4)], 224),
        # In the order of size or of time, the small one splits the arena: 5 + 4 needs it at the edge.
        ([solid(64, 0, 3), solid(16, 0, 6), solid(80, 3, 6)], 96),
        ([solid(48, 0, 2), solid(16, 1, 4), solid(16, 3, 5), solid(48, 4, 6), solid(32, 2, 5)], 96),
        ([solid(16, 0, 1, alignment=64), solid(16, 0, 1), solid(16, 0, 1, alignment=64)], 80),
        # What is needed at other times may lie in the gap of a buffer.
        ([Buffer("gap", (Part(0, 16, Interval(0, 9)), Part(32, 48, Interval(0, 9)))), solid(16, 0, 9)], 48),
        ([Buffer("lent", (Part(0, 64, Interval(0, 2)), Part(0, 64, Interval(5, 7)))), solid(64, 2, 5)], 64),
    ],
)
def test_known_optima(buffers: list[Buffer], size: int) -> None:
    plan = plan_arena(buffers)
    assert plan.bytes == size
    assert not collide(buffers, plan)


def test_a_large_problem_comes_near_the_bound() -> None:
    rng = random.Random(5)  # noqa: S311 - no secrets
    buffers = []
    for index in range(200):
        start = rng.randrange(200)
        life = Interval(start, start + 1 + int(rng.expovariate(0.25)))
        buffers.append(Buffer(f"b{index}", (Part(0, rng.randrange(1, 5000), life),)))
    plan = plan_arena(buffers)
    assert not collide(buffers, plan)
    assert plan.bytes <= 1.05 * plan.lower_bound


def test_a_broken_buffer_is_refused() -> None:
    with pytest.raises(InternalError, match="not aligned"):
        plan_arena([solid(16, 0, 1, alignment=8)])
    with pytest.raises(InternalError, match="part outside"):
        plan_arena([Buffer("b", (Part(-16, 16, Interval(0, 1)),))])


def test_intervals_are_joined() -> None:
    parts = (
        Part(0, 8, Interval(3, 5)),
        Part(8, 16, Interval(0, 2)),
        Part(0, 4, Interval(2, 3)),
        Part(0, 4, Interval(7, 8)),
    )
    buffer = Buffer("b", parts)
    assert buffer.intervals == (Interval(0, 5), Interval(7, 8))
    assert buffer.bytes == 16


def test_bytes_are_lent_between_the_times_at_which_they_are_needed() -> None:
    rows = Buffer("rows", (Part(0, 64, Interval(0, 9), (Interval(0, 2), Interval(6, 9))),))
    plan = plan_arena([rows, solid(64, 2, 6)])
    assert (plan.bytes, plan.lower_bound) == (64, 64)
    assert plan_arena([rows, solid(64, 2, 7)]).bytes == 128


def test_a_plan_that_is_known_is_bettered_or_kept() -> None:
    buffers = [solid(16, 0, 4), solid(32, 2, 6), solid(16, 5, 9)]
    assert plan_arena(buffers, 0, (32, 0, 32)).bytes == 48
    assert plan_arena(buffers, known=(64, 0, 32)).bytes == 48
