"""TreeEnsembleClassifier, TreeEnsembleRegressor and TreeEnsemble: forests of decision trees.

Scores are sums of what leaves hold, in float32, tree after tree; what a classifier makes of them is onnxruntime's, with
all that it does where there are two classes.
"""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.cast import cast
from ariel_build.ops.concat import concat
from ariel_build.ops.formula import map1, map2
from ariel_build.ops.importer import Importer
from ariel_build.ops.ml.ensemble import MODES, Ensemble, Weights, features, listed, numbers, tensor
from ariel_build.ops.ml.scores import Classes, above, best, picked, transform, two_columns, wanted
from ariel_build.ops.reshape import reshape
from ariel_build.ops.select import select
from ariel_build.ops.slice import emit_slice

__all__: list[str] = []

_HARMLESS = {
    "nodes_hitrates": "it tells how often training data passed a node",
    "nodes_hitrates_as_tensor": "it tells how often training data passed a node",
}
#: As `TreeEnsemble` numbers them.
_FOLDS = ("AVERAGE", "SUM", "MIN", "MAX")
_TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
_PAIR = 2


def _listed(importer: Importer, x: Value, targets: int, kind: str) -> Ensemble:
    """Reads the older form: a list of nodes of all trees, some of them leaves, and a list of weights of leaves."""
    ensemble = Ensemble(x, targets)
    trees = listed(importer, "nodes_treeids")
    count = len(trees)
    names = ("nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids")
    ids, columns, trues, falses = (listed(importer, name, count) for name in names)
    modes = importer.attribute("nodes_modes", ())
    if not isinstance(modes, tuple) or len(modes) != count:
        raise UnsupportedReason(f"`nodes_modes` does not have {count} modes")
    cuts = numbers(importer, "nodes_values", wide=ensemble.wide)
    missing = listed(importer, "nodes_missing_value_tracks_true") or (0,) * count
    if len(cuts) != count or len(missing) != count or not count:
        raise UnsupportedReason(f"`nodes_values` or `nodes_missing_value_tracks_true` do not fit {count} nodes")
    places = {(tree, node): place for place, (tree, node) in enumerate(zip(trees, ids, strict=True))}
    if len(places) != count:
        raise UnsupportedReason("a tree has two nodes of one number")
    numbered = {place: leaf for leaf, place in enumerate(k for k in range(count) if modes[k] == "LEAF")}
    ensemble.weights = _weights(importer, ensemble, kind, places, numbered)

    def sides(place: int) -> tuple[int, int] | None:
        if place in numbered:
            return None
        below = [places.get((trees[place], side[place])) for side in (trues, falses)]
        if below[0] is None or below[1] is None:
            raise UnsupportedReason(f"node {ids[place]} of tree {trees[place]} leads to a node that is none")
        return below[0], below[1]

    def made(place: int, true: int, false: int) -> int:
        if place in numbered:
            return ensemble.leaf(numbered[place])
        return ensemble.branch(
            str(modes[place]), columns[place], float(cuts[place]), (true, false), missing=missing[place] == 1
        )

    # A tree begins with the first of its nodes that stand together.
    for place in range(count):
        if place == 0 or trees[place] != trees[place - 1]:
            ensemble.tree(place, sides, made)
    return ensemble


def _weights(
    importer: Importer, ensemble: Ensemble, kind: str, places: dict[tuple[int, int], int], numbered: dict[int, int]
) -> Weights:
    """Reads the weights of leaves; `kind` is what the attributes are called after."""
    owners = listed(importer, f"{kind}_treeids")
    nodes, targets = (listed(importer, f"{kind}_{name}", len(owners)) for name in ("nodeids", "ids"))
    given = numbers(importer, f"{kind}_weights", wide=ensemble.wide)
    if len(given) != len(owners):
        raise UnsupportedReason(f"`{kind}_weights` has {len(given)} numbers, not {len(owners)}")
    values = np.zeros((len(numbered), ensemble.targets), given.dtype)
    there = np.zeros(values.shape, np.bool_)
    for tree, node, target, weight in zip(owners, nodes, targets, given, strict=True):
        place = places.get((tree, node))
        if place is None or not 0 <= target < ensemble.targets:
            raise UnsupportedReason(
                f"a weight is for node {node} of tree {tree} and target {target}, which are not there"
            )
        # Old exporters give weights to nodes that are no leaves.
        if place in numbered:
            if there[numbered[place], target]:
                raise UnsupportedReason(f"leaf {node} of tree {tree} has two weights for target {target}")
            values[numbered[place], target], there[numbered[place], target] = weight, True
    return Weights(values, there)


def _separate(importer: Importer, x: Value, targets: int) -> Ensemble:
    """Reads the newer form: nodes and leaves apart, the roots named, sets of values that a feature may be one of."""
    ensemble = Ensemble(x, targets)
    owners = listed(importer, "leaf_targetids")
    given = tensor(importer, "leaf_weights", wide=ensemble.wide)
    if len(given) != len(owners) or any(not 0 <= target < targets for target in owners):
        raise UnsupportedReason("`leaf_weights` and `leaf_targetids` do not fit each other, or `n_targets`")
    values = np.zeros((len(owners), targets), given.dtype)
    values[np.arange(len(owners)), list(owners)] = given
    there = np.zeros(values.shape, np.bool_)
    there[np.arange(len(owners)), list(owners)] = True
    ensemble.weights = Weights(values, there)
    columns = listed(importer, "nodes_featureids")
    count = len(columns)
    names = ("nodes_truenodeids", "nodes_trueleafs", "nodes_falsenodeids", "nodes_falseleafs")
    true_ids, true_ends, false_ids, false_ends = (listed(importer, name, count) for name in names)
    modes: Numbers = np.asarray(importer.attribute("nodes_modes", ())).reshape(-1)
    cuts = tensor(importer, "nodes_splits", wide=ensemble.wide)
    missing = listed(importer, "nodes_missing_value_tracks_true") or (0,) * count
    if len(modes) != count or len(cuts) != count or len(missing) != count:
        raise UnsupportedReason(f"`nodes_modes`, `nodes_splits` or missing values do not fit {count} nodes")
    if any(not 0 <= mode < len(MODES) for mode in modes):
        raise UnsupportedReason("`nodes_modes` has a mode that is none")
    sets = _sets(tensor(importer, "membership_values", wide=ensemble.wide), modes)

    def end(place: int, is_leaf: int) -> int:
        """Numbers nodes from 0 on, leaves behind them."""
        if not 0 <= place < (len(owners) if is_leaf else count):
            raise UnsupportedReason(f"a node leads to {'leaf' if is_leaf else 'node'} {place}, which is not there")
        return count + place if is_leaf else place

    def sides(place: int) -> tuple[int, int] | None:
        if place >= count:
            return None
        return end(true_ids[place], true_ends[place]), end(false_ids[place], false_ends[place])

    def made(place: int, true: int, false: int) -> int:
        if place >= count:
            return ensemble.leaf(place - count)
        return ensemble.branch(
            MODES[int(modes[place])],
            columns[place],
            float(cuts[place]),
            (true, false),
            missing=missing[place] == 1,
            members=sets.get(place, ()),
        )

    for root in listed(importer, "tree_roots"):
        # A tree of one leaf is a node both of whose sides are that leaf.
        ensemble.tree(end(root, 0), sides, made)
    if not ensemble.roots:
        raise UnsupportedReason("there are no trees")
    return ensemble


def _sets(values: Numbers, modes: Numbers) -> dict[int, tuple[float, ...]]:
    """Returns the values of each node that asks for membership, in the order of nodes; behind each set is a NaN."""
    found: dict[int, tuple[float, ...]] = {}
    members: list[float] = []
    waiting = [k for k, mode in enumerate(modes) if MODES[int(mode)] == "BRANCH_MEMBER"]
    for value in values:
        if not np.isnan(value):
            members.append(float(value))
        elif len(found) < len(waiting):
            found[waiting[len(found)]] = tuple(members)
            members = []
    if members and len(found) < len(waiting):
        found[waiting[len(found)]] = tuple(members)
    if len(found) != len(waiting):
        raise UnsupportedReason(f"`membership_values` has {len(found)} sets for {len(waiting)} nodes")
    return found


def _folded(importer: Importer, ensemble: Ensemble, fold: str, base: Numbers) -> Value:
    """Returns the scores of a regressor, the base added."""
    targets = ensemble.targets
    if fold not in _FOLDS:
        raise UnsupportedReason(f"`aggregate_function` is {fold!r}, none of {', '.join(_FOLDS)}")
    if len(base) not in (0, 1, targets):
        raise UnsupportedReason(f"{len(base)} base values for {targets} targets are not supported")
    # One value for several targets is not used.
    added = base if len(base) == targets else None
    weights = ensemble.weights
    if fold in ("SUM", "AVERAGE"):
        scores = ensemble.scores(importer, "Sum", len(ensemble.roots) if fold == "AVERAGE" else 1, added)
    else:
        neutral = np.inf if fold == "MIN" else -np.inf
        values = np.where(weights.there, weights.values, neutral).astype(weights.values.dtype)
        ensemble.weights = Weights(values, weights.there)
        scores = ensemble.scores(importer, fold.capitalize())
        if added is not None:
            scores = map2(importer, "Add", scores, importer.constant(added.astype(values.dtype)))
    if (added is None and fold in ("SUM", "AVERAGE")) or all(
        weights.always(k, ensemble.leaves) for k in range(targets)
    ):
        return scores
    # In onnxruntime a target that no leaf speaks of is 0, without its base value.
    nothing = importer.constant(np.zeros((1, 1), weights.values.dtype))
    return select(importer, above(importer, ensemble.counts(importer), 0.0), scores, nothing)


def _regression(importer: Importer, scores: Value, kind: str) -> Value:
    """Returns the scores of a regressor after the transform, of which one target knows PROBIT only."""
    return scores if scores.shape[1] == 1 and kind != "PROBIT" else transform(importer, scores, kind)


@imports("onnx", "ai.onnx.ml:TreeEnsembleRegressor", harmless=_HARMLESS)
def _regressor(importer: Importer) -> None:
    targets = importer.integer("n_targets")
    if targets < 1:
        raise UnsupportedReason(f"`n_targets` is {targets}")
    ensemble = _listed(importer, features(importer), targets, "target")
    base = numbers(importer, "base_values", wide=ensemble.wide)
    scores = _folded(importer, ensemble, importer.text("aggregate_function", "SUM"), base)
    importer.bind(cast(importer, _regression(importer, scores, wanted(importer)), DType.F32))


@imports("onnx", "ai.onnx.ml:TreeEnsemble", harmless=_HARMLESS)
def _ensemble(importer: Importer) -> None:
    targets = importer.integer("n_targets")
    fold, kind = importer.integer("aggregate_function", 1), importer.integer("post_transform")
    if targets < 1 or not 0 <= fold < len(_FOLDS) or not 0 <= kind < len(_TRANSFORMS):
        raise UnsupportedReason("`n_targets`, `aggregate_function` or `post_transform` is none that there is")
    x = features(importer)
    ensemble = _separate(importer, x, targets)
    scores = _folded(importer, ensemble, _FOLDS[fold], np.zeros(0))
    importer.bind(cast(importer, _regression(importer, scores, _TRANSFORMS[kind]), x.type.dtype))


@imports("onnx", "ai.onnx.ml:TreeEnsembleClassifier", harmless=_HARMLESS)
def _classifier(importer: Importer) -> None:
    classes = Classes(importer, "classlabels_int64s")
    if not len(classes):
        raise UnsupportedReason("it has no class labels")
    ensemble = _listed(importer, features(importer), len(classes), "class")
    base = numbers(importer, "base_values", wide=ensemble.wide)
    kind = wanted(importer)
    if len(base) > len(classes):
        raise UnsupportedReason(f"{len(base)} base values for {len(classes)} classes are not supported")
    if len(classes) > _PAIR:
        label, scores = _many(importer, ensemble, classes, base, kind)
    elif len(classes) == _PAIR:
        label, scores = _two(importer, ensemble, classes, base, kind)
    else:
        scores = ensemble.scores(importer, base=base if len(base) else None)
        label = cast(importer, reshape(importer, above(importer, scores, 0.0), scores.shape[:1]), DType.I64)
        scores = transform(importer, scores, kind) if kind == "PROBIT" else scores
    importer.bind(label, cast(importer, scores, DType.F32))


def _many(importer: Importer, ensemble: Ensemble, classes: Classes, base: Numbers, kind: str) -> tuple[Value, Value]:
    """The greatest score among those that a leaf adds to, or that have a base value; all after the transform."""
    added = np.zeros(len(classes), base.dtype)
    added[: len(base)] = base
    scores = ensemble.scores(importer, base=added if len(base) else None)
    weights, chosen = ensemble.weights, scores
    # A class without a weight counts as 0, which is no more than the others where no weight is negative.
    if not (len(base) == 0 and (weights.values >= 0).all()) and not all(
        k < len(base) or weights.always(k, ensemble.leaves) for k in range(len(classes))
    ):
        has_base = np.where(np.arange(len(classes)) < len(base), 1, 0).astype(np.float32)
        there = above(importer, map2(importer, "Add", ensemble.counts(importer), importer.constant(has_base)), 0.0)
        least = importer.constant(np.full((1, 1), -np.inf, scores.type.dtype.numpy))
        chosen = select(importer, there, scores, least)
    label = classes.of(importer, best(importer, cast(importer, chosen, DType.F32)))
    return label, transform(importer, scores, kind)


def _two(importer: Importer, ensemble: Ensemble, classes: Classes, base: Numbers, kind: str) -> tuple[Value, Value]:
    """Two classes: the second one's score decides if leaves give one, else the first one's stands for it.

    Where leaves give one score, the other column follows from it. Where they give both, onnxruntime answers 1 and 0,
    whatever the classes are called, so do we.
    """
    weights = ensemble.weights
    used = [bool(column.any()) for column in weights.there.T]
    positive = bool((weights.values >= 0).all())
    if not used[1] and len(base) < _PAIR and kind not in ("LOGISTIC", "PROBIT"):
        ensemble.of_one()
        columns = "Rest" if positive else "Opposite"
        scores = ensemble.scores(importer, base=base if len(base) else None, columns=columns)
        decides = emit_slice(importer, scores, {1: (1, 1, 1)})
        return _label(importer, classes, above(importer, decides, 0.5 if positive else 0.0)), scores
    both = ensemble.scores(importer)
    sums = [emit_slice(importer, both, {1: (k, 1, 1)}) for k in range(_PAIR)]
    # Two classes, of which one alone is in the file.
    one = sum(used) == 1
    answers = []
    if used[1]:
        answers.append(_second(importer, sums, base, kind, has_first=used[0]))
    if not used[1] or not weights.always(1, ensemble.leaves):
        if used[1] and not one and len(base) == 1:
            raise UnsupportedReason("a base value for two classes, with leaves of one, is not supported")
        answers.append(_first(importer, sums[0], base, kind, positive=positive and one))
    found = [(above(importer, score, 0.5 if positive and one else 0.0), columns) for score, columns in answers]
    (sign, scores), *others = found
    if others:
        there = above(importer, emit_slice(importer, ensemble.counts(importer), {1: (1, 1, 1)}), 0.0)
        scores = select(importer, there, scores, others[0][1])
        sign = select(importer, there, sign, others[0][0])
    return _label(importer, classes if one or classes.names else None, sign), scores


def _label(importer: Importer, classes: Classes | None, sign: Value) -> Value:
    """Returns the second class where the sign is true, the first one where it is not; without classes 1 and 0."""
    index = cast(importer, reshape(importer, sign, sign.shape[:1]), DType.I32)
    return picked(importer, (0, 1), index) if classes is None else classes.of(importer, index)


def _first(importer: Importer, total: Value, base: Numbers, kind: str, *, positive: bool) -> tuple[Value, Value]:
    """Returns the deciding score, and the columns, where the second class has no score of its own."""
    if kind == "PROBIT" and len(base) < _PAIR:
        raise UnsupportedReason(
            "PROBIT of one score for two classes is not supported: onnxruntime writes one column only"
        )
    score = total if not len(base) else map2(importer, "Add", total, _number(importer, total, base[0]))
    if len(base) == _PAIR:
        nothing = map2(importer, "Mul", score, _number(importer, score, 0.0))
        return score, transform(importer, concat(importer, [score, nothing], 1), kind)
    if kind != "LOGISTIC" and positive:
        one = _number(importer, score, 1.0)
        return score, concat(importer, [map2(importer, "Sub", one, score), score], 1)
    return score, two_columns(importer, score, kind)


def _number(importer: Importer, like: Value, number: float) -> Value:
    """Returns a constant of the type of a score."""
    return importer.constant(np.array(number, like.type.dtype.numpy))


def _second(importer: Importer, sums: list[Value], base: Numbers, kind: str, *, has_first: bool) -> tuple[Value, Value]:
    """Returns the deciding score, and the columns, where the second class has a score."""
    first, second = sums
    if len(base) == 1 and has_first:
        first = map2(importer, "Add", first, _number(importer, first, base[0]))
    if len(base) == _PAIR:
        second = map2(importer, "Add", first, _number(importer, first, base[1]))
        first = map1(importer, "Neg", second) if has_first else first
    return second, transform(importer, concat(importer, [first, second], 1), kind)
