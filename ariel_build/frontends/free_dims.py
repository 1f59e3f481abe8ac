"""Free dimensions of graph inputs, and the numbers that the user binds to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from difflib import get_close_matches

from ariel_build.config.at_most import AtMost
from ariel_build.errors import MetadataError
from ariel_build.frontends.checks import shown
from ariel_build.ir import MAX_TENSOR_BYTES
from ariel_build.records import dataclass

__all__ = ["FreeDims"]


@dataclass
class FreeDims:
    """Binds names of free dimensions to numbers: the given one, else 1, with a note but for axis 0, the batch.

    A dimension is called by its symbol in the file, or `<input>.<axis>`; the latter wins where both are given.
    `places` collects the free dimensions by name, bound or not, as (key of the input, axis), `bounds` those of which
    only the most is given, by what `dims` calls them.
    """

    given: Mapping[str, int]
    places: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    bounds: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    changed: bool = False
    _used: set[str] = field(default_factory=set)
    _told: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Refuses numbers that are no extent."""
        unchecked: Mapping[str, object] = self.given  # it comes from TOML or a command line
        for name, extent in unchecked.items():
            if isinstance(extent, bool) or not isinstance(extent, int) or not 0 <= extent <= MAX_TENSOR_BYTES:
                raise _refused(name, extent)

    def bind(self, key: str, names: tuple[str, str], axis: int, symbol: str = "", *, empty: bool = False) -> int:
        """Returns the extent of a free dimension; `names` are the input's public name and `input_<i>`.

        One that the file writes as 0 may be `empty`, where that is what the user gives; unless he does, exporters mean
        that it is free.
        """
        name = symbol or f"{names[0]}.{axis}"
        self.places.setdefault(name, []).append((key, axis))
        for candidate in (f"{names[0]}.{axis}", f"{names[1]}.{axis}", symbol):
            if candidate and candidate in self.given:
                if not self.given[candidate] and not empty:
                    raise _refused(candidate, 0)
                self._used.add(candidate)
                self.changed |= self.given[candidate] != 1
                if isinstance(self.given[candidate], AtMost):
                    self.bounds.setdefault(candidate, []).append((key, axis))
                return int(self.given[candidate])
        if axis and name not in self._told:
            self._told.add(name)
            self.notes.append(
                f"dimension `{shown(name)}` is free (input `{shown(names[0])}`, axis {axis}): taken as 1; "
                f"bind it with dims = {{ {_toml_key(name)} = N }}"
            )
        return 1

    def fixed(self, names: tuple[str, str], axis: int, extent: int) -> None:
        """Accepts a binding that repeats what the file fixes, and refuses any other."""
        for candidate in (f"{names[0]}.{axis}", f"{names[1]}.{axis}"):
            if candidate not in self.given:
                continue
            self._used.add(candidate)
            if self.given[candidate] != extent or isinstance(self.given[candidate], AtMost):
                raise MetadataError(
                    f"dimension `{shown(candidate)}` is fixed to {extent} in the model, not {self.given[candidate]!r}",
                    help="remove it from dims, or export the model with a free dimension",
                )

    def finish(self) -> None:
        """Refuses bindings of dimensions that the model does not have."""
        for name in self.given:
            if name in self._used or name in self.places:
                continue
            known = [shown(n) for n in self.places]
            close = get_close_matches(name, known, 1)
            if close:
                advice = f"did you mean `{close[0]}`?"
            elif known:
                advice = "its free dimensions are " + ", ".join(f"`{n}`" for n in known)
            else:
                advice = "all its dimensions are fixed: remove it from dims"
            raise MetadataError(f"the model has no free dimension `{shown(name)}`", help=advice)


def _refused(name: str, extent: object) -> MetadataError:
    return MetadataError(f"dimension `{shown(name)}` cannot be {extent!r}", help="give a whole number of at least 1")


def _toml_key(name: str) -> str:
    """Returns the name as a TOML key, quoted where a bare key would not do."""
    if name and all(c.isascii() and (c.isalnum() or c in "_-") for c in name):
        return name
    return '"' + shown(name).replace("\\", "\\\\").replace('"', '\\"') + '"'
