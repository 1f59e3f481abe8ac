"""Bounds of flash and stack: weights + constants of the steps + the code of each kernel that is used, once."""

from __future__ import annotations

from ariel_build.schedule import Schedule

__all__ = ["flash_bound", "stack_bound"]

#: Bytes of code that one kernel takes at most, at opt-level 3, s or z, on any of the targets (tests/codegen measures).
KERNEL_CODE = 6_144
#: Bytes of constants and calls that one step takes at most.
STEP_BYTES = 320
#: The model's own functions, and what every kernel shares.
BASE_CODE = 4_096
#: Bytes of stack of the deepest kernel, and of the model's own frames.
STACK = 1_024


def flash_bound(schedule: Schedule, weight_bytes: int) -> int:
    """Returns bytes of flash that the model takes at most, weights included."""
    kernels = {step.call.kernel for step in schedule.steps}
    return weight_bytes + BASE_CODE + len(kernels) * KERNEL_CODE + len(schedule.steps) * STEP_BYTES


def stack_bound(schedule: Schedule) -> int:
    """Returns bytes of stack that an inference takes at most."""
    return STACK if schedule.steps else 64
