"""A region of the graph in which tensors are to have permuted axes, and what that costs in transposes.

A region grows from one value: every node at a permuted value that can compute on permuted axes joins, and permutes its
other values in turn; where the axes come back to their places, the region ends. At its border stand transposes:

    u -> Transpose -> [v .. nodes .. w] -> Transpose -> x       v, w permuted: both may vanish
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import field

from ariel_build.ir import Node, Value
from ariel_build.ops.permutation import Perm, compose, inverse
from ariel_build.ops.traits import Moved, Wish
from ariel_build.ops.transpose import Transpose, moves_only_ones, permuted_quant
from ariel_build.passes.editor import Editor, operator
from ariel_build.records import dataclass

__all__ = ["Cost", "Region", "grow", "transpose_of"]

#: Transposes that move elements, and the bytes that they move.
Cost = tuple[int, int]


def transpose_of(node: Node | None) -> Perm | None:
    """Returns the permutation of a transpose that leaves the meaning of elements alone; None for all other nodes."""
    if node is None or not isinstance(node.op, Transpose):
        return None
    same = permuted_quant(node.input(0).type.quant, node.op.perm) == node.output.type.quant
    return node.op.perm if same else None


@dataclass
class Region:
    """Permuted values, and the nodes that compute on them."""

    editor: Editor
    perms: dict[Value, Perm] = field(default_factory=dict)
    nodes: dict[Node, Moved] = field(default_factory=dict)

    def enters(self, value: Value) -> bool:
        """Whether a permuted value is made outside the region."""
        return self.editor.producer(value) not in self.nodes

    def needs_original(self, value: Value) -> bool:
        """Whether anybody still needs a permuted value with the axes it had; transposes do not."""
        if self.editor.graph.is_kept(value):
            return True
        for reader in self.editor.readers(value):
            if reader not in self.nodes:
                if transpose_of(reader) is None:
                    return True
            elif any(v is value and p is None for v, p in zip(reader.inputs, self.nodes[reader].inputs, strict=True)):
                return True
        return False

    def transposes_out(self, value: Value) -> Iterator[tuple[Node, Perm]]:
        """Yields the transposes that read a permuted value, with what each becomes when it reads the permuted one."""
        undo = inverse(self.perms[value])
        for reader in self.editor.readers(value):
            perm = transpose_of(reader)
            if perm is not None:
                yield reader, compose(undo, perm)

    def costs(self) -> tuple[Cost, Cost, bool]:
        """Returns the cost at the border as it is, and with the region permuted; and whether transposes sink by that.

        They do where some in front of the region vanish, and none there is made.
        """
        # Equal transposes of one value are one; a value and its permuted form are two.
        before: dict[tuple[Value, bool, Perm], int] = {}
        after: dict[tuple[Value, bool, Perm], int] = {}
        vanish = made = False

        def count(
            table: dict[tuple[Value, bool, Perm], int], value: Value, perm: Perm, permuted: Perm | None = None
        ) -> bool:
            shape = value.shape if permuted is None else tuple(value.shape[p] for p in permuted)
            free = moves_only_ones(shape, perm)
            if not free:
                table[value, permuted is None, perm] = value.type.bytes
            return not free

        for value, perm in self.perms.items():
            producer = self.editor.producer(value)
            own = transpose_of(producer)
            if self.enters(value) and producer is not None and own is not None:
                source = producer.input(0)
                was = count(before, source, own)
                needed = self.needs_original(value) and count(after, source, own)
                now = count(after, source, compose(own, perm))
                vanish, made = vanish or (was and not needed and not now), made or now
            elif self.enters(value):
                made = count(after, value, perm) or made
            elif self.needs_original(value):
                count(after, value, inverse(perm), perm)
            for transpose, rest in self.transposes_out(value):
                count(before, value, transpose_of(transpose) or ())
                count(after, value, rest, perm)
        return (len(before), sum(before.values())), (len(after), sum(after.values())), vanish and not made


def grow(editor: Editor, value: Value, perm: Perm) -> Region:
    """Returns the region around `value` permuted by `perm`."""
    region = Region(editor, {value: perm})
    queue = deque([value])
    while queue:
        value = queue.popleft()
        if moves_only_ones(value.shape, region.perms[value]):
            continue
        producer = editor.producer(value)
        for node in [*([] if producer is None else [producer]), *editor.readers(value)]:
            if node not in region.nodes and not isinstance(node.op, Transpose):
                queue.extend(_join(region, node, value))
    return region


def moved(node: Node, value: Value, perm: Perm) -> Moved | None:
    """Returns the node under permuted axes, so that `value`, one of its inputs or outputs, is permuted by `perm`."""
    result = operator(node).permuted(Wish(node, perm, any(value is v for v in node.outputs)))
    if result is None:
        return None
    # A value may stand in several places, and must be permuted alike in all of them.
    places = [*zip(node.inputs, result.inputs, strict=True), *zip(node.outputs, result.outputs, strict=True)]
    return result if all(own == perm for v, own in places if v is value) else None


def _join(region: Region, node: Node, value: Value) -> list[Value]:
    """Takes a node at a permuted value into the region, if it can; returns the values that are permuted by that."""
    candidate = moved(node, value, region.perms[value])
    if candidate is None:
        return []
    places = [*zip(node.inputs, candidate.inputs, strict=True), *zip(node.outputs, candidate.outputs, strict=True)]
    wanted = [(v, p) for v, p in places if v is not None and not v.is_constant and p is not None]
    perms = dict(wanted)
    if any(region.perms.get(v, p) != p or perms[v] != p for v, p in wanted):
        return []
    region.nodes[node] = candidate
    new = [v for v in perms if v not in region.perms]
    region.perms.update(perms)
    return new
