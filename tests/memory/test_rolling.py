"""Values that roll: kernels of parts give what TFLite-Micro gives, plans are exact, and corrupted ones are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.codegen.program import Run, _repeated, program
from ariel_build.config.options import ModelOptions
from ariel_build.cores.check_units import check_units
from ariel_build.cores.sharing import Sharing
from ariel_build.cores.split import split
from ariel_build.cores.units import build_units
from ariel_build.driver import Compiled, compile_model
from ariel_build.errors import InternalError
from ariel_build.ir import Array, Value
from ariel_build.memory import SPEED, MemoryPlan, Region, Slide, check_plan, planner
from ariel_build.memory.rolling import rolling
from ariel_build.run.execute import execute
from ariel_build.schedule import Tile
from ariel_build.schedule.interleave import pulled
from tests.memory.chains import chain, everything_rolls
from tests.memory.rows import Rows
from tests.ops import parity, tflm
from tests.ops.sums import samples_for


def made(folder: Path, seed: int, count: int) -> tuple[Path, list[tflm.Operator]]:
    """Returns a file of random chains side by side, and the first operator of each, with the input alone."""
    rng = np.random.default_rng(seed)
    chains = [chain(rng, int(rng.integers(3, 8))) for _ in range(count)]
    path = folder / "chains.tflite"
    path.write_bytes(tflm.chained([operator for operators in chains for operator in operators]))
    return path, [replace(operators[0], inputs=operators[0].inputs[:1]) for operators in chains]


def rolled(path: Path, board: str, seed: int, monkeypatch: pytest.MonkeyPatch, cores: int = 1) -> Compiled:
    """Compiles a model in which everything rolls that can, however long cores wait for each other."""
    with monkeypatch.context() as patch:
        patch.setattr("ariel_build.compilation.job.SPEED", replace(SPEED, worth=0))
        patch.setattr(planner, "streaming", everything_rolls(np.random.default_rng(seed)))
        patch.setattr(Sharing, "_worth", lambda _, planned, *__: -len(planned[1].slides))
        return compile_model(path, ModelOptions(path, cores=cores), boards.load(board), "model")


def answers(compiled: Compiled, samples: parity.Samples, board: str, folder: Path, cores: int = 1) -> list[list[Array]]:
    """Returns the outputs of each sample, as the generated Rust computes them."""
    (folder / "ariel_models.rs").write_text(compiled.module_text)
    (folder / "model.weights").write_bytes(compiled.weights)
    given = [b"".join(x.tobytes() for x in sample) for sample in samples]
    outputs: list[list[Array]] = []
    on, streamed = boards.load(board), compiled.schedule.takes_rows
    for answer in execute(folder, "model", on, given, cores=cores, streamed=streamed, stats=False).outputs:
        ends = np.cumsum([0, *(v.type.bytes for v in compiled.graph.outputs)])
        values = zip(compiled.graph.outputs, ends, ends[1:], strict=False)
        outputs.append([np.frombuffer(answer[a:b], np.int8).reshape(v.shape) for v, a, b in values])
    return outputs


CORES = {
    "host": (1, 3),
    "qemu-cortex-m7": (1,),
    "qemu-cortex-m55": (1,),
    "qemu-cortex-m33x2": (2,),
    "qemu-riscv32": (1, 4),
}
BOARDS = [
    pytest.param(name, cores, marks=() if name == "host" else parity.board_marks(name))
    for name, counts in CORES.items()
    for cores in counts
]


@pytest.mark.parametrize("board, cores", BOARDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_chains_of_parts_equal_tflite_micro(
    board: str, cores: int, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, begins = made(tmp_path, seed, 8)
    samples = samples_for(np.random.default_rng(seed), begins)
    (want,) = tflm.run_sequences([(path.read_bytes(), samples)])
    assert want is not None
    compiled = rolled(path, board, seed, monkeypatch, cores)
    assert len(compiled.plan.slides) >= 9, "most values between the layers roll"
    parity.agree(answers(compiled, samples, board, tmp_path, cores), want, f"chains of seed {seed} on {board}")


def test_rows_between_layers_are_few_and_each_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = made(tmp_path, 3, 4)
    compiled = rolled(path, "qemu-cortex-m7", 3, monkeypatch)
    schedule, plan = compiled.schedule, compiled.plan
    whole = sum(v.type.bytes for v in plan.slides)
    assert sum(plan.region(v).bytes for v in plan.slides) < 0.95 * whole
    runs = program(schedule, plan)
    units = [0] * len(schedule.steps)
    times = [0] * len(runs.runnables)
    at = again = 0
    while at < len(runs.runs):
        run = runs.runs[at]
        if run.number >= 0:
            runnable = runs.runnables[run.number]
            units[runnable.step.index] += 0 if runnable.move else run.tile.end - run.tile.start
            times[run.number] += 1
            at += 1
        elif again < run.tile.end:
            at, again = at - run.tile.start, again + 1
        else:
            at, again = at + 1, 0
    assert units == [step.call.tiling.extent for step in schedule.steps]
    assert max(times) > 3, "most parts run many times"
    assert all(times)


def test_what_repeats_is_written_once_with_its_times() -> None:
    tile = Tile(0, 4)
    pattern = [run for k in range(5) for run in (Run(1, tile, 2 * k), Run(2, tile), Run(1, tile, 2 * k + 1))]
    found = _repeated([Run(0, tile), *pattern, Run(3, tile)])
    again = [Run(1, tile, 0, 2), Run(2, tile), Run(1, tile, 1, 2), Run(-1, Tile(3, 4))]
    assert found == [Run(0, tile), *again, Run(3, tile)]


def refused(compiled: Compiled, plan: MemoryPlan, message: str) -> None:
    """Asserts that the checker refuses the plan."""
    graph = compiled.graph
    with pytest.raises(InternalError, match=message):
        check_plan(compiled.schedule, plan, graph.inputs, graph.outputs, graph.states, compiled.aliases)


def test_corrupted_plans_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = made(tmp_path, 7, 3)
    compiled = rolled(path, "qemu-cortex-m7", 7, monkeypatch)
    plan, graph = compiled.plan, compiled.graph
    check_plan(compiled.schedule, plan, graph.inputs, graph.outputs, graph.states, compiled.aliases)

    def changed(value: Value, *slides: Slide) -> MemoryPlan:
        return replace(plan, slides={**plan.slides, value: slides})

    pairs = [(s.call.inputs[i], s.call.outputs[o]) for s in compiled.schedule.steps for i, o in s.call.in_place]
    both_roll = [(a, b) for a, b in pairs if a in plan.slides and b in plan.slides]
    shared = [(a, b) for a, b in both_roll if plan.region(a) == plan.region(b)]
    assert any(plan.slides[a] for a, _ in shared), "no call writes in place of rows that move"
    assert all(plan.slides[a] == plan.slides[b] for a, b in shared)
    alone = [v for v in plan.slides if all(v not in pair for pair in shared)]
    value = next(v for v in alone if len(plan.slides[v]) > 2 and all(s.kept for s in plan.slides[v]))
    region, slides = plan.region(value), list(plan.slides[value])
    first, second, *rest = slides
    # Of bytes that nobody wrote the checker may say as well that they are in others' place.
    contents = "memory invariant [23]"
    # One row is not moved, moved too far, not in time, or not all of it.
    refused(compiled, changed(value, *slides[1:]), contents)
    refused(compiled, changed(value, *slides[:-1]), contents)
    refused(compiled, changed(value, first, second._replace(by=second.by + 1), *rest), "memory invariant [13]")
    refused(compiled, changed(value, first, second._replace(kept=second.kept - 1), *rest), contents)
    refused(compiled, changed(value, first, second._replace(time=first.time), *rest), "another time")
    refused(compiled, changed(value, first, second._replace(time=second.time + 1), *rest), "another time")
    refused(compiled, changed(value, first._replace(kept=region.bytes), *slides[1:]), "outside their buffer")
    # The buffer is too small, or in the place of another that is there at that time.
    small = {**plan.regions, value: Region(region.offset, region.bytes - 1)}
    refused(compiled, replace(plan, regions=small), "memory invariant [13]")
    step = next(s for s in compiled.schedule.steps if value in s.call.inputs)
    other = plan.region(step.call.outputs[0])
    there = {**plan.regions, value: Region(other.offset, region.bytes)}
    refused(compiled, replace(plan, regions=there), "memory invariant 2")
    # Of rows that are written in place of others neither moves without the other, and both are in one buffer.
    first_made, last_made = next((a, b) for a, b in shared if plan.slides[a])
    refused(compiled, changed(last_made, *plan.slides[last_made][1:]), "move apart")
    refused(compiled, changed(first_made, *plan.slides[first_made][1:]), "move apart")
    lower = replace(plan, regions={**plan.regions, last_made: Region(0, plan.region(last_made).bytes)})
    assert plan.region(last_made).offset
    refused(compiled, lower, "memory invariant [23]")
    # What the program reads has to be there in whole.
    refused(compiled, replace(plan, slides={**plan.slides, graph.outputs[0]: ()}), "that others know of")
    refused(compiled, replace(plan, slides={v: s for v, s in plan.slides.items() if v is not value}), "not as large")
    # Rows that are made before those under the windows of the next are done with.
    late = compiled.schedule.steps[step.index]
    assert len(late.pieces) > 2
    swapped = replace(
        late,
        streamed=tuple(
            p._replace(tile=q.tile) for p, q in zip(late.pieces, [*late.pieces[1:], late.pieces[0]], strict=True)
        ),
    )
    steps = tuple(swapped if s is late else s for s in compiled.schedule.steps)
    with pytest.raises(InternalError, match=r"memory invariant [23]"):
        check_plan(
            replace(compiled.schedule, steps=steps), plan, graph.inputs, graph.outputs, graph.states, compiled.aliases
        )


def test_cores_share_pieces_and_moves_and_no_edge_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each move of rows is a unit; without any edge two units could race, and a move elsewhere or too late is found."""
    path, _ = made(tmp_path, 4, 1)
    compiled = rolled(path, "qemu-riscv32", 4, monkeypatch, 2)
    schedule, plan, units = compiled.schedule, compiled.plan, compiled.units
    assert units is not None
    check_units(units, schedule, plan)
    moves = [index for index, unit in enumerate(units.units) if unit.move]
    buffers = {plan.region(v): slides for v, slides in plan.slides.items()}
    assert len(moves) == sum(slide.kept > 0 for slides in buffers.values() for slide in slides) >= 2

    def wrong(index: int, **changes: object) -> None:
        changed = replace(units.units[index], **changes)  # type: ignore[arg-type]
        others = (*units.units[:index], changed, *units.units[index + 1 :])
        with pytest.raises(InternalError):
            check_units(replace(units, units=others), schedule, plan)

    for index, unit in enumerate(units.units):
        for need in unit.needs:
            wrong(index, needs=[n for n in unit.needs if n != need])
    for index in moves:
        move = units.units[index].move
        assert move is not None
        wrong(index, move=None)
        wrong(index, move=move._replace(target=Region(move.target.offset + 1, move.target.bytes)))
        wrong(index, tick=units.units[index].tick + 1)
    tile = next(i for i, u in enumerate(units.units) if u.tick > 3 and not u.move and u.step is not None)
    wrong(tile, tick=units.units[tile].tick - 1)
    still = build_units(schedule, replace(plan, slides=dict.fromkeys(plan.slides, ())), 2, split)
    with pytest.raises(InternalError, match="do not move"):
        check_units(still, schedule, plan)


#: Bytes of the arena at most on several cores of a RISC-V: 1.25 times those on one.
SHARED = {
    "dev/mlperf_vww_int8": {2: 37_120, 4: 37_120},
    "dev/tflm_person_detect_int8": {2: 34_560, 4: 34_560},
    "dev/mlperf_ic_int8": {2: 34_560, 4: 34_560},
}


@pytest.mark.models
@pytest.mark.parametrize("name, cores", [(name, cores) for name, most in SHARED.items() for cores in most])
def test_real_models_on_several_cores_need_little_more_than_on_one(models: Path, name: str, cores: int) -> None:
    path = models / name / "model.tflite"
    compiled = compile_model(path, ModelOptions(path, cores=cores), boards.load("qemu-riscv32"), "model")
    assert compiled.plan.arena_bytes <= SHARED[name][cores]
    assert compiled.plan.slides


#: Bytes of the arena at most on one core of a Cortex-M7: less than the largest tensor, where that is no input.
TARGETS = {
    "dev/mlperf_vww_int8": 29_000,
    "dev/tflm_person_detect_int8": 16_000,
    "dev/mlperf_ic_int8": 17_000,
    "oneliner/mcunet_vww_10fps": 34_000,
}


@pytest.mark.models
@pytest.mark.parametrize("name", TARGETS)
def test_real_models_need_less_than_their_largest_tensor(models: Path, name: str) -> None:
    path = models / name / "model.tflite"
    compiled = compile_model(path, ModelOptions(path), boards.load("qemu-cortex-m7"), "model")
    assert compiled.plan.arena_bytes <= TARGETS[name]
    assert compiled.plan.slides


def test_bytes_are_needed_while_their_rows_are_still_to_be_read() -> None:
    net = Rows()
    a = net.window(net.input(24), 3, 1, 1, width=16)
    net.window(a, 3, 2, 1, width=16)
    order = pulled(net.calls, range(2), 1, {})
    buffer = rolling(net.calls, order, {a})[a]
    written = {
        row: tick
        for tick, (call, tile) in enumerate(order)
        if call == 0
        for row in range(tile.start // 16, tile.end // 16)
    }
    read = dict(written)
    for tick, (call, tile) in enumerate(order):
        if call == 1:
            y = tile.start // 16
            read |= dict.fromkeys(range(max(2 * y - 1, 0), min(2 * y + 2, 24)), tick)
    for tick in range(len(order)):
        wanted = sum(16 for row in written if written[row] <= tick <= read[row])
        assert sum(p.end - p.start for p in buffer.lent if any(t.start <= tick < t.end for t in p.times)) == wanted
    assert any(len(part.times) > 4 for part in buffer.lent)
    assert sum(len(part.times) for part in buffer.parts) == 0


def test_buffers_come_in_the_order_of_writing() -> None:
    """A set's order is that of addresses: with it, what the compiler makes would not repeat."""
    net = Rows()
    made = [net.input(24)]
    for _ in range(12):
        made.append(net.window(made[-1], 3, 1, 1, width=16))
    values = made[1:-1]
    assert list(rolling(net.calls, pulled(net.calls, range(12), 1, {}), frozenset(values))) == values


@pytest.mark.models
def test_no_buffers_are_found_for_chains_that_cost_more_than_the_budget(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four cores hand over each piece: of a hundred chains of visual wake words few are worth a look at their rows."""
    found = list[object]()

    def counted(*given: Any) -> object:  # noqa: ANN401 - handed on as they are
        found.append(given)
        return rolling(*given)

    monkeypatch.setattr("ariel_build.memory.stretches.rolling", counted)
    path = models / "dev" / "mlperf_vww_int8" / "model.tflite"
    compile_model(path, ModelOptions(path, cores=4), boards.load("qemu-riscv32"), "model")
    assert 0 < len(found) < 40
