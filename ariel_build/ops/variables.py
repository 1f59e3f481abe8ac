"""Variables of TFLite: memory that a model keeps from one inference to the next.

A resource variable has a handle, and operators that read and assign it; `CALL_ONCE` names the subgraph that fills it at
first. An operator with a state of its own, such as an LSTM, has it among its inputs, a tensor that holds zero at first.

Either becomes a `State`: reading gives its current content, or what was assigned before in the same inference; what is
assigned last is the content of the next inference.
"""

from __future__ import annotations

from dataclasses import field

import numpy as np

from ariel_build.frontends.source import SourceModel
from ariel_build.ir import Array, DType, State, TensorType, Value
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.importer import Importer, source_type
from ariel_build.records import dataclass

__all__ = ["variable"]


#: A tensor of one of the subgraphs of a model: each numbers its own.
_Tensor = tuple[int, str]


@dataclass
class _Variables:
    """The variables of one model, by name, the tensors that are handles of them, and those that are variables."""

    handles: dict[_Tensor, str] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    initial: dict[str, Array] = field(default_factory=dict)
    tensors: dict[_Tensor, State] = field(default_factory=dict)


def _variables(importer: Importer) -> _Variables:
    if importer.is_in_body:
        raise UnsupportedReason("a variable inside of a branch is not supported")
    found = importer.shared.setdefault("variables", _Variables())
    assert isinstance(found, _Variables)  # noqa: S101 - set one line above
    return found


def _tensor(importer: Importer, key: str) -> _Tensor:
    # The models of the subgraphs live as long as the import does.
    return id(importer.model), key


def _name(importer: Importer) -> str:
    """Returns the name of the variable whose handle is input 0."""
    key = importer.node.inputs[0]
    name = None if key is None else _variables(importer).handles.get(_tensor(importer, key))
    if name is None:
        raise UnsupportedReason("its handle comes from no VAR_HANDLE")
    return name


def _state(importer: Importer, type_: TensorType) -> State:
    """Returns the state of the variable, made when it is first met."""
    variables = _variables(importer)
    name = _name(importer)
    if name not in variables.states:
        initial = variables.initial.get(name, np.zeros(type_.shape, type_.dtype.numpy))
        if initial.shape != type_.shape or initial.dtype != type_.dtype.numpy:
            raise UnsupportedReason(f"variable `{name}` is {type_}, its first content {initial.dtype}{initial.shape}")
        current = Value(type_, name, origin=f"variable `{name}`")
        variables.states[name] = State(current, current, initial, name)
        importer.states.append(variables.states[name])
    return variables.states[name]


@imports("tflite", "CALL_ONCE", harmless={"init_subgraph_index": "the node carries the subgraph itself"})
def _call_once(importer: Importer) -> None:
    model = importer.node.subgraphs.get("init_subgraph")
    if model is None:
        raise UnsupportedReason("its subgraph is missing")
    _variables(importer).initial |= _assigned(model)


def _assigned(model: SourceModel) -> dict[str, Array]:
    """Returns what an initialising subgraph assigns: constants to variables, and nothing else."""
    handles: dict[str | None, str] = {}
    initial: dict[str, Array] = {}
    for node in model.nodes:
        if node.op == "VAR_HANDLE":
            handles[node.outputs[0]] = str(node.attributes.get("shared_name"))
            continue
        tensor = model.tensors.get(node.inputs[1] or "") if len(node.inputs) > 1 else None
        if node.op != "ASSIGN_VARIABLE" or tensor is None or tensor.data is None or node.inputs[0] not in handles:
            raise UnsupportedReason(f"its subgraph has {node.op}; only constants can be assigned at first")
        initial[handles[node.inputs[0]]] = np.array(tensor.data)
    return initial


@imports("tflite", "VAR_HANDLE")
def _var_handle(importer: Importer) -> None:
    if importer.text("container"):
        raise UnsupportedReason(f"container `{importer.text('container')}` is not supported")
    _variables(importer).handles[_tensor(importer, importer.node.outputs[0])] = importer.text("shared_name")


@imports("tflite", "READ_VARIABLE")
def _read_variable(importer: Importer) -> None:
    state = _state(importer, importer.output_type())
    if state.next.type.shape != importer.output_type().shape:
        raise UnsupportedReason(f"it reads {importer.output_type()}, the variable holds {state.next.type}")
    importer.bind(state.next)


@imports("tflite", "ASSIGN_VARIABLE")
def _assign_variable(importer: Importer) -> None:
    value = importer.input(1)
    state = _state(importer, value.type)
    if value.shape != state.current.shape or value.type.dtype is not state.current.type.dtype:
        raise UnsupportedReason(f"it assigns {value.type} to a variable of {state.current.type}")
    state.next = value


def variable(importer: Importer, index: int) -> State:
    """Returns the state that is input `index` of an operator, a variable; its `next` is what follows it so far.

    UnsupportedReason where the input is no variable.
    """
    key = importer.node.inputs[index] if index < len(importer.node.inputs) else None
    tensor = None if key is None else importer.model.tensors.get(key)
    if key is None or tensor is None or not tensor.is_variable:
        raise UnsupportedReason(f"input {index}, a state, is no variable")
    states, at = _variables(importer).tensors, _tensor(importer, key)
    if at not in states:
        type_ = source_type(tensor)
        # What stands for zero: TFLite-Micro looks at the zero point of int8 alone.
        zero = type_.quant.zero_points[0] if type_.quant is not None and type_.dtype is DType.I8 else 0
        current = Value(type_, tensor.name, origin=f"variable `{tensor.name}`")
        states[at] = State(current, current, np.full(type_.shape, zero, type_.dtype.numpy))
        importer.states.append(states[at])
    return states[at]
