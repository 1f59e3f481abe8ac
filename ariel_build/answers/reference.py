"""Runs a graph in numpy, operator by operator: the compiler's own reference, where no oracle is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ariel_build.ir import Array, Graph, Value
from ariel_build.ops.evaluate import evaluate

__all__ = ["Interpreter"]


class Interpreter:
    """Evaluates a graph; what states keep, it keeps from one call to the next."""

    def __init__(self, graph: Graph) -> None:
        """Takes the graph; states begin at their initial contents."""
        self.graph = graph
        self.state = {s.current: s.initial for s in graph.states}

    def run(self, inputs: Sequence[Array]) -> Mapping[Value, Array]:
        """Returns every value of one inference; raises InternalError where an operator is not ours."""
        values = evaluate(self.graph, dict(zip(self.graph.inputs, inputs, strict=True)) | self.state)
        for state in self.graph.states:
            self.state[state.current] = self._read(values, state.next)
        return values

    @staticmethod
    def _read(values: Mapping[Value, Array], value: Value) -> Array:
        return value.data if value.data is not None else values[value]

    def outputs(self, inputs: Sequence[Array]) -> list[Array]:
        """Returns the outputs of one inference."""
        values = self.run(inputs)
        return [values[v] for v in self.graph.outputs]
