"""What firmware takes, fitted: models of several calls tell what parts take, single operators only of themselves."""

from __future__ import annotations

import random

from ariel_build.codegen.code_size import code_of
from ariel_build.codegen.parts import ONLY
from tools.predictions.sizes import Built, fitted

_TARGET = "thumbv7em-none-eabihf"
_KERNELS = ("softmax::Int8", "map2::AddF32", "map1::Sigmoid", "lookup::Table", "fold::MeanF32", "map2::Linear")


def _models() -> list[Built]:
    found, chance = [], random.Random(5)  # noqa: S311 - numbers of a test
    for number in range(20):
        paths = chance.sample(_KERNELS, chance.randint(2, 4))
        calls, constants = chance.randint(4, 40), chance.randint(300, 3000)
        flash = 560 + 28 * calls + 0.75 * constants + 0.9 * code_of(_TARGET, frozenset(paths))
        parts = {"model": 1, "calls": calls, "constants": constants}
        stack = 600.0 if "softmax::Int8" in paths else 400.0
        found.append(Built(f"model{number}", _TARGET, flash, 20_000, stack, {path: path for path in paths}, parts))
    return found


def _single(path: str, flash: float) -> Built:
    return Built(path, _TARGET, flash, 0, 80.0, {path: path + ONLY}, {"model": 1, "calls": 1, "constants": 60})


def test_single_operators_do_not_change_what_models_tell() -> None:
    models = _models()
    alone, both = (fitted(_TARGET, ones) for ones in (models, [*models, *(_single(path, 90.0) for path in _KERNELS)]))
    assert alone.parts == both.parts
    assert 25 < both.parts["calls"] < 31
    assert 0.7 < both.parts["constants"] < 0.85
    for one in models:
        told = both.flash(one.kernels, one.parts, code_of(_TARGET, frozenset(one.kernels)))
        assert abs(told - one.flash) < 0.02 * (one.flash + one.weights)
        assert one.stack <= both.stack(one.kernels, dict.fromkeys(one.kernels, 0)) <= 1.2 * one.stack


def test_a_single_operator_is_told_by_itself() -> None:
    single = _single("map1::Sigmoid", 300.0)
    linked = fitted(_TARGET, [*_models(), single])
    told = linked.flash(single.kernels, single.parts, code_of(_TARGET, frozenset(single.kernels)))
    assert abs(told - single.flash) < 0.05 * single.flash
    assert linked.stack(single.kernels, {"map1::Sigmoid": 0}) < 100


def test_the_deepest_kernel_is_the_one_that_tells_too_much_of_the_fewest() -> None:
    parts = {"model": 1, "calls": 2, "constants": 60}

    def of(stack: float, *paths: str) -> Built:
        return Built("", _TARGET, 1_000.0, 0, stack, {path: path for path in paths}, parts)

    shallow = [of(200.0, "lookup::Table", path) for path in ("map1::Sigmoid", "map2::Linear", "fold::MeanF32")]
    deep = [of(210.0, "softmax::Int8", "map2::AddF32"), of(600.0, "lookup::Table", "map2::AddF32")]
    linked = fitted(_TARGET, [*shallow, *deep])
    assert linked.stacks["map2::AddF32"] >= 600
    assert linked.stacks["lookup::Table"] <= 220
