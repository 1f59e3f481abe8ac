"""Fitting(model, options).on(board): whether a model fits a board, what it takes and what limits it there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from ariel_build.boards import Board
from ariel_build.boards.fit import check_cores, check_fits, workers_of
from ariel_build.config.module_name import module_name
from ariel_build.config.options import ModelOptions
from ariel_build.cores.energy import energy
from ariel_build.driver import Compiled, compile_model, refuse_excesses
from ariel_build.errors import BoardError, BudgetError
from ariel_build.ir import DType
from ariel_build.records import dataclass
from ariel_build.report.lines import rounded
from ariel_build.schedule.cost import instructions, weight_bytes
from ariel_build.schedule.steps import Step

__all__ = ["Fit", "Fitting", "refuse_unfit"]


@dataclass(frozen=True)
class Fit:
    """What a model takes on a board; None for what neither the model nor the board's file tells.

    Bytes of RAM are what is static; those of stack and flash are predicted for opt-level 3, and at most (`_max`) at any
    level, which is what has to fit. `slowest` and `largest` are the steps with
    the most time and the most weights, `fullest` is that during which the arena holds the most, each with its share.
    `reason` says why the model does not fit, `help` what would make it fit.
    """

    board: str
    fits: bool
    cores: int
    ram_bytes: int | None = None
    ram_by_memory: Mapping[str, int] | None = None
    ram_has: int | None = None
    stack_bytes: int | None = None
    stack_bytes_max: int | None = None
    flash_bytes: int | None = None
    flash_bytes_max: int | None = None
    flash_has: int | None = None
    latency_ms: float | None = None
    energy_uj: float | None = None
    instructions: int | None = None
    macs: int | None = None
    weights_bytes: int | None = None
    slowest: str | None = None
    largest: str | None = None
    fullest: str | None = None
    reason: str | None = None
    help: str | None = None


@dataclass
class Fitting:
    """A model that is tried on boards. Those that differ in names, sizes and clocks alone share what is compiled."""

    model: Path
    options: ModelOptions
    _known: list[tuple[ModelOptions, Board, Compiled]] = field(default_factory=list)

    def on(self, board: Board, *, advise: bool = True) -> Fit:
        """Returns what the model takes on the board; one that cannot be compiled at all is refused, as by `inspect`.

        What would help is looked for if it is to `advise`, which compiles the model some more times.
        """
        model, options, workers = self.model, self.options, workers_of(board, self.options)
        if workers > len(board.cores):
            return Fit(board.name, fits=False, cores=workers, reason=f"it has {len(board.cores)}, not {workers} cores")
        result = self._compiled(options, board)
        reason = _misfit(model, options, board, result)
        return Fit(
            board.name,
            reason is None,
            workers,
            ram_bytes=result.ram_bytes,
            ram_by_memory=result.ram_by_memory,
            ram_has=board.total("ram"),
            stack_bytes=result.bounds.expected_stack,
            stack_bytes_max=result.bounds.stack,
            flash_bytes=result.bounds.expected_flash,
            flash_bytes_max=result.bounds.flash,
            flash_has=board.total("flash"),
            latency_ms=rounded(result.predicted.seconds, 1e-3),
            energy_uj=rounded(energy(result.predicted, board, result.schedule.cores), 1e-6),
            instructions=int(predicted) if math.isfinite(predicted := result.predicted.instructions) else None,
            macs=result.macs,
            weights_bytes=len(result.weights),
            slowest=_slowest(result, board),
            largest=_largest(result),
            fullest=_fullest(result),
            reason=reason,
            help=self._what_helps(board, result) if reason is not None and advise else None,
        )

    def _compiled(self, options: ModelOptions, board: Board) -> Compiled:
        check_cores(board, options.cores, "--cores")
        alike = _as_code_knows(board, options)
        found = next((result for *key, result in self._known if key == [options, alike]), None)
        if found is None:
            found = compile_model(self.model, options, board, module_name(self.model.stem or "model"), must_fit=False)
            self._known.append((options, alike, found))
            return found
        return found.on(board, workers_of(board, options))

    def _what_helps(self, board: Board, result: Compiled) -> str:
        """Returns the first change of the options with which the model fits, as tried, or what is left to do."""
        options = self.options
        cores = [("`cores = 1`", {"cores": 1})] if workers_of(board, options) > 1 else []
        goals: list[tuple[str, dict[str, Any]]] = [
            (f'`optimize = "{goal}"`', {"optimize": goal}) for goal in ("ram", "size") if goal != options.optimize
        ]
        both = [(f"{core} and {goal}", {**one, **other}) for core, one in cores for goal, other in goals]
        for words, change in [*cores, *goals, *both]:
            changed = replace(options, **change)
            tried = self._compiled(changed, board)
            if _misfit(self.model, changed, board, tried) is None:
                return f"it fits with {words}: {tried.ram_bytes:,} bytes of RAM, {tried.bounds.flash:,} of flash"
        constants = [v for node in result.graph.nodes for v in node.inputs if v is not None and v.is_constant]
        floats = sum(v.type.bytes for v in constants if v.type.dtype is DType.F32)
        if 2 * floats > sum(v.type.bytes for v in constants):
            return f"int8, a quarter of the bytes: `ariel-build quantize {self.model} --calibration X.npz -o OUT.onnx`"
        return f"a smaller model: {_fullest(result)} needs the most RAM, {_largest(result)} the most flash"


def _as_code_knows(board: Board, options: ModelOptions) -> Board:
    """Returns the board without what no code hangs on, so that boards of the same code are equal.

    Sizes and places of memories, and all of those that have neither weights nor fast data; names, currents, tools; and
    the clock, where all cores have the same and nobody asks for times.
    """
    timed = options.max_tile or options.deadline or board.max_tile or len({core.clock_hz for core in board.cores}) > 1
    cores = board.cores if timed else tuple(replace(core, clock_hz=None) for core in board.cores)
    places = (m for m in board.memories if m.hot or m.scratch or m == board.with_weights)
    memories = tuple(m if m.hot or m.scratch else replace(m, name="", origin=0, length=0) for m in places)
    return Board("", board.target, cores, memories, max_tile=board.max_tile, image=board.image)


def refuse_unfit(result: Compiled, model: Path, options: ModelOptions, board: Board) -> None:
    """Raises BoardError where the model does not fit the board, code and stack at most; BudgetError as `inspect`."""
    bounds = result.bounds
    check_fits(board, ram_bytes=result.main_bytes, flash_bytes=bounds.flash, stack_bytes=bounds.stack)
    refuse_excesses(result, model, options, board)


def _misfit(model: Path, options: ModelOptions, board: Board, result: Compiled) -> str | None:
    """Returns why the model does not fit the board, with code and stack at most, or a budget; None where it does."""
    try:
        refuse_unfit(result, model, options, board)
    except (BoardError, BudgetError) as error:
        return "; ".join(d.message.removeprefix(f"the model does not fit {board.name}: ") for d in error.diagnostics)
    return None


def _slowest(result: Compiled, board: Board) -> str | None:
    """Returns the step that takes the board's first core the most time, with its share of all steps."""
    return _most(result.schedule.steps, lambda step: instructions(step.call, board.cores[0]))


def _largest(result: Compiled) -> str | None:
    """Returns the step with the most bytes of constants, with its share."""
    return _most(result.schedule.steps, lambda step: weight_bytes(step.call))


def _fullest(result: Compiled) -> str | None:
    """Returns the step during which the arena holds the most bytes, with its share of the arena."""
    most = max(result.schedule.steps, key=lambda step: result.plan.live_bytes(step.time.start), default=None)
    if most is None:
        return None
    return f"{most.name} ({result.plan.live_bytes(most.time.start) / max(result.plan.arena_bytes, 1):.0%})"


def _most(steps: Sequence[Step], of: Callable[[Step], float]) -> str | None:
    """Returns the name of the step with the most, and its share of all; None where no step has any."""
    total = sum(map(of, steps))
    if not total:
        return None
    most = max(steps, key=of)
    return f"{most.name} ({of(most) / total:.0%})"
