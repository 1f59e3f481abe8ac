"""models -> few of them that have every kernel, cut along every axis, that all have."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ariel_build.driver import Compiled
from ariel_build.kernels import Axis
from ariel_build.schedule import Step

__all__ = ["Form", "form", "sample"]

#: A kernel with what may decide which bytes its tiles touch: the axis, whether granules hold several units, scratch.
Form = tuple[str, Axis, bool, bool]
#: What a model costs beside its multiply-accumulates, in as many: it is built.
_BUILT = 500_000


def form(step: Step) -> Form:
    """Returns what steps have in common of which one is as good as another."""
    call = step.call
    return call.kernel.path, call.tiling.axis, call.tiling.granularity > 1, call.scratch_bytes > 0


def sample(models: Mapping[str, Compiled], among: Callable[[Step], bool] = lambda _: True) -> dict[str, Compiled]:
    """Returns models, the cheapest first, until each form of all their steps `among` those asked for is there."""
    forms = {name: {form(step) for step in model.schedule.steps if among(step)} for name, model in models.items()}
    left = set[Form]().union(*forms.values())
    chosen = {}
    while left:
        name = max(forms, key=lambda name: len(forms[name] & left) / (models[name].macs + _BUILT))
        chosen[name] = models[name]
        left -= forms[name]
    return chosen
