"""The rewrites, in the order in which the driver runs them; each is one file."""

from __future__ import annotations

from ariel_build.errors import InternalError
from ariel_build.ir import Graph, verify
from ariel_build.passes.base import Pass, PassLog
from ariel_build.passes.cancel_quantize import cancel_quantize
from ariel_build.passes.eliminate_common_subexpressions import eliminate_common_subexpressions
from ariel_build.passes.eliminate_transposes import eliminate_transposes
from ariel_build.passes.fold_batch_norm import fold_batch_norm
from ariel_build.passes.fold_constants import fold_constants
from ariel_build.passes.fold_scale import fold_scale
from ariel_build.passes.fuse_activation import fuse_activation
from ariel_build.passes.fuse_padding import fuse_padding
from ariel_build.passes.fuse_qdq import fuse_qdq
from ariel_build.passes.fuse_row_norm import fuse_row_norm
from ariel_build.passes.fuse_table import fuse_table
from ariel_build.passes.fuse_transpose import fuse_transpose
from ariel_build.passes.fuse_wide_qdq import fuse_wide_qdq
from ariel_build.passes.merge_movement import merge_movement
from ariel_build.passes.move_quantize import move_quantize
from ariel_build.passes.normalize_unsigned import normalize_unsigned
from ariel_build.passes.permute_weights import permute_weights
from ariel_build.passes.remove_dead_code import remove_dead_code
from ariel_build.passes.remove_identities import remove_identities
from ariel_build.passes.simplify_branches import simplify_branches
from ariel_build.passes.simplify_loops import simplify_loops

__all__ = ["PASSES", "Pass", "PassLog", "optimize"]

PASSES: tuple[Pass, ...] = (
    remove_dead_code,
    fold_constants,
    simplify_branches,
    simplify_loops,
    remove_identities,
    eliminate_common_subexpressions,
    normalize_unsigned,
    cancel_quantize,
    merge_movement,
    permute_weights,
    eliminate_transposes,
    fuse_padding,
    fold_batch_norm,
    fuse_activation,
    move_quantize,
    fuse_qdq,
    fuse_wide_qdq,
    fuse_row_norm,
    fold_scale,
    fuse_transpose,
    fuse_table,
)

#: Rounds after which the passes must have come to rest.
MOST_ROUNDS = 50


def optimize(graph: Graph, passes: tuple[Pass, ...] = PASSES) -> PassLog:
    """Runs the passes over `graph` and the bodies of its nodes, in place, until none changes anything.

    The graph is verified after each change.
    """
    log = PassLog()
    outside = interface(graph)
    for _ in range(MOST_ROUNDS):
        changed = False
        for rewrite in passes:
            log.current = rewrite.__name__
            rewritten = False
            for region in graph.regions():
                rewritten = rewrite(region, log) or rewritten
            if rewritten:
                verify(graph, after=rewrite.__name__)
                if interface(graph) != outside:
                    raise InternalError("a pass changes what users see", {"pass": rewrite.__name__})
                changed = True
        if not changed:
            return log
    raise InternalError("the passes do not come to rest", {"last": log.rewrites[-3:]})


def interface(graph: Graph) -> list[tuple[str, object]]:
    """Returns names and types of what the outside sees of a graph."""
    seen = [*graph.inputs, *graph.outputs, *(v for s in graph.states for v in (s.current, s.next))]
    return [(v.name, v.type) for v in seen]
