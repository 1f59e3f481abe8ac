"""What a node of `ai.onnx.ml` says of its trees, in either form: lists of nodes, or of nodes and leaves apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ariel_build.ir import DType, Value
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.cast import cast
from ariel_build.ops.importer import Importer
from ariel_build.ops.ml import forest
from ariel_build.ops.ml.scores import as_rows
from ariel_build.ops.ml.trees import TreeScores, walk
from ariel_build.records import dataclass

__all__ = ["MODES", "Ensemble", "Weights", "features", "listed", "numbers", "tensor"]

#: As `TreeEnsemble` numbers them.
MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER")
_LEAF = "LEAF"


def numbers(importer: Importer, name: str, *, wide: bool) -> Numbers:
    """Returns a list of reals, or the tensor `<name>_as_tensor` that stands for it."""
    given = importer.attribute(name, ())
    as_tensor = importer.attribute(f"{name}_as_tensor")
    if as_tensor is None:
        return np.asarray(given, np.float64 if wide else np.float32)
    if len(np.asarray(given)):
        raise UnsupportedReason(f"it has both `{name}` and `{name}_as_tensor`")
    return tensor(importer, f"{name}_as_tensor", wide=wide)


def tensor(importer: Importer, name: str, *, wide: bool) -> Numbers:
    """Returns an attribute that is a tensor of the type of the features."""
    data: Numbers = np.asarray(importer.attribute(name, ()))
    wanted = np.float64 if wide else np.float32
    if data.size and data.dtype != wanted:
        raise UnsupportedReason(f"`{name}` is {data.dtype}, but the features are {np.dtype(wanted)}")
    return data.reshape(-1).astype(wanted)


def features(importer: Importer) -> Value:
    """Returns the features as rows of float32, or of float64 where they are: integers are compared as float32."""
    x = as_rows(importer, importer.input(0))
    return x if x.type.dtype is DType.F64 else cast(importer, x, DType.F32)


def listed(importer: Importer, name: str, count: int | None = None) -> tuple[int, ...]:
    """Returns a list of integers, of which there must be `count`."""
    given = importer.integers(name)
    if count is not None and len(given) != count:
        raise UnsupportedReason(f"`{name}` has {len(given)} numbers, not {count}")
    return given


@dataclass(frozen=True)
class Weights:
    """What leaves add: `values[leaf][target]`, and whether there is a weight at all."""

    values: Numbers
    there: npt.NDArray[np.bool_]

    def same(self) -> list[int]:
        """Returns for each leaf the first one that holds the same."""
        rows = np.concatenate([self.values.view(np.uint8).reshape(len(self.values), -1), self.there], axis=1)
        first: dict[bytes, int] = {}
        return [first.setdefault(row.tobytes(), leaf) for leaf, row in enumerate(rows)]

    def always(self, target: int, trees: Sequence[Sequence[int]]) -> bool:
        """Whether each row has a weight for a target: all the leaves of some tree do."""
        return any(self.there[list(leaves), target].all() for leaves in trees)


class Ensemble:
    """Trees under construction, then walked for the features of a node."""

    def __init__(self, x: Value, targets: int) -> None:
        """Takes the features and the number of scores."""
        self.x, self.targets = x, targets
        self.wide = x.type.dtype is DType.F64
        self.builder = forest.Builder(self.wide)
        self.roots: list[int] = []
        #: The leaves of each tree, as numbers of rows in `weights`.
        self.leaves: list[list[int]] = []
        self.weights = Weights(np.zeros((0, targets)), np.zeros((0, targets), np.bool_))
        self._same: list[int] = []
        self._walked: tuple[Value, list[int]] | None = None

    def leaf(self, number: int) -> int:
        """Returns a leaf, the same one for all that hold the same."""
        if len(self._same) != len(self.weights.values):
            self._same = self.weights.same()
        return self.builder.leaf(self._same[number])

    def branch(
        self,
        mode: str,
        feature: int,
        threshold: float,
        sides: tuple[int, int],
        *,
        missing: bool,
        members: Sequence[float] = (),
    ) -> int:
        """Returns a node that asks whether its feature fits, and leads to `sides` where it does, and does not.

        What is no number fits with `missing`, and where the mode is BRANCH_NEQ.
        """
        build, (true, false) = self.builder, sides
        if not 0 <= feature < self.x.shape[1]:
            raise UnsupportedReason(f"a node compares feature {feature}, of {self.x.shape[1]}")
        at_most, before = build.cut(threshold), build.before(threshold)
        if at_most is None and mode != "BRANCH_MEMBER":
            # Nothing fits, nor differs in what is asked.
            fits = true if mode == "BRANCH_NEQ" else false
            return build.at_most(feature, True, None, true, fits) if missing else fits
        match mode:
            case "BRANCH_LEQ":
                return build.at_most(feature, missing, at_most, true, false)
            case "BRANCH_LT":
                return build.at_most(feature, missing, before, true, false)
            case "BRANCH_GT":
                return build.at_most(feature, not missing, at_most, false, true)
            case "BRANCH_GTE":
                return build.at_most(feature, not missing, before, false, true)
            case "BRANCH_EQ":
                below = build.at_most(feature, False, before, false, true)
                return build.at_most(feature, missing, at_most, below, false)
            case "BRANCH_NEQ":
                below = build.at_most(feature, False, before, true, false)
                return build.at_most(feature, False, at_most, below, true)
            case "BRANCH_MEMBER":
                for member in sorted(set(members), reverse=True):
                    false = self.branch("BRANCH_EQ", feature, member, (true, false), missing=missing)
                return false
        raise UnsupportedReason(f"the node mode {mode!r} is not supported")

    def of_one(self) -> None:
        """Leaves the second one of two targets out, which no leaf has a weight for."""
        self.targets, weights = 1, self.weights
        self.weights = Weights(weights.values[:, :1], weights.there[:, :1])

    def tree(
        self, root: int, sides: Callable[[int], tuple[int, int] | None], made: Callable[[int, int, int], int]
    ) -> None:
        """Adds a tree from the file's nodes: `sides` of a node, None for a leaf; `made` makes a node of what both are.

        A leaf of number n is `made(n, 0, 0)`.
        """
        refs: dict[int, int] = {}
        open_: set[int] = set()
        waiting = [root]
        while waiting:
            node = waiting[-1]
            below = sides(node)
            if node in refs or below is None or all(side in refs for side in below):
                waiting.pop()
                open_.discard(node)
                if node not in refs:
                    refs[node] = made(node, 0, 0) if below is None else made(node, refs[below[0]], refs[below[1]])
                continue
            if node in open_:
                raise UnsupportedReason("a tree leads back to one of its nodes")
            open_.add(node)
            waiting += [side for side in below if side not in refs]
        self.roots.append(refs[root])
        self.leaves.append([~ref for ref in refs.values() if ref < 0])

    def scores(
        self,
        importer: Importer,
        kind: str = "Sum",
        divisor: int = 1,
        base: Numbers | None = None,
        columns: str = "Each",
    ) -> Value:
        """Returns the folded values of leaves, `[rows, targets]`, or two columns of one target."""
        return self._folded(importer, self.weights.values, kind, divisor, base, columns)

    def counts(self, importer: Importer) -> Value:
        """Returns how many of the leaves of a row have a weight for each target."""
        return self._folded(importer, self.weights.there.astype(np.float32))

    def _folded(
        self,
        importer: Importer,
        values: Numbers,
        kind: str = "Sum",
        divisor: int = 1,
        base: Numbers | None = None,
        columns: str = "Each",
    ) -> Value:
        starts, order = self._groups()
        if self._walked is None:
            packed = self.builder.pack([self.roots[tree] for tree in order])
            self._walked = walk(importer, self.x, packed), packed.leaves
        leaves, numbered = self._walked
        rows = values[numbered]
        if starts:
            # Leaves have one value, that of the target of their tree.
            own = self.weights.there[numbered].argmax(axis=1)
            rows = rows[np.arange(len(numbered)), own]
        dtype = np.float64 if values.dtype == np.float64 else np.float32
        table = importer.constant(rows.reshape(-1).astype(dtype), "values of leaves")
        bases = None if base is None else importer.constant(base.astype(dtype), "base values")
        op = TreeScores(kind, self.targets, starts, divisor, columns)
        return importer.emit(op, [leaves, table, bases])[0]

    def _groups(self) -> tuple[tuple[int, ...], list[int]]:
        """Returns where the trees of each target begin, and the order of trees; nothing where leaves have several."""
        used = [self.weights.there[leaves].any(axis=0) for leaves in self.leaves]
        if self.targets == 1 or any(columns.sum() > 1 for columns in used):
            return (), list(range(len(used)))
        owner = [int(columns.argmax()) for columns in used]
        order = sorted(range(len(used)), key=lambda tree: owner[tree])
        counts = np.bincount(owner, minlength=self.targets)
        return (0, *(int(v) for v in np.cumsum(counts))), order
