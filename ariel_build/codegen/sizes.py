"""Bounded dimensions -> `sizes` of the runtime crate's `model!`, which makes `Sizes` of them; methods of tensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ariel_build.codegen.text import doc, identifier, integer, plain
from ariel_build.codegen.units import table
from ariel_build.config.module_name import KEYWORDS
from ariel_build.ir import Bound, State, Value
from ariel_build.memory import MemoryPlan
from ariel_build.schedule.shorter import Shorter

__all__ = ["part_lines", "size_names", "sizes_lines"]


def size_names(sizes: Sequence[State]) -> dict[str, str]:
    """Returns a name in `Sizes` for each dimension: its own as an identifier, or `size_<i>`."""
    words = [identifier(state.dimension)[:40] for state in sizes]
    words = [f"{word}_" if word in KEYWORDS else word for word in words]
    counts = Counter(words)
    named = [word if word and counts[word] == 1 else f"size_{index}" for index, word in enumerate(words)]
    if len(set(named)) < len(named):
        named = [f"size_{index}" for index in range(len(named))]
    return {state.dimension: name for state, name in zip(sizes, named, strict=True)}


def sizes_lines(sizes: Sequence[State], plan: MemoryPlan, shorter: Sequence[Shorter]) -> list[str]:
    """Returns the lines of `model!`; none where no dimension is bounded."""
    if not sizes:
        return []
    lines = ["        sizes ["]
    for state, name in zip(sizes, size_names(sizes).values(), strict=True):
        lines += doc([f"How much there is of `{plain(state.dimension)}`: 1 to {state.most:,}."], indent=" " * 12)
        lines.append(f"            {name} {integer(state.most)} at {integer(plan.region(state.current).offset)};")
    steps = [
        f"{integer(part.step)} of {integer(part.size)} by {integer(part.each)}"
        + (f" less {integer(part.before)}" if part.before else "")
        for part in shorter
    ]
    return [*lines, "        ];", *table("shorter", steps)]


def part_lines(name: str, element: str, value: Value, bound: Bound, sizes: Mapping[str, str]) -> list[str]:
    """Returns methods of a tensor that give what there is of it."""
    each = integer(value.type.elements // bound.most)
    end = f"sizes.{sizes[bound.name]}.saturating_mul({each}).min(self.0.len())"
    return [
        f"    impl {name} {{",
        "        /// What there is of it, with these sizes: its beginning.",
        "        #[must_use]",
        f"        pub fn valid(&self, sizes: Sizes) -> &[{element}] {{",
        f"            self.0.split_at({end}).0",
        "        }",
        "",
        "        /// The same, to be filled.",
        f"        pub fn valid_mut(&mut self, sizes: Sizes) -> &mut [{element}] {{",
        f"            let end = {end};",
        "            self.0.split_at_mut(end).0",
        "        }",
        "    }",
        "",
    ]
