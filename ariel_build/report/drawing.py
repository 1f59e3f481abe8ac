"""Layers, orders and places of a graph's nodes, as Sugiyama, Tagawa and Toda draw them (1981), from top to bottom.

A node's layer is the longest way to it. An edge over several layers has a bend in each; bends and nodes of a layer are
ordered by the mean place of their neighbours, layer by layer, up and down. Then each takes the place nearest to its
neighbours that the order leaves (least squares: pool adjacent violators).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ariel_build.records import dataclass

__all__ = ["NODE", "Drawing", "draw"]

#: Width and height of a node, the gaps beside and below it, and the width of a bend: pixels.
NODE = (188, 48)
_BESIDE, _BELOW, _BEND = 24, 30, 14
_SWEEPS = 6
#: Bends for each node, at most: the longest edges of graphs with more are drawn without.
_BENDS_EACH = 12


@dataclass(frozen=True)
class Drawing:
    """The middle of each node's upper edge, the bends of each edge in the same way, and the size of it all."""

    places: tuple[tuple[int, int], ...]
    bends: tuple[tuple[tuple[int, int], ...], ...]
    width: int
    height: int


def draw(count: int, edges: Sequence[tuple[int, int]]) -> Drawing:
    """Returns the places of nodes 0 to `count`; edges lead to later nodes, others are left out of the drawing."""
    forward = [index for index, (start, end) in enumerate(edges) if start < end]
    layer = _layers(count, [edges[index] for index in forward])
    width = [NODE[0] + _BESIDE] * count
    links: list[tuple[int, int]] = []
    chains: dict[int, list[int]] = {}
    left = _BENDS_EACH * count
    for index in sorted(forward, key=lambda k: (layer[edges[k][1]] - layer[edges[k][0]], k)):
        start, end = edges[index]
        needed = layer[end] - layer[start] - 1
        if needed > left:
            continue
        left -= needed
        chain = list(range(len(width), len(width) + needed))
        layer += range(layer[start] + 1, layer[end])
        width += [_BEND] * needed
        chains[index] = chain
        links += zip([start, *chain], [*chain, end], strict=True)
    rows: list[list[int]] = [[] for _ in range(max(layer, default=-1) + 1)]
    for item, row in enumerate(layer):
        rows[row].append(item)
    above: list[list[int]] = [[] for _ in layer]
    below: list[list[int]] = [[] for _ in layer]
    for start, end in links:
        above[end].append(start)
        below[start].append(end)
    _order(rows, above, below)
    x = _places(rows, width, above, below)
    lowest = min((x[item] - width[item] / 2 for item in range(len(x))), default=0.0)
    middle = [round(place - lowest) for place in x]
    tall = NODE[1] + _BELOW
    at = [(middle[item], layer[item] * tall) for item in range(len(layer))]
    right = max((middle[item] + width[item] // 2 for item in range(len(at))), default=0)
    bends = tuple(tuple(at[bend] for bend in chains.get(index, ())) for index in range(len(edges)))
    return Drawing(tuple(at[:count]), bends, right, len(rows) * tall)


def _layers(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Returns the layer of each node: below all that it reads; what reads nothing is close to its first reader."""
    layer = [0] * count
    readers: list[list[int]] = [[] for _ in range(count)]
    fed = [False] * count
    for start, end in sorted(edges, key=lambda edge: edge[1]):
        layer[end] = max(layer[end], layer[start] + 1)
        readers[start].append(end)
        fed[end] = True
    for node in range(count):
        if not fed[node] and readers[node]:
            layer[node] = min(layer[reader] for reader in readers[node]) - 1
    return layer


def _order(rows: Sequence[list[int]], above: Sequence[list[int]], below: Sequence[list[int]]) -> None:
    """Orders each row by the mean rank of what it is linked with, in place."""
    rank = {item: float(index) for row in rows for index, item in enumerate(row)}
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            linked = above if down else below
            means = {i: _mean([rank[other] for other in linked[i]], rank[i]) for i in row}
            row.sort(key=lambda i: (means[i], rank[i]))
            rank.update((item, float(index)) for index, item in enumerate(row))


def _places(
    rows: Sequence[list[int]], width: Sequence[int], above: Sequence[list[int]], below: Sequence[list[int]]
) -> list[float]:
    """Returns the middle of each item."""
    x = [0.0] * len(width)
    for row in rows:
        wanted = [0.0] * len(row)
        for item, place in zip(row, _apart(wanted, [width[i] for i in row]), strict=True):
            x[item] = place
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            linked = above if down else below
            wanted = [_mean([x[other] for other in linked[item]], x[item]) for item in row]
            for item, place in zip(row, _apart(wanted, [width[i] for i in row]), strict=True):
                x[item] = place
    return x


def _apart(wanted: Sequence[float], width: Sequence[int]) -> list[float]:
    """Returns the places nearest to those wanted at which no two items overlap, in the same order."""
    offsets = [0.0]
    for left, right in pairwise(width):
        offsets.append(offsets[-1] + (left + right) / 2)
    # Without the offsets the places only have to ascend: neighbours that do not share their mean.
    pools: list[tuple[float, int]] = []
    for place, offset in zip(wanted, offsets, strict=False):
        total, size = place - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / size:
            before = pools.pop()
            total, size = total + before[0], size + before[1]
        pools.append((total, size))
    means = [total / size for total, size in pools for _ in range(size)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=False)]


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default
