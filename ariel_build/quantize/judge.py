"""How good a quantised form is: noise in the outputs, how often the class is that of float32, and the right one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, Graph, Node, Value
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.best import Best
from ariel_build.ops.cast import Cast
from ariel_build.ops.softmax import LogSoftmax, Softmax
from ariel_build.passes.editor import operator
from ariel_build.quantize import batched
from ariel_build.quantize.form import Form
from ariel_build.records import dataclass

__all__ = ["Data", "Score", "decibels", "is_classifier", "layers", "noise", "score"]

I64 = npt.NDArray[np.int64]
#: Bytes of one value of a batch of samples, about.
_BATCH_BYTES = 1 << 22


@dataclass(frozen=True)
class Data:
    """Samples of every input, `[samples, *shape]`, and what the right classes are, where that is known."""

    graph: Graph
    arrays: Sequence[Array]
    labels: I64 | None = None

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(self.arrays[0]) if self.arrays else 1

    def first(self, count: int) -> Data:
        """Returns some of the samples, evenly spread; a model with states has them in their order, from the first."""
        if count >= self.count:
            return self
        chosen = np.arange(count) if self.graph.states else np.linspace(0, self.count - 1, count).astype(np.int64)
        return self._some(chosen)

    def parted(self, least: int) -> tuple[Data, Data]:
        """Returns two halves of the samples, in turn, or all of them twice where a half has fewer than `least`.

        So it is for a model with states, too, whose samples follow on each other.
        """
        if self.count < 2 * least or self.graph.states:
            return self, self
        return self._some(np.arange(0, self.count, 2)), self._some(np.arange(1, self.count, 2))

    def _some(self, chosen: I64) -> Data:
        labels = None if self.labels is None else self.labels[chosen]
        return Data(self.graph, [array[chosen] for array in self.arrays], labels)

    def batches(self) -> Iterator[slice]:
        """Yields the samples that are run at once."""
        most = max((v.type.bytes for v in self.graph.values()), default=1)
        size = 1 if self.graph.states else max(1, min(self.count, _BATCH_BYTES // max(most, 1)))
        yield from (slice(k, min(k + size, self.count)) for k in range(0, self.count, size))

    def outputs(self, form: Form | None, seen: batched.Seen | None = None) -> list[Numbers]:
        """Returns what the graph, or a quantised form of it, answers."""
        graph = self.graph
        states = {s.current: s.initial[None] for s in graph.states}
        found: list[list[Numbers]] = [[] for _ in graph.outputs]
        for batch in self.batches():
            given = {v: a[batch] for v, a in zip(graph.inputs, self.arrays, strict=True)} | states
            made = batched.run(graph, given, seen=seen) if form is None else form.run(given, seen)
            states = {s.current: made[s.next] for s in graph.states}
            for parts, value in zip(found, graph.outputs, strict=True):
                parts.append(made[value])
        return [np.concatenate(parts) for parts in found]

    def scores(self, form: Form | None) -> list[Numbers]:
        """Returns the outputs before a softmax or the search for the greatest at their end, which would hide noise."""
        producers = self.graph.producers()
        before = [_before_softmax(value, producers) for value in self.graph.outputs]
        found: dict[Value, list[Array]] = {value: [] for value in before}

        def see(value: Value, array: Array) -> None:
            if value in found:
                found[value].append(array)

        outputs = self.outputs(form, see)
        return [np.concatenate(found[v]) if found[v] else out for v, out in zip(before, outputs, strict=True)]


@dataclass(frozen=True)
class Score:
    """How a form compares with float32.

    `noise` is the power of the error in the outputs by that of the signal; `agreement` how often the class with the
    highest score is float32's, where the model has classes; `accuracy` how often it is the right one, where that is
    known, of the form, and `accuracy_float` of float32.
    """

    noise: float
    agreement: float | None = None
    accuracy: float | None = None
    accuracy_float: float | None = None

    def drop(self, *, classes: bool) -> float:
        """Returns what is lost: accuracy, else agreement, else the share of noise in the outputs."""
        if self.accuracy is not None and self.accuracy_float is not None:
            return self.accuracy_float - self.accuracy
        if classes and self.agreement is not None:
            return 1.0 - self.agreement
        return self.noise


def is_classifier(graph: Graph) -> bool:
    """Whether the first output is what a softmax makes: scores of classes."""
    producers = graph.producers()
    node = producers.get(graph.outputs[0])
    while node is not None and operator(node).traits.moves:
        node = producers.get(node.input(0))
    return node is not None and isinstance(node.op, Softmax | LogSoftmax) and has_classes(graph)


def _passes(node: Node) -> bool:
    return operator(node).traits.moves or isinstance(node.op, Cast)


def _before_softmax(value: Value, producers: Mapping[Value, Node]) -> Value:
    node = producers.get(value)
    while node is not None and _passes(node) and not node.input(0).is_constant:
        node = producers.get(node.input(0))
    return node.input(0) if node is not None and isinstance(node.op, Softmax | LogSoftmax | Best) else value


def has_classes(graph: Graph) -> bool:
    """Whether the first output is one line of numbers for each sample, and its greatest one may mean something."""
    shape = graph.outputs[0].shape
    return len(shape) > 0 and shape[-1] > 1 and math.prod(shape) == shape[-1]


def power(outputs: Sequence[Array]) -> list[float]:
    """Returns the power of each output."""
    return [float(np.mean(np.square(a, dtype=np.float64))) if a.size else 0.0 for a in outputs]


def noise(want: Sequence[Array], got: Sequence[Array]) -> float:
    """Returns the power of the error by that of the signal, for the output where that is greatest.

    Of integers, which are places or classes, it is the share of those that differ.
    """
    found = [
        float(np.mean(a != b))
        if a.dtype.kind != "f"
        else float(np.mean(np.square(np.subtract(b, a, dtype=np.float64)))) / signal
        if signal > 0
        else 0.0
        for a, b, signal in zip(want, got, power(want), strict=True)
    ]
    return max(found, default=0.0)


def score(data: Data, want: Sequence[Array], got: Sequence[Array]) -> Score:
    """Returns how outputs compare with those of float32."""
    total = noise(want, got)
    if not has_classes(data.graph) or want[0].dtype.kind != "f":
        return Score(total)
    before, after = (outputs[0].reshape(data.count, -1).argmax(axis=1) for outputs in (want, got))
    agreement = float(np.mean(before == after))
    if data.labels is None:
        return Score(total, agreement)
    right = [float(np.mean(found == data.labels)) for found in (after, before)]
    return Score(total, agreement, *right)


def layers(data: Data, form: Form) -> Mapping[Value, float]:
    """Returns the noise of each value that is quantised, by its power, where float32 runs on the same samples."""
    signal: dict[Value, float] = {}
    error: dict[Value, float] = {}
    graph = data.graph
    states: dict[Value, Array] = {s.current: s.initial[None] for s in graph.states}
    others = dict(states)
    for batch in data.batches():
        given = {v: a[batch] for v, a in zip(graph.inputs, data.arrays, strict=True)}
        kept: dict[Value, Array] = {}

        def keep(value: Value, array: Array, kept: dict[Value, Array] = kept) -> None:
            if value in form.quants:
                kept[value] = array

        def compare(value: Value, array: Array, kept: dict[Value, Array] = kept) -> None:
            want = kept.pop(value, None)
            if want is not None:
                signal[value] = signal.get(value, 0.0) + float(np.sum(np.square(want, dtype=np.float64)))
                distance = np.subtract(array, want, dtype=np.float64)
                error[value] = error.get(value, 0.0) + float(np.sum(np.square(distance)))

        made = batched.run(graph, given | states, seen=keep)
        again = form.run(given | others, compare)
        states = {s.current: made[s.next] for s in graph.states}
        others = {s.current: again[s.next] for s in graph.states}
    return {value: error[value] / signal[value] if signal[value] > 0 else 0.0 for value in error}


def decibels(noise: float) -> float:
    """Returns the signal-to-noise ratio in dB; infinity for no noise."""
    return math.inf if noise <= 0 else -10.0 * math.log10(noise)
