"""dataclass: as the standard library's, less what that compiles for each class whenever the compiler starts.

The compiler has 300 classes of data. The standard decorator writes up to six methods for each of them, as text, and
compiles that: half of what all imports take. Here they have functions that look at the fields.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls=None, /, *, frozen=False, eq=True, kw_only=False):  # noqa: ANN001, ANN201 - as typed above
        """Gives a class `__init__`, `__repr__` and, as asked, `__eq__` and `__hash__`, over its annotated fields.

        `dataclasses.field`, `fields`, `replace` and `asdict` work; `InitVar` and fields that are not in `__init__` do
        not. A class that inherits from such a one, and is one, has this decorator, too.
        """

        def decorated(cls: type) -> type:
            dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=kw_only)(cls)
            fields = dataclasses.fields(cls)
            made = {"__init__": _init(fields, then=hasattr(cls, "__post_init__")), "__repr__": _repr}
            if eq:
                made["__eq__"], value_hash = _comparison(tuple(field.name for field in fields if field.compare))
                made["__hash__"] = value_hash if frozen else None
            if frozen:
                made["__setattr__"] = made["__delattr__"] = _refuse
            for name, function in made.items():
                # What a class defines itself stays; one with `__eq__` alone has None for the hash.
                if cls.__dict__.get(name) is None:
                    setattr(cls, name, function)
            return cls

        return decorated if cls is None else decorated(cls)


def _init(fields: Sequence[dataclasses.Field[Any]], *, then: bool) -> Callable[..., None]:
    """Returns the function that takes the fields, and goes on with `__post_init__` if there is any."""
    names = frozenset(field.name for field in fields)
    positional = tuple(field.name for field in fields if not field.kw_only)
    defaults = {field.name: field.default for field in fields if field.default is not dataclasses.MISSING}
    whole = len(positional) == len(names) and not then
    factories = [(f.name, f.default_factory) for f in fields if f.default_factory is not dataclasses.MISSING]

    def init(self: Any, /, *values: object, **named: object) -> None:  # noqa: ANN401 - of any such class
        held = self.__dict__
        if whole and len(values) == len(positional) and not named:
            # As most are made.
            held.update(zip(positional, values, strict=True))
            return
        held.update(defaults)
        held.update(zip(positional, values, strict=False))
        held.update(named)
        for name, make in factories:
            if name not in held:
                held[name] = make()
        twice = not named.keys().isdisjoint(positional[: len(values)])
        if held.keys() != names or twice or len(values) > len(positional):
            given = f"{len(values)} values and ({', '.join(named)}) were given"
            raise TypeError(f"{type(self).__name__} has the fields ({', '.join(f.name for f in fields)}): {given}")
        if then:
            self.__post_init__()

    return init


@recursive_repr()
def _repr(self: Any) -> str:  # noqa: ANN401 - of any such class
    told = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(told)})"


def _comparison(names: Sequence[str]) -> tuple[Callable[[Any, object], bool], Callable[[Any], int]]:
    """Returns the functions that compare two of one class by these fields, and the hash that follows from them."""

    def key(self: Any) -> tuple[object, ...]:  # noqa: ANN401 - of any such class
        held = self.__dict__
        return tuple([held[name] for name in names])

    def equal(self: Any, other: object) -> bool:  # noqa: ANN401 - of any such class
        return key(self) == key(other) if type(other) is type(self) else NotImplemented

    return equal, lambda self: hash(key(self))


def _refuse(self: Any, name: str, *_value: object) -> None:  # noqa: ANN401 - of any such class
    raise dataclasses.FrozenInstanceError(f"{type(self).__name__}.{name} is frozen")
