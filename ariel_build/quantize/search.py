"""Finds the quantised form: ranges, equalisation, bias correction, what stays float32, each as it is measured to help.

Everything is tried on the calibration samples, and kept where the noise in the model's outputs falls by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, Graph, Node, Quant, Value
from ariel_build.passes.editor import operator
from ariel_build.quantize import judge
from ariel_build.quantize.choice import Choice, choose, is_layer, suggested
from ariel_build.quantize.correct import corrections
from ariel_build.quantize.equalize import equalize, pairs
from ariel_build.quantize.form import Form, form_of
from ariel_build.quantize.judge import Data, Score, score
from ariel_build.quantize.ranges import METHODS, Method, Seen, merged, range_of

__all__ = ["Result", "Tell", "Wish", "find"]

F64 = npt.NDArray[np.float64]
#: Told what is being done, which step of how many.
Tell = Callable[[str, int, int], None]
#: Multiply-accumulates that one trial may take, about a second; and the samples that it takes at least and at most.
_TRIAL_MACS, _LEAST, _MOST = 1 << 31, 16, 256
#: A trial must take off this part of the noise to be worth another form.
_GAIN = 0.02


@dataclass(frozen=True)
class Wish:
    """What the user asks for: how ranges are found (None: the best way), and what may be lost at most.

    `classes`: of agreement with float32, where the right classes are not known; else noise is what counts.
    """

    ranges: Method | None = None
    max_drop: float | None = None
    classes: bool = False


@dataclass
class Result:
    """The form, how it compares with float32 on all samples, and what led to it."""

    form: Form
    score: Score
    ranges: Method
    equalized: int = 0
    corrected: bool = False
    stay_float: Sequence[Node] = ()
    noise: Mapping[Value, float] = field(default_factory=dict)
    tried: Sequence[tuple[str, float]] = ()


@dataclass
class _Search:
    data: Data
    wish: Wish
    tell: Tell
    steps: int = 0
    done: int = 0
    tried: list[tuple[str, float]] = field(default_factory=list)
    seen: dict[Value, Seen] = field(default_factory=dict)
    most: dict[Value, F64] = field(default_factory=dict)

    @property
    def graph(self) -> Graph:
        """The graph in float32."""
        return self.data.graph

    def step(self, what: str) -> None:
        """Tells what comes next."""
        self.tell(what, self.done, max(self.steps, self.done + 1))
        self.done += 1

    def calibrate(self) -> list[Array]:
        """Sees what every value is; returns the outputs of float32."""
        self.seen, self.most = {}, {}
        layers = {node.output for node in self.graph.nodes if is_layer(node)}

        def see(value: Value, array: Array) -> None:
            if array.dtype != np.float32:
                return
            self.seen.setdefault(value, Seen()).see(array)
            if value in layers:
                most = np.abs(array).reshape(-1, array.shape[-1]).max(axis=0).astype(np.float64)
                self.most[value] = np.maximum(self.most.get(value, most), most)

        return self.data.outputs(None, see)

    def quants(self, choice: Choice, method: Method) -> dict[Value, Quant]:
        """Returns the scales of all values that are quantised."""
        found: dict[Value, Quant] = {}
        for group in choice.groups:
            quant = range_of(merged([self.seen[value] for value in group]), method)
            found.update(dict.fromkeys(group, quant))
        return found


def find(data: Data, wish: Wish, tell: Tell) -> Result:
    """Returns the best form that was found; the graph's weights may be equalised for it, in place."""
    search = _Search(data, wish, tell)
    graph = data.graph
    trial = data.first(_samples(graph))
    methods: Sequence[Method] = METHODS if wish.ranges is None else (wish.ranges,)
    nodes = suggested(graph)
    search.steps = 4 + len(methods)
    search.step("calibrating")
    want = search.calibrate()
    wanted = trial.outputs(None)
    biases: dict[Node, F64] = {}

    def formed(method: Method, chosen: Sequence[Node] = nodes) -> Form:
        choice = choose(graph, chosen)
        return form_of(graph, choice, search.quants(choice, method), biases)

    def noise(form: Form) -> float:
        return score(trial, wanted, trial.outputs(form)).noise

    best, least = formed(methods[0]), np.inf
    ranges: Method = methods[0]
    for method in methods:
        search.step(f"ranges: {method}")
        form = formed(method)
        found = noise(form)
        search.tried.append((f"ranges by {method}", found))
        if found < least * (1 - _GAIN):
            best, least, ranges = form, found, method
    equalized = 0
    if pairs(graph):
        search.step("equalising layers")
        undo = equalize(graph, search.most)
        search.calibrate()
        form = formed(ranges)
        found = noise(form)
        search.tried.append(("equalised layers", found))
        if found < least * (1 - _GAIN):
            best, least, equalized = form, found, len(pairs(graph))
        else:
            undo()
            search.calibrate()
    search.step("correcting biases")
    biases = corrections(data.first(min(_samples(graph), 64)), best)
    form = formed(ranges)
    found = noise(form)
    search.tried.append(("corrected biases", found))
    corrected = found < least * (1 - _GAIN)
    if corrected:
        best, least = form, found
    else:
        biases = {}
    search.step("comparing with float32")
    result = Result(best, score(data, want, data.outputs(best)), ranges, equalized, corrected, tried=search.tried)
    if wish.max_drop is not None and result.score.drop(classes=wish.classes) > wish.max_drop:
        _spare(search, result, nodes, formed, want, trial)
    result.noise = judge.layers(trial, result.form)
    tell("done", search.done, search.done)
    return result


def _samples(graph: Graph) -> int:
    """Returns how many samples a trial runs."""
    macs = sum(operator(node).macs(node) for node in graph.nodes)
    return int(np.clip(_TRIAL_MACS // max(macs, 1), _LEAST, _MOST))


def _spare(
    search: _Search,
    result: Result,
    nodes: Sequence[Node],
    formed: Callable[[Method, Sequence[Node]], Form],
    want: Sequence[Array],
    trial: Data,
) -> None:
    """Leaves as few nodes in float32 as the budget asks for, those first that alone make the most noise."""
    few = trial.first(_LEAST * 2)
    few_wanted = few.outputs(None)
    alone: dict[Node, float] = {}
    search.steps = search.done + len(nodes) + len(nodes).bit_length()
    for node in nodes:
        search.step(f"the loss of {node.op.name}")
        alone[node] = score(few, few_wanted, few.outputs(formed(result.ranges, [node]))).noise
    order = sorted(nodes, key=lambda node: -alone[node])
    low, high = 0, len(order)
    best: tuple[Form, Score] | None = None
    while low < high:
        middle = (low + high) // 2
        search.step(f"{middle} layers in float32")
        form = formed(result.ranges, [node for node in nodes if node not in set(order[:middle])])
        found = score(search.data, want, search.data.outputs(form))
        limit = search.wish.max_drop
        if limit is not None and found.drop(classes=search.wish.classes) <= limit:
            high, best = middle, (form, found)
        else:
            low = middle + 1
    if best is None:
        form = formed(result.ranges, [])
        best = form, score(search.data, want, search.data.outputs(form))
    result.form, result.score = best
    result.stay_float = order[:high]
