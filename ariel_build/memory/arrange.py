"""Arrangement = storages in which inputs, outputs, states and calls in place have found each other.

In this order, since the first are promises to the user and the last only save memory: the inputs form a struct, what
bodies give lies where the result of their branch is, the outputs form a struct, each state's next content takes the
place of the current one, calls work in place. An output or state for which that is unsafe is computed elsewhere and
copied after the last step; a call for which it is unsafe gets a region of its own, with a reason for the report.

On several cores every state is copied: an inference that is dropped or late leaves the states as they were, and helpers
may still be at it. One core keeps aside what steps overwrite (`ariel_ml_rs::model::Tiles`) where an inference can end
before it is complete; a blocking one cannot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import Enum

from ariel_build.errors import InternalError
from ariel_build.ir import State, Value
from ariel_build.kernels.flow import decisions
from ariel_build.memory.liveness import Horizon, build_storages
from ariel_build.memory.rolling import Rolling
from ariel_build.memory.segments import Segment
from ariel_build.memory.storage import ALIGNMENT, Storages, padded
from ariel_build.records import dataclass
from ariel_build.schedule import BEFORE, Aliases, Interval, Schedule

__all__ = ["Arrangement", "InPlace", "arrange", "field_offsets"]


class InPlace(Enum):
    """Which operand of a call gives its place first; for which calls.

    A call in pieces needs little more beside its operand, and may then lie some rows before or behind it.
    """

    FIRST = "first"
    LAST = "last"
    WHOLE = "first, calls in pieces apart"
    NEVER = "never"


@dataclass
class Arrangement:
    """Storages, the values at the fields of both structs, copies (source, target), and why others were needed."""

    storages: Storages
    input_fields: list[Value]
    output_fields: list[Value] = field(default_factory=list)
    copies: list[tuple[Value, Value]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


def field_offsets(values: Sequence[Value]) -> tuple[list[int], int]:
    """Returns the byte offset of each field of the struct, and the struct's size."""
    offsets, end = [], 0
    for value in values:
        offsets.append(end)
        end += padded(value.type.bytes)
    return offsets, end


def arrange(
    schedule: Schedule,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    states: Sequence[State],
    alias_of: Aliases,
    in_place: InPlace,
    rolled: Mapping[Value, Rolling],
) -> Arrangement:
    """Returns the arrangement of all values, those that are `rolled` in their buffers; calls work `in_place` so."""
    horizon = Horizon.of(schedule, outputs, states)

    def begin() -> Arrangement:
        storages = build_storages(schedule, inputs, outputs, states, alias_of, rolled)
        _place_inputs(storages, inputs)
        _place_results(storages, schedule)
        return Arrangement(storages, list(inputs))

    arrangement = begin()
    if not _place_outputs(arrangement, outputs, states, horizon, copy_all=False):
        arrangement = begin()
        _place_outputs(arrangement, outputs, states, horizon, copy_all=True)
    _place_states(arrangement, states, horizon, at_the_end=schedule.cores > 1)
    _place_in_place(arrangement, schedule, in_place, rolled)
    return arrangement


def _place_inputs(storages: Storages, inputs: Sequence[Value]) -> None:
    for value, offset in zip(inputs, field_offsets(inputs)[0], strict=True):
        reason = storages.merge(inputs[0], value, offset)
        if reason:
            raise InternalError(f"an input has no place in the input struct: {reason}", {"input": value})
        _reserve_padding(storages, value, Interval(BEFORE, BEFORE + 1))


def _place_results(storages: Storages, schedule: Schedule) -> None:
    """Makes what bodies give lie where the results are, and what loops carry: they are there one after the other."""
    for item in decisions(schedule.flow):
        for part in item.parts:
            for result, value in zip(item.results, part, strict=True):
                reason = storages.merge(result, value)
                if reason:
                    raise InternalError(f"control flow cannot make a result in place: {reason}", {"value": value})


def _reserve_padding(storages: Storages, value: Value, time: Interval) -> None:
    """Keeps the bytes free that belong to the struct's field and not to its elements."""
    size = value.type.bytes
    if size % ALIGNMENT:
        storages.reserve(value, Segment(size, padded(size), time, value))


def _place_outputs(
    arrangement: Arrangement, outputs: Sequence[Value], states: Sequence[State], horizon: Horizon, *, copy_all: bool
) -> bool:
    """Lays out the output struct; False where a copy that became necessary has no room beside the other fields."""
    storages, fields = arrangement.storages, arrangement.output_fields
    of_states = {storages.locate(s.current)[0] for s in states}
    for index, (value, offset) in enumerate(zip(outputs, field_offsets(outputs)[0], strict=True)):
        number, start = storages.locate(value)
        fits = not copy_all and number not in of_states and start % ALIGNMENT == 0
        if fits and (not fields or not storages.merge(fields[0], value, offset)):
            fields.append(value)
        else:
            copy = Value(value.type, f"{value.name} (copy)")
            life = Interval(horizon.copy(index).start, horizon.program.end)
            storages.add(copy, [Segment(0, value.type.bytes, life, copy)] if value.type.bytes else [])
            if fields and storages.merge(fields[0], copy, offset):
                return False
            fields.append(copy)
            arrangement.copies.append((value, copy))
        _reserve_padding(storages, fields[-1], horizon.program)
    return True


def _place_states(arrangement: Arrangement, states: Sequence[State], horizon: Horizon, *, at_the_end: bool) -> None:
    """Lets the next content replace the current one where nobody needs that any more, else appends a copy."""
    storages = arrangement.storages
    pending = []
    for state in states:
        if state.dimension:
            # The caller writes it before an inference, nobody during one.
            always = Interval(BEFORE, horizon.program.end)
            storages.reserve(state.current, Segment(0, state.current.type.bytes, always, state.current))
            continue
        if state.next.type.bytes != state.current.type.bytes:
            raise InternalError("a state and its next content differ in size", {"state": state.current})
        reason = "several cores replace it at the end"
        if not at_the_end:
            reason = storages.merge(state.current, state.next, alone=True)
        if reason:
            arrangement.refusals.append(f"state `{state.current.name}` is copied: {reason}")
            pending.append((state.next, state.current))
        if state.current.type.bytes:
            always = Interval(BEFORE, horizon.program.end)
            storages.reserve(state.current, Segment(0, state.current.type.bytes, always, state.current))
    while pending:
        # A copy may only overwrite a state that no other copy has still to read.
        sources = [storages.locate(source)[0] for source, _ in pending]
        for index, (_, target) in enumerate(pending):
            number = storages.locate(target)[0]
            if all(number != s for other, s in enumerate(sources) if other != index):
                arrangement.copies.append(pending.pop(index))
                break
        else:
            names = [target.name for _, target in pending]
            raise InternalError("states are exchanged in a circle; lowering must copy one of them", {"states": names})


def _place_in_place(
    arrangement: Arrangement, schedule: Schedule, in_place: InPlace, rolled: Mapping[Value, Rolling]
) -> None:
    """Merges inputs and outputs of the calls that can work in place, equal sizes first; what rolls stays apart."""
    order = -1 if in_place is InPlace.LAST else 1
    storages = arrangement.storages
    for step in schedule.steps:
        call = step.call
        given = [(call.inputs[i], call.outputs[o], (i, o)) for i, o in call.in_place]
        pairs = sorted(
            (p for a, b, p in given if a in storages and b in storages and a not in rolled and b not in rolled),
            key=lambda p: (call.inputs[p[0]].type.bytes != call.outputs[p[1]].type.bytes, order * p[0]),
        )
        done: set[int] = set()
        reasons = []
        apart = in_place is InPlace.NEVER or (in_place is InPlace.WHOLE and len(step.pieces) > 1)
        for i, o in () if apart else pairs:
            reason = "" if o in done else storages.merge(call.inputs[i], call.outputs[o])
            if reason:
                reasons.append(f"{step.name} is not in place: {reason}")
            else:
                done.add(o)
        if not done:
            arrangement.refusals.extend(reasons)
