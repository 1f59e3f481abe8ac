"""parts_of(schedule) = what of a model goes to flash besides weights and kernels, and how much of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ariel_build.codegen.fields import near_bytes
from ariel_build.codegen.flow import operations
from ariel_build.codegen.program import Program
from ariel_build.kernels import Feed, Field, Kernel, Operand, Packed, Part, Scratch, Source, Variant
from ariel_build.kernels.declared.copy import Copy, Move
from ariel_build.kernels.declared.memory import Image
from ariel_build.kernels.declared.recurrent import Sequences
from ariel_build.kernels.declared.window import Window
from ariel_build.schedule import Schedule

__all__ = ["ONLY", "PART_BYTES", "linked_kernels", "parts_of"]

#: What is behind the name of the kernel of a model with one call.
ONLY = " only"

#: Bytes of what is not the code of kernels, at most.
PART_BYTES: Mapping[str, int] = {
    # The model's own functions, and the gaps that alignment leaves.
    "model": 640,
    # The call of a step, in a blocking run and in an async one, and what its kernel's fields take.
    "calls": 40,
    "constants": 1,
    # What a streamed model knows of each piece.
    "pieces": 12,
    # A move of rows with its call, and the code that moves them.
    "moves": 40 + 16,
    "moving": 128,
    # A copy of a kernel whose operand lies further on, and an operand.
    "strides": 24,
    # What takes rows of the input one by one: firmware with a streamed model less that with the same model in whole,
    # and less what else differs in the two. Of kws, vww, person_detect, ResNet-8 and micro_speech on Cortex-M7,
    # Cortex-M0 and RISC-V, at opt-level 3, s and z, none took more.
    "rows": 1_680,
    # What a model with control flow knows of each operation, and the code of a decision.
    "operations": 12 + 32,
    # A model with bounded dimensions: what sets and tells sizes, and, in both runs, what leaves out units of a step.
    "sizes": 320,
    "shorter": 2 * 56,
    # Scratch in fast memory is taken and given back: 72 of an autoencoder on a Cortex-M7 at opt-level 3.
    "fast": 128,
    # Several cores: the pool, and what it knows of each unit of work.
    "pool": 10_240,
    "units": 40,
}


def parts_of(
    schedule: Schedule, units: int = 0, shorter: int | None = None, runs: Program | None = None
) -> dict[str, int]:
    """Returns how many there are of each part of `PART_BYTES`; arguments as for `bounds_of`."""
    kernels = runs.kernels if runs else [step.call.kernel for step in schedule.steps]
    found = {
        "model": 1,
        "calls": len(kernels),
        "constants": sum(_bytes(kernel) + near_bytes(kernel) for kernel in kernels),
    }
    if runs:
        strided = [run for run in runs.runnables if run.strides]
        found |= {"pieces": len(runs.runs), "moves": runs.moves, "moving": int(runs.moves > 0)}
        found["strides"] = sum(1 + len(run.strides) for run in strided)
    found["rows"] = int(schedule.takes_rows)
    found["operations"] = operations(schedule.flow) if schedule.moments else 0
    found |= {"sizes": int(shorter is not None), "shorter": shorter or 0}
    found["fast"] = int(any(step.call.fast for step in schedule.steps))
    return {name: count for name, count in (found | {"pool": int(units > 0), "units": units}).items() if count}


def linked_kernels(schedule: Schedule, runs: Program | None = None) -> dict[str, str]:
    """Returns the kernels by their paths, with what the linker makes of each: it knows what all calls have in common.

    Where a kernel has one call, it is made for that (` alone`), more so where the model has no other call (` only`);
    where all copy elements of one size, for that size. A single copy of whole rows does not walk.
    And what no call asks for does not run: where windows are one pixel, or one line, or stay inside the image. What
    runs in pieces is called in another way. A sequence of one step has no loop.
    """
    pieces = " in pieces" if runs and runs.runs else ""
    kernels = runs.kernels if runs else [step.call.kernel for step in schedule.steps]
    by_path: dict[str, list[Kernel]] = {}
    for kernel in kernels:
        if not isinstance(kernel, Feed):
            by_path.setdefault(kernel.path, []).append(kernel)
    alone = ONLY if sum(map(len, by_path.values())) == 1 else " alone"
    found = {}
    for path, ones in by_path.items():
        found[path] = path + _copied(ones) + _stepped(ones) + _seen(ones) + pieces + (alone if len(ones) == 1 else "")
    return found


def _copied(kernels: Sequence[Kernel]) -> str:
    copies = [kernel for kernel in kernels if isinstance(kernel, Copy)]
    sizes = {copy.element for copy in copies}
    if len(sizes) != 1:
        return ""
    filled = " filled" if any("Element" in copy.fill.path for copy in copies) else ""
    whole = " whole" if len(copies) == 1 and all(_is_run(copies[0], move) for move in copies[0].moves) else ""
    return f" of {sizes.pop()}{filled}{whole}"


def _is_run(copy: Copy, move: Move) -> bool:
    """Whether a move is of whole rows that follow one another: it is one run of memory, and nothing walks."""
    *outer, count = move.counts
    dense = count == 1 or move.input_strides[-1] == move.output_strides[-1] == 1
    return dense and math.prod(outer) == 1 and count == copy.row == move.input_row


def _stepped(kernels: Sequence[Kernel]) -> str:
    sequences = [part for kernel in kernels if isinstance(part := getattr(kernel, "sequences", None), Sequences)]
    return " of one step" if sequences and all(part.steps == 1 for part in sequences) else ""


def _seen(kernels: Sequence[Kernel]) -> str:
    """Returns what the windows of all these kernels have in common."""
    windows = [window for kernel in kernels if isinstance(window := getattr(kernel, "window", None), Window)]
    if not windows:
        return ""
    if all(window.height == 1 for window in windows):
        return " by line" if any(window.width > 1 for window in windows) else " by pixel"
    return " inside" if all(map(_stays_inside, kernels)) else ""


def _stays_inside(kernel: Kernel) -> bool:
    """Whether no window of a kernel of images reaches beyond the image."""
    image, source, window = (getattr(kernel, name, None) for name in ("output", "input", "window"))
    if not (isinstance(image, Image) and isinstance(source, Image) and isinstance(window, Window)):
        return False
    down = (image.height - 1) * window.stride_h + (window.height - 1) * window.dilation_h
    across = (image.width - 1) * window.stride_w + (window.width - 1) * window.dilation_w
    return window.pad_top == window.pad_left == 0 and down < source.height and across < source.width


def _bytes(value: Field) -> int:
    """Returns at least the bytes that a kernel's field takes in its constants, on a 32-bit core."""
    match value:
        case Operand() | Scratch() | Packed():
            return 8
        case Source():
            return 12
        case Part() if value.FIELDS:
            return sum(_bytes(field) for _, field in value)
        case tuple():
            # Structs stand behind a pointer.
            behind = 8 if any(isinstance(item, Part) for item in value) else 0
            return behind + sum(map(_bytes, value))
        case Variant():
            return 12 if "(" in value.path else 4
        case _:
            return 4
