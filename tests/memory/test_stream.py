"""Inputs that come row by row: the same answers, arenas without the input, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.config.options import Budget, ModelOptions
from ariel_build.driver import Compiled, compile_model
from ariel_build.errors import BudgetError, InternalError, MetadataError
from ariel_build.kernels import Feed
from ariel_build.memory import SPEED, MemoryPlan, check_plan, planner
from ariel_build.schedule import Interval, Step
from tests.memory.chains import _sum, chain, everything_rolls
from tests.memory.test_rolling import answers
from tests.ops import parity, tflm
from tests.ops.sums import samples_for


def made(folder: Path, seed: int) -> tuple[Path, tflm.Operator]:
    """Returns a file of one random chain, and its first operator, with the input alone."""
    operators = chain(np.random.default_rng(seed), 5)
    path = folder / f"chain{seed}.tflite"
    path.write_bytes(tflm.chained(operators))
    return path, replace(operators[0], inputs=operators[0].inputs[:1])


def streamed(path: Path, board: str, monkeypatch: pytest.MonkeyPatch, seed: int) -> Compiled:
    """Compiles a model whose input comes row by row, and in which everything rolls that can."""
    with monkeypatch.context() as patch:
        patch.setattr(planner, "streaming", everything_rolls(np.random.default_rng(seed)))
        return compile_model(path, ModelOptions(path, cores=1, stream=True), boards.load(board), "model")


def feed_of(compiled: Compiled) -> Step:
    """Returns the step that stands for who gives rows."""
    (step,) = (s for s in compiled.schedule.steps if isinstance(s.call.kernel, Feed))
    return step


@pytest.mark.parametrize("board", [pytest.param("host"), *parity.BOARDS])
def test_rows_give_what_tflite_micro_gives(board: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, begin = made(tmp_path, 10)
    samples = samples_for(np.random.default_rng(1), [begin])[:3]
    (want,) = tflm.run_sequences([(path.read_bytes(), samples)])
    assert want is not None
    compiled = streamed(path, board, monkeypatch, 1)
    value = compiled.graph.inputs[0]
    assert compiled.plan.region(value).bytes < value.type.bytes, "the input is never there in whole"
    parity.agree(answers(compiled, samples, board, tmp_path), want, f"rows of a chain on {board}")


def test_what_computes_on_rows_runs_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # In so small a model pieces cost a larger share.
    monkeypatch.setattr("ariel_build.compilation.job.SPEED", replace(SPEED, budget=0.5))
    rng, path = np.random.default_rng(1), tmp_path / "image.tflite"
    x = tflm.Tensor("int8", (1, 48, 48, 3), 0.05, 3)
    layers = [_sum(rng, x, 3, 2, count=8)]
    for window, stride, depthwise in ((3, 1, True), (1, 1, False), (3, 2, True), (1, 1, False)):
        layers.append(_sum(rng, layers[-1].outputs[0], window, stride, depthwise=depthwise, count=8))
    path.write_bytes(tflm.chained(layers))
    board = boards.load("qemu-cortex-m7")
    compiled = compile_model(path, ModelOptions(path, cores=1, stream=True), board, "model")
    whole = compile_model(path, ModelOptions(path, cores=1), board, "model")
    (value,) = compiled.graph.inputs
    last = feed_of(compiled).pieces[-1].time
    before = [piece for step, piece in compiled.schedule.pieces if piece.time < last and value in step.call.inputs]
    assert len(before) > 8, "rows are read before the last one is given"
    assert compiled.plan.region(value).bytes < value.type.bytes / 4
    assert compiled.plan.input_group.bytes == 0
    assert not compiled.notes
    assert compiled.plan.arena_bytes < 0.7 * whole.plan.arena_bytes


def test_rows_of_what_is_read_in_another_shape_roll_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ariel_build.compilation.job.SPEED", replace(SPEED, budget=0.5))
    rng, path = np.random.default_rng(2), tmp_path / "viewed.tflite"
    # As ONNX has an image of one channel: what makes int8 of the pixels stands before its axes change.
    pixels, x = tflm.Tensor("int8", (1, 1, 32, 32), 0.05, 3), tflm.Tensor("int8", (1, 1, 32, 32), 0.06, -3)
    image = tflm.Tensor("int8", (1, 32, 32, 1), 0.06, -3)
    shape = tflm.Tensor("int32", (4,), data=np.array(image.shape, np.int32))
    layers = [
        tflm.Operator("QUANTIZE", [pixels], [x], ("QuantizeOptions", {})),
        tflm.Operator("RESHAPE", [x, shape], [image], ("ReshapeOptions", {})),
        _sum(rng, image, 3, 2, count=8),
    ]
    for window, depthwise in ((3, True), (1, False), (3, True)):
        layers.append(_sum(rng, layers[-1].outputs[0], window, 1, depthwise=depthwise, count=8))
    path.write_bytes(tflm.chained(layers))
    compiled = compile_model(path, ModelOptions(path, cores=1, stream=True), boards.load("host"), "model")
    assert not compiled.notes
    for step in compiled.schedule.steps[:2]:
        (value,) = step.call.outputs
        assert compiled.plan.region(value).bytes < 32 * 32 / 4
    samples = samples_for(rng, [layers[0]])
    (want,) = tflm.run_sequences([(path.read_bytes(), samples)])
    assert want is not None
    parity.agree(answers(compiled, samples, "host", tmp_path), want, "rows behind a view")


def test_plans_that_read_rows_as_nobody_gives_them_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = made(tmp_path, 11)
    compiled = streamed(path, "qemu-cortex-m7", monkeypatch, 1)
    schedule, plan, graph = compiled.schedule, compiled.plan, compiled.graph
    step, (value,) = feed_of(compiled), graph.inputs

    def refused(message: str, changed: MemoryPlan, times: Sequence[Interval] = ()) -> None:
        steps = list(schedule.steps)
        if times:
            pieces = (piece._replace(time=time) for piece, time in zip(step.pieces, times, strict=True))
            steps[step.index] = replace(step, streamed=tuple(sorted(pieces, key=lambda p: p.time)))
        other = replace(schedule, steps=tuple(steps))
        with pytest.raises(InternalError, match=message):
            check_plan(other, changed, [], graph.outputs, graph.states, compiled.aliases)

    check_plan(schedule, plan, [], graph.outputs, graph.states, compiled.aliases)
    times = [piece.time for piece in step.pieces]
    assert len(times) > 4
    refused("as nobody gives them", plan, [times[0], times[2], times[1], *times[3:]])
    # Rows that do not move up, or move too far, and a buffer without room for one of them.
    first, *rest = plan.slides[value]
    refused("memory invariant [13]", replace(plan, slides={**plan.slides, value: tuple(rest)}))
    far = first._replace(by=first.by + 1)
    refused("memory invariant [13]", replace(plan, slides={**plan.slides, value: (far, *rest)}))
    region = plan.region(value)
    small = region._replace(bytes=region.bytes - 1)
    refused("memory invariant [13]", replace(plan, regions={**plan.regions, value: small}))


def test_deadlines_and_budgets_are_held(tmp_path: Path) -> None:
    path, _ = made(tmp_path, 12)
    board = boards.load("stm32f4")
    told = compile_model(path, ModelOptions(path, cores=1, stream=True, deadline=1e-6), board, "model").notes
    assert any("its deadline is" in note for note in told)
    given = {"deadline": "Cargo.toml:8", "budget.ram": "Cargo.toml:9"}
    late = ModelOptions(path, cores=1, stream=True, deadline=1e-6, strict_deadline=True, given=given)
    with pytest.raises(BudgetError, match="its deadline is"):
        compile_model(path, late, board, "model")
    small = ModelOptions(path, cores=1, stream=True, budget=Budget(ram=64), given=given)
    with pytest.raises(BudgetError) as found:
        compile_model(path, small, board, "model")
    assert "Cargo.toml:9" in found.value.render()


def test_what_cannot_come_in_rows_is_refused_with_reasons(tmp_path: Path) -> None:
    path, _ = made(tmp_path, 12)
    options = ModelOptions(path, cores=2, stream=True, arena="vision", given={"stream": "Cargo.toml:7"})
    with pytest.raises(MetadataError) as found:
        compile_model(path, options, boards.load("rp2350"), "model")
    said = found.value.render()
    assert "`stream` is for one core, and 2 share this model" in said
    assert "a model with `stream` has an arena of its own" in said
    assert "Cargo.toml:7" in said
    two = tmp_path / "two.tflite"
    both = [chain(np.random.default_rng(seed), 1)[0] for seed in (1, 2)]
    two.write_bytes(tflm.models(both))
    with pytest.raises(MetadataError, match="one input, this one has 2"):
        compile_model(two, ModelOptions(two, cores=1, stream=True), boards.load("host"), "model")
