"""What firmware is expected to take at opt-level 3: of each part that bounds are made of, what was measured of it.

`linked_sizes.json` has, for each target and for cores whose code differs, the bytes of a part of a model, how much the
linker leaves of the kernels' code, and of kernels how much more or less they take than that, and their stack: they are
fitted to firmware with recorded models by `python -m tools.predictions --fit sizes`. A kernel that none of those has is
told by its code alone.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from ariel_build.codegen.parts import PART_BYTES
from ariel_build.records import dataclass

__all__ = ["CODE", "FILE", "Linked", "expected"]

FILE = Path(__file__).with_name("linked_sizes.json")
#: The coefficient of the bytes that `code_sizes.json` has of all kernels together.
CODE = "code"


@dataclass(frozen=True)
class Linked:
    """What was fitted for a target: bytes of parts, and for each kernel bytes beyond its code, and stack with it.

    Of a kernel that was in no firmware the stack is at most its own, and `base_stack`.
    """

    parts: Mapping[str, float] = field(default_factory=dict)
    kernels: Mapping[str, float] = field(default_factory=dict)
    stacks: Mapping[str, int] = field(default_factory=dict)
    base_stack: float = 192.0

    def flash(self, kernels: Mapping[str, str], parts: Mapping[str, int], code: int) -> float:
        """Returns the bytes of all but the weights; `parts` that nothing was fitted for take what they do at most."""
        told = math.fsum(self.parts.get(name, PART_BYTES[name]) * count for name, count in parts.items())
        names = {*kernels, *kernels.values()}
        return told + self.parts.get(CODE, 1.0) * code + math.fsum(self.kernels.get(name, 0.0) for name in names)

    def stack(self, kernels: Mapping[str, str], depths: Mapping[str, int]) -> float:
        """Returns the bytes of an inference; `depths` are what the kernels take at most."""
        known = (
            self.stacks.get(linked, self.stacks.get(path, self.base_stack + depths[path]))
            for path, linked in kernels.items()
        )
        return max(known, default=self.base_stack)


def expected(
    target: str, kernels: Mapping[str, str], parts: Mapping[str, int], code: int, depths: Mapping[str, int]
) -> tuple[int, int]:
    """Returns bytes of flash besides the weights, and of stack, on a target that was measured, and maybe a core of it.

    `kernels` are those of `parts.linked_kernels`; `code` and `depths` what they take at most.
    """
    found = _linked()
    linked = found.get(target) or found.get(target.partition(" ")[0], Linked())
    return round(linked.flash(kernels, parts, code)), math.ceil(linked.stack(kernels, depths) / 4) * 4


@functools.cache
def _linked() -> Mapping[str, Linked]:
    found: Mapping[str, Any] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return {target: Linked(**values) for target, values in found.items()}
