"""The arena: lifetimes, offsets, and an independent checker of the plan. See `check` for the memory invariants."""

from ariel_build.memory.buffers import ArenaPlan, Buffer, Part
from ariel_build.memory.check import check_plan
from ariel_build.memory.fast import fast, fast_need
from ariel_build.memory.plan import plan_arena
from ariel_build.memory.planner import plan_calls, plan_memory
from ariel_build.memory.regions import FAST, Block, Copy, Group, MemoryPlan, Move, Region, ScratchPlan, Slide
from ariel_build.memory.streaming import RAM, SPEED, WHOLE, Effort

__all__ = [
    "FAST",
    "RAM",
    "SPEED",
    "WHOLE",
    "ArenaPlan",
    "Block",
    "Buffer",
    "Copy",
    "Effort",
    "Group",
    "MemoryPlan",
    "Move",
    "Part",
    "Region",
    "ScratchPlan",
    "Slide",
    "check_plan",
    "fast",
    "fast_need",
    "plan_arena",
    "plan_calls",
    "plan_memory",
]
