"""Places of a graph's nodes: no two overlap, edges lead downwards, and bends are where no node is."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from ariel_build.report.drawing import NODE, draw


def graph(seed: int) -> tuple[int, list[tuple[int, int]]]:
    """Returns a random graph whose edges lead to later nodes."""
    rng = random.Random(seed)  # noqa: S311 - a test needs no secrets
    count = rng.randrange(1, 40)
    edges = [(a, b) for b in range(count) for a in range(max(0, b - 6), b) if rng.random() < 0.4]
    edges += [(rng.randrange(b), b) for b in range(1, count) if rng.random() < 0.2]
    return count, edges


@pytest.mark.parametrize("seed", range(40))
def test_nodes_lie_apart_and_edges_lead_down(seed: int) -> None:
    count, edges = graph(seed)
    drawing = draw(count, edges)
    assert len(drawing.places) == count
    for k, (x, y) in enumerate(drawing.places):
        assert x - NODE[0] / 2 >= 0 and x + NODE[0] / 2 <= drawing.width
        assert y >= 0 and y + NODE[1] <= drawing.height
        assert all(y != other[1] or abs(x - other[0]) >= NODE[0] for other in drawing.places[:k])
    for (start, end), bends in zip(edges, drawing.bends, strict=True):
        way = [drawing.places[start], *bends, drawing.places[end]]
        assert all(a[1] < b[1] for a, b in pairwise(way))
        for x, y in bends:
            assert all(y != other[1] or abs(x - other[0]) >= NODE[0] / 2 for other in drawing.places)


def test_a_chain_is_straight() -> None:
    drawing = draw(50, [(k, k + 1) for k in range(49)])
    assert len({x for x, _ in drawing.places}) == 1
    assert drawing.bends == ((),) * 49


def test_what_is_read_late_stands_close_to_its_reader() -> None:
    drawing = draw(6, [(0, 2), (2, 3), (3, 4), (4, 5), (1, 5)])
    assert drawing.places[1][1] == drawing.places[4][1]


def test_a_graph_of_many_long_edges_is_drawn_without_bends_for_some() -> None:
    """Where every layer reads all before it, bends grow with the cube of their number."""
    count = 120
    edges = [(a, b) for b in range(count) for a in range(b)]
    drawing = draw(count, edges)
    assert sum(map(len, drawing.bends)) <= 12 * count
    assert draw(0, []).places == ()
