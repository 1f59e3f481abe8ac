"""What our own code costs: compiled, built and run as `ariel-build run` does, on the samples of the table."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ariel_build import boards, frontends
from ariel_build.answers.samples import bind_dims, load, split_outputs
from ariel_build.boards.board import Board
from ariel_build.config.options import Budget, ModelOptions
from ariel_build.driver import Compiled, compile_model
from ariel_build.errors import ArielError, InternalError
from ariel_build.ir import Array
from ariel_build.run import Facts, Stats, execute, firmware
from ariel_build.run.firmware import Subject
from tools.bench import mca
from tools.bench.models import M55, Model
from tools.bench.store import Cost, kept

__all__ = ["SAMPLES", "compiled_into", "measure"]

#: Inferences that are measured, behind one that warms up.
SAMPLES = 2


def compiled_into(model: Model, board: Board, folder: Path) -> tuple[Compiled, Sequence[bytes], tuple[int, ...]]:
    """Compiles the model into `folder`; returns it, the samples, and the axes in front of a sample's."""
    npz = folder / "in.npz"
    np.savez(npz, **model.recorded.given(SAMPLES))  # type: ignore[arg-type]
    path = model.recorded.path
    dims = bind_dims(npz, frontends.read(path))
    options = ModelOptions(path, dims=dims, cores=1, stream=model.streamed, budget=Budget(ram=model.ram))
    result = compile_model(path, options, board, "model")
    (folder / "model.rs").write_text(result.module_text, encoding="utf-8")
    (folder / "model.weights").write_bytes(result.weights)
    (folder / "ariel_models.rs").write_text('include!("model.rs");\n', encoding="utf-8")
    given = load(npz, result.graph.inputs)
    return result, given.raw(), given.lead


def measure(model: Model, board_name: str, folder: Path) -> Cost:
    """Returns what the model costs on a board."""
    board = boards.load(board_name)
    folder.mkdir(parents=True, exist_ok=True)
    before = time.thread_time()
    try:
        result, samples, lead = compiled_into(model, board, folder)
        seconds = round(time.thread_time() - before, 2)
        image = firmware.build(board, Subject(folder, "model", streamed=model.streamed))
    except ArielError as error:
        return Cost(refused=error.diagnostics[0].message)
    except InternalError as error:
        return Cost(refused=f"a defect: {str(error).splitlines()[0]}")

    # Samples follow one another here; where they were recorded apart, the first alone begins as it should.
    alike = SAMPLES if model.recorded.sequence or not result.graph.states else 1

    models_cycles = board_name == M55 and mca.version() is not None

    def run() -> Cost:
        facts = Facts(len(result.weights), result.plan.arena_bytes, result.macs)
        execution = execute(folder, "model", board, samples, streamed=model.streamed, facts=facts)
        outputs = split_outputs(result.graph.outputs, execution.outputs, lead)
        stats = execution.stats
        assert stats is not None
        cost = cost_of(stats, verdict(model, [output[:alike] for output in outputs.values()], alike), seconds)
        if not models_cycles:
            return cost
        blocks = mca.modelled(board, image, samples)
        return replace(cost, cycles=round(sum(block.times * block.cycles for block in blocks)), cycles_kind=mca.KIND)

    key: list[str | bytes] = ["ours", repr(board), image.read_bytes(), *samples]
    if alike != SAMPLES:
        key.append("the first sample")
    if models_cycles:
        key.append(f"llvm-mca {mca.version()}")
    cost = kept(key, run)
    return replace(cost, weights=len(result.weights))


def verdict(model: Model, outputs: list[Array], samples: int = SAMPLES) -> str:
    """Returns how the answers to so many samples differ from the recorded ones; nothing where they agree."""
    return "; ".join(model.recorded.wrong(outputs, samples))


def cost_of(stats: Stats, verdict: str, seconds: float | None) -> Cost:
    """Returns the figures of the table among those of stats.json."""

    def number(name: str) -> int | None:
        value = stats.get(name)
        return int(value) if isinstance(value, int | float) else None

    ram, stack, cycles = number("ram_bytes"), number("stack_bytes"), number("cycles")
    kind = stats.get("cycles_kind")
    return Cost(
        instructions=number("instructions_per_inference"),
        cycles=cycles,
        cycles_kind=str(kind) if cycles is not None and kind else None,
        flash=number("flash_bytes"),
        ram=None if ram is None or stack is None else ram + stack,
        arena=number("arena_bytes"),
        stack=stack,
        macs=number("macs"),
        compile_seconds=seconds,
        verdict=verdict,
    )
