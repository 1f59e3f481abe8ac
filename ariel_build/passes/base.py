"""What a pass is: a small rewrite with a reason for every refusal.

A pass looks at nodes that fit its pattern and either rewrites them or refuses; it never fails. `PassLog` keeps both,
for tests and for `inspect`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from ariel_build.ir import Graph, Node
from ariel_build.records import dataclass

__all__ = ["Pass", "PassLog"]


@dataclass
class PassLog:
    """What the passes did: (pass, origin, what), and what they refused: (pass, origin, reason)."""

    rewrites: list[tuple[str, str, str]] = field(default_factory=list)
    refusals: list[tuple[str, str, str]] = field(default_factory=list)
    current: str = ""

    def rewrote(self, node: Node, what: str) -> None:
        """Records a rewrite at `node`."""
        self.rewrites.append((self.current, node.origin, what))

    def refused(self, node: Node, reason: str) -> None:
        """Records why a node that fits the pattern stays as it is."""
        entry = (self.current, node.origin, reason)
        if entry not in self.refusals:
            self.refusals.append(entry)


#: Rewrites the graph in place; returns whether it changed anything.
Pass = Callable[[Graph, PassLog], bool]
