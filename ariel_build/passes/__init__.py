"""The rewrites, in the order in which the driver runs them; each is one file."""

from __future__ import annotations

from ariel_build.errors import InternalError
from ariel_build.ir import Graph, verify
from ariel_build.passes.base import Pass, PassLog
from ariel_build.passes.remove_dead_code import remove_dead_code

__all__ = ["PASSES", "Pass", "PassLog", "optimize"]

PASSES: tuple[Pass, ...] = (remove_dead_code,)

#: Rounds after which the passes must have come to rest.
MOST_ROUNDS = 50


def optimize(graph: Graph, passes: tuple[Pass, ...] = PASSES) -> PassLog:
    """Runs the passes over `graph`, in place, until none changes anything; verifies it after each change."""
    log = PassLog()
    for _ in range(MOST_ROUNDS):
        changed = False
        for rewrite in passes:
            log.current = rewrite.__name__
            if rewrite(graph, log):
                verify(graph, after=rewrite.__name__)
                changed = True
        if not changed:
            return log
    raise InternalError("the passes do not come to rest", {"last": log.rewrites[-3:]})
