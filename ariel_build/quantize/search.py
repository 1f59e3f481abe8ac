"""Finds the quantised form: ranges, equalisation, bias correction, what stays float32, each as it is measured to help.

What is tried is made of one half of the calibration samples and measured on the other, and kept where the noise in the
model's outputs falls clearly by it; then it is made once more, of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, Graph, Node, Quant, Value
from ariel_build.passes.editor import operator
from ariel_build.quantize import judge
from ariel_build.quantize.choice import choose, is_layer, narrows, suggested
from ariel_build.quantize.correct import corrections
from ariel_build.quantize.equalize import equalize, pairs
from ariel_build.quantize.form import Form, form_of
from ariel_build.quantize.judge import Data, Score, score
from ariel_build.quantize.ranges import METHODS, Method, Seen, merged, range_of, wide_range_of
from ariel_build.records import dataclass

__all__ = ["Result", "Tell", "Wish", "find"]

F64 = npt.NDArray[np.float64]
#: Told what is being done, which step of how many.
Tell = Callable[[str, int, int], None]
#: Multiply-accumulates that one trial may take, about a second; and the samples that it takes at least and at most.
_TRIAL_MACS, _LEAST, _MOST = 1 << 31, 16, 256
#: The same of all trials of single layers, and the samples of each.
_LAYERS_MACS, _FEW = 1 << 33, 32
#: Samples that biases are corrected by, at most: they are run at once.
_CORRECTED = 64
#: A trial must take off this part of the noise: what gains less on some samples may lose on others. Equalised layers,
#: which suit the samples at hand better than others, this one: a decibel.
_GAIN, _LARGE_GAIN = 0.05, 0.2
#: Bits of a weight, where that is not 8.
_FOUR = 4


@dataclass(frozen=True)
class Wish:
    """What the user asks for: how ranges are found (None: the best way), and what may be lost at most.

    `classes`: of agreement with float32, where the right classes are not known; else noise is what counts. `bits` are
    those of weights, where layers may have fewer than 8.
    """

    ranges: Method | None = None
    max_drop: float | None = None
    classes: bool = False
    bits: int = 8


@dataclass
class Result:
    """The form, how it compares with float32 on all samples, and what led to it."""

    form: Form
    score: Score
    ranges: Method
    equalized: int = 0
    corrected: bool = False
    stay_float: Sequence[Node] = ()
    widened: Sequence[Node] = ()
    whole: Sequence[Node] = ()
    noise: Mapping[Value, float] = field(default_factory=dict)
    tried: Sequence[tuple[str, float]] = ()


@dataclass
class _Search:
    """What is known so far: what values are, the best form and its noise, and what led to it."""

    data: Data
    wish: Wish
    tell: Tell
    trial: Data
    nodes: Sequence[Node]
    steps: int = 0
    done: int = 0
    tried: list[tuple[str, float]] = field(default_factory=list)
    seen: dict[Value, Seen] = field(default_factory=dict)
    most: dict[Value, F64] = field(default_factory=dict)
    weights: dict[tuple[Value, bool], Value] = field(default_factory=dict)
    energy: dict[Value, F64] = field(default_factory=dict)
    #: Layers that would have weights of 4 bits, and have 8.
    whole: Collection[Node] = ()
    ranges: Method = METHODS[0]
    biases: dict[Node, F64] = field(default_factory=dict)

    @property
    def graph(self) -> Graph:
        """The graph in float32."""
        return self.data.graph

    def step(self, what: str) -> None:
        """Tells what comes next."""
        self.tell(what, self.done, max(self.steps, self.done + 1))
        self.done += 1

    def calibrate(self, data: Data) -> list[Array]:
        """Sees what every value is on some samples; returns the outputs of float32."""
        self.seen, self.most, self.weights, self.energy = {}, {}, {}, {}
        inputs = {node.input(0) for node in self.narrow()}
        counts: dict[Value, int] = {}
        layers = {node.output for node in self.graph.nodes if is_layer(node)}

        def see(value: Value, array: Array) -> None:
            if array.dtype != np.float32:
                return
            self.seen.setdefault(value, Seen()).see(array)
            if value in inputs:
                squares = array.reshape(-1, array.shape[-1]).astype(np.float64) ** 2
                self.energy[value] = self.energy.get(value, np.zeros(array.shape[-1])) + squares.sum(axis=0)
                counts[value] = counts.get(value, 0) + len(squares)
            if value in layers:
                most = np.abs(array).reshape(-1, array.shape[-1]).max(axis=0).astype(np.float64)
                self.most[value] = np.maximum(self.most.get(value, most), most)

        made = data.outputs(None, see)
        self.energy = {value: total / counts[value] for value, total in self.energy.items()}
        return made

    def narrow(self) -> list[Node]:
        """Returns the layers that may have weights of 4 bits, where the user asks for them."""
        return [node for node in self.nodes if self.wish.bits == _FOUR and is_layer(node) and narrows(node)]

    def form(self, nodes: Sequence[Node] | None = None, wide: Collection[Value] = ()) -> Form:
        """Returns the form by what has been chosen so far, in which these nodes compute in integers.

        Values that have one scale with a `wide` one are int16, where all that makes them can make them so.
        """
        choice = choose(self.graph, self.nodes if nodes is None else nodes)
        quants: dict[Value, Quant] = {}
        wides: dict[Value, Quant] = {}
        for group in choice.groups:
            seen = merged([self.seen[value] for value in group])
            quants.update(dict.fromkeys(group, range_of(seen, self.ranges)))
            if any(value in wide for value in group) and choice.may_widen(group):
                wides.update(dict.fromkeys(group, wide_range_of(seen)))
        narrow = {node: self._energy(node) for node in self.narrow() if node not in self.whole}
        return form_of(self.graph, choice, quants, self.biases, self.weights, wides, narrow)

    def _energy(self, node: Node) -> F64 | None:
        """Returns the energy of the elements of a layer's input, where each has a place of its own in the weights."""
        energy = self.energy.get(node.input(0))
        return energy if energy is not None and energy.size == node.input(1).shape[-1] else None


def find(data: Data, wish: Wish, tell: Tell) -> Result:
    """Returns the best form that was found; the graph's weights may be equalised for it, in place."""
    graph = data.graph
    fit, trial = data.parted(_LEAST)
    search = _Search(data, wish, tell, trial.first(_samples(graph, _TRIAL_MACS, _MOST)), suggested(graph))
    methods: Sequence[Method] = METHODS if wish.ranges is None else (wish.ranges,)
    search.steps = 2 + len(methods) * (4 if pairs(graph) else 2)
    search.step("calibrating")
    search.calibrate(fit)
    wanted = search.trial.scores(None)

    def noise(what: str) -> float:
        found = judge.noise(wanted, search.trial.scores(search.form()))
        search.tried.append((what, found))
        return found

    few = _samples(graph, _TRIAL_MACS, _CORRECTED)
    # The plainest first: what comes after must be better by more than chance.
    least, ranges, corrected, equalized = np.inf, methods[0], False, 0

    def attempt(words: str, gain: float) -> bool:
        """Tries all ways to ranges, with biases as they are and corrected; returns whether one is the best so far."""
        nonlocal least, ranges, corrected
        better = False
        for method in methods:
            for correct in (False, True):
                what = f"{words}ranges by {method}{', biases corrected' if correct else ''}"
                search.step(what)
                search.ranges = method
                search.biases = corrections(fit.first(few), search.form()) if correct else {}
                found = noise(what)
                if found < least * (1 - gain):
                    least, ranges, corrected, better = found, method, correct, True
            search.biases = {}
            gain = min(gain, _GAIN) if better else gain
        return better

    attempt("", _GAIN)
    if pairs(graph):
        undo = equalize(graph, search.most)
        search.calibrate(fit)
        if attempt("equalised layers, ", _LARGE_GAIN):
            equalized = len(pairs(graph))
        else:
            undo()
    search.ranges = ranges
    search.step("comparing with float32")
    search.biases = {}
    want = search.calibrate(data)
    if corrected:
        search.biases = corrections(data.first(few), search.form())
    best = search.form()
    result = Result(best, score(data, want, data.outputs(best)), ranges, equalized, corrected, tried=search.tried)
    if wish.max_drop is not None and result.score.drop(classes=wish.classes) > wish.max_drop:
        _spare(search, result, want)
    result.noise = judge.layers(search.trial, result.form)
    tell("done", search.done, search.done)
    return result


def _samples(graph: Graph, macs: int, most: int) -> int:
    """Returns how many samples fit a number of multiply-accumulates."""
    one = sum(operator(node).macs(node) for node in graph.nodes)
    return int(np.clip(macs // max(one, 1), min(_LEAST, most), most))


def _spare(search: _Search, result: Result, want: Sequence[Array]) -> None:
    """Gives int16 to as few values as the budget asks for, and leaves as few nodes in float32 as it asks for then.

    Those go first that alone make the most noise: values that are rounded, and nodes.
    """
    nodes, graph = search.nodes, search.graph
    if search.narrow() and _lengthen(search, result, want):
        return
    whole = choose(graph, nodes)
    groups = [group for group in whole.groups if whole.may_widen(group)]
    few = search.data.first(_samples(graph, _LAYERS_MACS // max(len(nodes) + len(groups), 1), _FEW))
    wanted = few.scores(None)
    search.steps = search.done + len(groups) + len(groups).bit_length()
    alone: list[tuple[float, Sequence[Value]]] = []
    quants = search.form().quants
    for group in groups:
        search.step(f"the loss of {group[0].name}")
        form = Form(graph, whole, {value: quants[value] for value in group})
        alone.append((judge.noise(wanted, few.scores(form)), group))
    order = [group for _, group in sorted(alone, key=lambda each: -each[0])]

    def attempt(stay: Sequence[Node], wide: Sequence[Sequence[Value]]) -> bool:
        """Keeps what a form is worth; returns whether it is within the budget."""
        search.step(f"{len(stay)} layers in float32, {len(wide)} tensors in int16")
        own, values = [node for node in nodes if node not in set(stay)], {v for group in wide for v in group}
        search.biases = {}
        form = search.form(own, values)
        if result.corrected:
            search.biases = corrections(search.data.first(_samples(graph, _TRIAL_MACS, _CORRECTED)), form)
            form = search.form(own, values)
        found = score(search.data, want, search.data.outputs(form))
        limit = search.wish.max_drop
        if limit is not None and found.drop(classes=search.wish.classes) > limit and own:
            return False
        result.form, result.score, result.stay_float = form, found, stay
        result.widened = [node for node in form.choice.nodes if form.computes_wide(node)]
        return True

    if groups and _fewest(len(order), lambda count: attempt((), order[:count])) is not None:
        return
    search.steps = search.done + len(nodes) + len(nodes).bit_length() + len(groups).bit_length()
    every = {value for group in groups for value in group}
    loss: dict[Node, float] = {}
    for node in nodes:
        search.step(f"the loss of {node.op.name}")
        loss[node] = judge.noise(wanted, few.scores(search.form([node], every)))
    worst = sorted(nodes, key=lambda node: -loss[node])
    count = _fewest(len(worst), lambda count: attempt(worst[:count], order))
    stay = worst[: len(worst) if count is None else count]
    _fewest(len(order), lambda count: attempt(stay, order[:count]))


def _lengthen(search: _Search, result: Result, want: Sequence[Array]) -> bool:
    """Gives weights of 8 bits to as few layers of 4 as the budget asks for; returns whether it is kept so.

    Those go first that alone make the most noise. Where all of them are too few, all have 8 bits.
    """
    narrow = search.narrow()
    few = search.data.first(_samples(search.graph, _LAYERS_MACS // len(narrow), _FEW))
    wanted, loss = few.scores(None), dict[Node, float]()
    search.steps = search.done + len(narrow) + len(narrow).bit_length()
    search.biases = {}
    for node in narrow:
        search.step(f"the loss of 4 bits in {node.op.name}")
        search.whole = [other for other in narrow if other is not node]
        loss[node] = judge.noise(wanted, few.scores(search.form()))
    order = sorted(narrow, key=lambda node: -loss[node])

    def attempt(count: int) -> bool:
        search.step(f"{count} layers with weights of 8 bits")
        search.whole, search.biases = order[:count], {}
        form = search.form()
        if result.corrected:
            search.biases = corrections(search.data.first(_samples(search.graph, _TRIAL_MACS, _CORRECTED)), form)
            form = search.form()
        found = score(search.data, want, search.data.outputs(form))
        limit = search.wish.max_drop
        if limit is not None and found.drop(classes=search.wish.classes) > limit:
            return False
        result.form, result.score, result.whole = form, found, search.whole
        return True

    if _fewest(len(order), attempt) is not None:
        search.whole = result.whole
        return True
    search.whole = result.whole = order
    return False


def _fewest(most: int, attempt: Callable[[int], bool]) -> int | None:
    """Returns the least count up to `most` that passes, where more do if one does; None where `most` does not.

    The last that passes is the least.
    """
    low, high = 0, most + 1
    while low < high:
        middle = (low + high) // 2
        if attempt(middle):
            high = middle
        else:
            low = middle + 1
    return high if high <= most else None
