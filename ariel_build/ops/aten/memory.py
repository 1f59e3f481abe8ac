"""Tensors that share memory: what PyTorch changes in place is seen through every view, and buffers are states.

A program that `torch.export.export` gives may write in place (`relu_`, `copy_`); one that is decomposed says instead
what buffers hold afterwards (`buffer_mutation`). Graphs here have no places, only values: a write gives the tensor, and
all that look into the same memory, new values from then on. A buffer that is written is a `State`.
"""

from __future__ import annotations

from dataclasses import field

import numpy as np

from ariel_build.frontends.source import Operand, SourceNode
from ariel_build.ir import State, Value
from ariel_build.ops.base import IMPORTERS, UnsupportedReason, imports, prepares
from ariel_build.ops.importer import Importer, source_type
from ariel_build.ops.reshape import reshape
from ariel_build.ops.transpose import transpose
from ariel_build.records import dataclass

__all__ = ["is_in_place", "note_views", "write"]

_SAME = ("aten.alias.default", "aten.detach.default", "aten.detach_.default", "aten.lift_fresh.default")
_RESHAPED = (
    *("aten.view.default", "aten.squeeze.default", "aten.squeeze.dim", "aten.squeeze.dims", "aten.unsqueeze.default"),
    *("aten.unflatten.int", "aten._unsafe_view.default", "aten.view_as.default"),
)
_SWAPPED = ("aten.transpose.int", "aten.t.default", "aten.mT.default", "aten.numpy_T.default")
_CUT = ("aten.select.int", "aten.slice.Tensor", "aten.narrow.default")
#: Views that can be read after a write, but not written through.
_READ = (
    *("aten.expand.default", "aten.expand_as.default", "aten.permute.default", "aten.split.Tensor"),
    *("aten.split_with_sizes.default", "aten.split.sizes", "aten.chunk.default", "aten.unbind.int"),
    *("aten.movedim.int", "aten.movedim.intlist", "aten.real.default", "aten.broadcast_to.default"),
)
_VIEWS = frozenset((*_SAME, *_RESHAPED, *_SWAPPED, *_CUT, *_READ))
#: What gives the same memory or a copy, as strides, types and devices have it.
_PERHAPS = frozenset(
    (
        *("aten.contiguous.default", "aten.reshape.default", "aten.flatten.using_ints", "aten.to.dtype"),
        *("aten.to.device", "aten.to.dtype_layout", "aten.dropout.default", "aten.type_as.default", "aten.to.other"),
    )
)
BUFFER_MUTATION = "buffer_mutation"


@dataclass
class _Memory:
    """Who looks into whose memory, by the keys of tensors; the states of buffers."""

    #: A view -> the tensor that it looks into, and the node that says how; None where it is the same tensor.
    parents: dict[str, tuple[str, SourceNode | None]] = field(default_factory=dict)
    perhaps: dict[str, str] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    places: dict[int, int] = field(default_factory=dict)

    def root(self, key: str) -> str:
        """Returns the tensor whose memory it is."""
        while key in self.parents:
            key = self.parents[key][0]
        return key


def _memory(importer: Importer) -> _Memory:
    found = importer.shared.setdefault("memory", _Memory())
    assert isinstance(found, _Memory)  # noqa: S101 - set one line above
    return found


def is_in_place(op: str) -> bool:
    """Whether an operator writes into its first argument, as PyTorch marks with an underscore."""
    name = op.split(".")[1] if op.count(".") >= 2 else op
    return name.endswith("_") and not name.startswith("__") and name not in ("detach_", "requires_grad_")


def _base(node: SourceNode) -> str | None:
    """Returns the key of the tensor that a node looks into, or writes."""
    for name in ("self", "input"):
        operand = node.attributes.get(name)
        if isinstance(operand, Operand):
            return node.inputs[operand.index]
    return None


@prepares("pt2")
def _make_states(importer: Importer) -> None:
    """Makes states of the buffers that the program writes."""
    memory, model = _memory(importer), importer.model
    memory.places = {id(node): place for place, node in enumerate(model.nodes)}
    seen = _Memory()
    for node in model.nodes:
        base = _base(node)
        if node.op == BUFFER_MUTATION:
            base = node.inputs[0]
        if base is None:
            continue
        if is_in_place(node.op) or node.op in _VIEWS:
            seen.parents.update({key: (base, node) for key in node.outputs if key != base})
        root = seen.root(base)
        tensor = model.tensors[root]
        if (node.op == BUFFER_MUTATION or is_in_place(node.op)) and tensor.data is not None:
            _make_state(importer, root)


def _make_state(importer: Importer, key: str) -> None:
    memory, tensor = _memory(importer), importer.model.tensors[key]
    if key in memory.states or tensor.data is None:
        return
    try:
        type_ = source_type(tensor)
    except UnsupportedReason:
        return  # whoever reads it is told
    current = Value(type_, key, origin=f"buffer `{key}`")
    memory.states[key] = State(current, current, np.array(tensor.data))
    importer.states.append(memory.states[key])
    importer.values[key] = current


@imports("pt2", BUFFER_MUTATION)
def _buffer_mutation(importer: Importer) -> None:
    """The signature says what a buffer holds after the call; who reads the buffer itself still sees what it held."""
    buffer, value = importer.input(0), importer.input(1)
    state = _memory(importer).states.get(importer.node.inputs[0] or "")
    if state is None or value.shape != buffer.shape or value.type.dtype is not buffer.type.dtype:
        raise UnsupportedReason(f"a buffer of {buffer.type} cannot become {value.type}")
    state.next = value


def note_views(importer: Importer) -> None:
    """Remembers that the outputs of the node look into the memory of its input."""
    node = importer.node
    base = _base(node)
    if base is None:
        return
    memory = _memory(importer)
    if node.op in _VIEWS:
        memory.parents.update(dict.fromkeys(node.outputs, (base, node)))
    elif node.op in _PERHAPS:
        memory.perhaps.update(dict.fromkeys(node.outputs, base))


def write(importer: Importer, value: Value) -> None:
    """Makes `value` the content of the tensor that the node writes, and of its output, which is that tensor."""
    node, memory = importer.node, _memory(importer)
    key = _base(node)
    if key is None:
        raise UnsupportedReason("it writes into nothing")
    if importer.is_in_body:
        raise UnsupportedReason("writing in place inside of a branch is not supported")
    _refuse_perhaps(importer, memory, key)
    _store(importer, memory, key, value)
    for output in node.outputs:
        memory.parents[output] = (key, None)
        importer.values[output] = importer.values[key]


def _refuse_perhaps(importer: Importer, memory: _Memory, key: str) -> None:
    """Refuses a write of which only strides tell whether others see it, where others are looked at afterwards."""
    root = memory.root(key)
    others = {memory.perhaps[root]} if root in memory.perhaps else set()
    others |= {view for view, base in memory.perhaps.items() if memory.root(base) == root}
    here = memory.places.get(id(importer.node), -1)
    late = {k for node in importer.model.nodes[here + 1 :] for k in node.inputs if k} | set(importer.model.outputs)
    for other in sorted(others):
        family = {other} | {k for k in memory.parents if memory.root(k) == memory.root(other)}
        written = memory.root(other) in memory.states
        if family & late or written:
            raise UnsupportedReason(
                f"it writes in place, and whether `{other}` shares that memory depends on strides: "
                "write it without the underscore"
            )


def _store(importer: Importer, memory: _Memory, key: str, value: Value) -> None:
    """Gives a tensor, and all that look into its memory, their new content."""
    while key in memory.parents:
        parent, node = memory.parents[key]
        value = _through(importer, node, importer.values[parent], value)
        key = parent
    if value.shape != importer.value(key).shape or value.type.dtype is not importer.value(key).type.dtype:
        raise UnsupportedReason(f"a tensor of {importer.value(key).type} cannot become {value.type} in place")
    importer.values[key] = value
    if key in memory.states:
        memory.states[key].next = value
    done: set[int] = set()
    for view, (parent, node) in list(memory.parents.items()):
        if memory.root(view) != key:
            continue
        if node is None:
            importer.values[view] = importer.values[parent]
        elif id(node) not in done:
            done.add(id(node))
            _again(importer, node)


def _again(importer: Importer, node: SourceNode) -> None:
    """Imports a view once more, of what its memory holds now."""
    outer, asked = importer.node, importer.asked
    importer.node, importer.asked = node, set()
    importer.count[0] += 1
    IMPORTERS["pt2", node.op](importer)
    importer.node, importer.asked = outer, asked


def _through(importer: Importer, node: SourceNode | None, parent: Value, value: Value) -> Value:
    """Returns what a tensor holds after `value` is written into a view of it."""
    if node is None or node.op in _SAME:
        return value
    if node.op in _RESHAPED:
        return reshape(importer, value, parent.shape)
    from ariel_build.ops.aten.call import Call  # noqa: PLC0415 - that module uses this one

    outer, asked = importer.node, importer.asked
    importer.node, importer.asked = node, set()
    try:
        call = Call(importer)
        rank = len(parent.shape)
        if node.op in _SWAPPED:
            perm = list(range(rank))[::-1]
            if node.op == "aten.transpose.int":
                first, second = call.axis("dim0", rank), call.axis("dim1", rank)
                perm = list(range(rank))
                perm[first], perm[second] = second, first
            elif node.op == "aten.mT.default":
                perm = [*range(rank - 2), rank - 1, rank - 2]
            return transpose(importer, value, perm)
        if node.op in _CUT:
            return call.scattered(parent, value)
    finally:
        importer.node, importer.asked = outer, asked
    raise UnsupportedReason(f"it writes in place through {node.op}, which is not supported")
