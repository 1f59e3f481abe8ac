"""Our `dataclass` beside the standard library's: the same classes, made by both."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, field, fields, replace
from functools import cached_property
from typing import Any

import pytest

from ariel_build import records


def declared(dataclass: Callable[..., Any]) -> tuple[Any, Any, Any]:
    """Returns a frozen class, one that inherits from it, and one that can be changed."""

    @dataclass(frozen=True)
    class Base:
        a: int
        b: tuple[int, ...] = ()
        untold: int = field(default=3, repr=False, compare=False)

        @cached_property
        def twice(self) -> int:
            return 2 * self.a

    @dataclass(frozen=True)
    class Derived(Base):
        c: list[int] = field(default_factory=list, compare=False)

    @dataclass
    class Changing:
        a: int
        doubled: int = 0

        def __post_init__(self) -> None:
            self.doubled = 2 * self.a

    return Base, Derived, Changing


OURS, THEIRS = declared(records.dataclass), declared(dataclasses.dataclass)


@pytest.mark.parametrize(
    "values, named",
    [((1,), {}), ((1, (2,)), {}), ((1, (2,), 5), {}), ((), {"a": 1, "untold": 9}), ((4,), {"b": (1, 2)})],
)
def test_classes_are_as_the_standard_librarys(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    for ours, theirs in zip(OURS[:2], THEIRS[:2], strict=True):
        one, other = ours(*values, **named), theirs(*values, **named)
        assert repr(one) == repr(other)
        assert asdict(one) == asdict(other)
        assert [f.name for f in fields(one)] == [f.name for f in fields(other)]
        assert asdict(replace(one, a=8)) == asdict(replace(other, a=8))
        assert one.twice == other.twice
        assert one == ours(*values, **named)
        assert hash(one) == hash(copy.copy(one))
        assert one != replace(one, a=8)
        assert one == replace(one, untold=77), "it is not compared"
        for made in (one, other):
            with pytest.raises(FrozenInstanceError):
                made.a = 2
            with pytest.raises(FrozenInstanceError):
                del made.a
    assert OURS[0](1) != OURS[1](1), "a class is equal to none that inherits from it"
    assert OURS[1](1).c is not OURS[1](1).c


@pytest.mark.parametrize(
    "values, named", [((), {}), ((1, (), 3, [], 5), {}), ((1,), {"a": 1}), ((1,), {"what": 2}), ((), {"b": ()})]
)
def test_what_is_no_field_or_missing_is_refused(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    for _, derived, _ in (OURS, THEIRS):
        with pytest.raises(TypeError):
            derived(*values, **named)


def test_what_may_change_has_no_hash_and_goes_on_after_its_making() -> None:
    for _, _, changing in (OURS, THEIRS):
        one = changing(3)
        assert one.doubled == 6
        one.a = 5
        assert one.a == 5
        with pytest.raises(TypeError):
            hash(one)


@records.dataclass(frozen=True)
class Sent:
    """What another process gets."""

    a: int
    b: tuple[str, ...] = ("x",)


def test_it_reaches_other_processes() -> None:
    assert pickle.loads(pickle.dumps(Sent(1))) == Sent(1)  # noqa: S301 - our own
