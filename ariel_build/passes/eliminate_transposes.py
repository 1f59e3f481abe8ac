"""Transpose . f . Transpose' -> f', where f is a region of operators that compute on any order of axes.

A transpose cancels its inverse at the other end of a region, through elementwise operators, concatenations, padding,
slices, reductions and reshapes. A region is permuted only where fewer transposes remain, or as many that move fewer
bytes; or, where nothing is lost, to sink transposes towards the outputs, so that operators stand next to each other.
"""

from __future__ import annotations

from ariel_build.ir import Graph, Node, TensorType, Value
from ariel_build.ops.permutation import Perm, compose, identity, inverse, is_identity
from ariel_build.ops.reshape import Reshape, reshaped_constant
from ariel_build.ops.transpose import Transpose, moves_only_ones, permuted_constant, permuted_quant
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor
from ariel_build.passes.region import Cost, Region, grow, transpose_of

__all__ = ["eliminate_transposes"]


def eliminate_transposes(graph: Graph, log: PassLog) -> bool:
    """Permutes one region after another as long as that pays."""
    changed = False
    while True:
        editor = Editor(graph, log)
        for node in editor.nodes():
            if _eliminate(editor, node):
                break
        if not editor.finish():
            return changed
        changed = True


def _eliminate(editor: Editor, node: Node) -> bool:
    """Permutes the region behind or in front of a transpose, if that pays."""
    perm = transpose_of(node)
    if perm is None or moves_only_ones(node.input(0).shape, perm):
        return False
    reason = ""
    for value, wanted in ((node.output, inverse(perm)), (node.input(0), perm)):
        region = grow(editor, value, wanted)
        before, after, sinks = region.costs()
        if after < before or (after == before and sinks and region.nodes):
            editor.log.rewrote(node, _summary(region, before, after))
            _permute(region)
            return True
        reason = reason or f"{after[0]} transposes of {after[1]:,} bytes would remain of {before[0]} of {before[1]:,}"
    editor.log.refused(node, reason)
    return False


def _summary(region: Region, before: Cost, after: Cost) -> str:
    return f"permuted {len(region.nodes)} operators: transposes of {before[1]:,} bytes -> {after[1]:,}"


def _permute(region: Region) -> None:
    """Gives the region permuted values and operators, and its border the transposes that remain."""
    editor = region.editor
    place = {node: index for index, node in enumerate(editor.graph.nodes)}
    # Asked before anything changes: what is added here reads permuted values, too.
    needed = {v for v in region.perms if region.needs_original(v)}
    behind = [(v, *out) for v in region.perms for out in region.transposes_out(v)]
    new = {v: _entrance(region, v, place) for v in region.perms if region.enters(v)}
    for node in sorted(region.nodes, key=place.__getitem__):
        as_moved = region.nodes[node]
        outputs = []
        for value, perm in zip(node.outputs, as_moved.outputs, strict=True):
            new[value] = Value(_permuted(value.type, perm), value.name, origin=value.origin)
            outputs.append(new[value])
        inputs = [
            v if v is None or perm is None else _operand(v, perm) if v.is_constant else new[v]
            for v, perm in zip(node.inputs, as_moved.inputs, strict=True)
        ]
        editor.add(Node(as_moved.op, inputs, outputs, node.origin), node)
        for value in node.outputs:
            if value in needed:
                editor.add(_movement(new[value], inverse(region.perms[value]), value, node.origin), node)
    for value, transpose, perm in behind:
        source, output = new[value], transpose.output
        if not (is_identity(perm) and editor.replace(output, source)):
            editor.add(_movement(source, perm, output, transpose.origin), transpose)
        elif editor.graph.is_kept(output):
            # The name that users see has stayed, and the source's has gone.
            new = {v: output if made is source else made for v, made in new.items()}
        editor.remove(transpose)
    for node in sorted(region.nodes, key=place.__getitem__, reverse=True):
        editor.remove(node)


def _entrance(region: Region, value: Value, place: dict[Node, int]) -> Value:
    """Returns the permuted form of a value that is made outside the region."""
    editor, perm = region.editor, region.perms[value]
    producer = editor.producer(value)
    own = transpose_of(producer)
    if producer is not None and own is not None:
        source, perm, anchor = producer.input(0), compose(own, perm), producer
    else:
        source, anchor = value, min(editor.readers(value), key=place.__getitem__)
    if is_identity(perm):
        return source
    output = Value(_permuted(source.type, perm), value.name, origin=value.origin)
    editor.add(_movement(source, perm, output, value.origin), anchor)
    return output


def _movement(source: Value, perm: Perm, output: Value, origin: str) -> Node:
    """Returns the node that permutes `source` into `output`."""
    op = Reshape(output.shape) if moves_only_ones(source.shape, perm) else Transpose(perm)
    return Node(op, [source], [output], origin)


def _operand(constant: Value, perm: Perm) -> Value:
    """Returns a constant with permuted axes; one of lower rank gets axes of 1 in front first."""
    missing = len(perm) - len(constant.shape)
    if missing:
        constant = reshaped_constant(constant, (1,) * missing + constant.shape)
    return constant if perm == identity(len(perm)) else permuted_constant(constant, perm)


def _permuted(type_: TensorType, perm: Perm) -> TensorType:
    return TensorType(type_.dtype, tuple(type_.shape[p] for p in perm), permuted_quant(type_.quant, perm))
