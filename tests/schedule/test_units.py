"""The units of real models are accepted by the checker, and every way to break them is rejected."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.cores.access import Blocks, overlap
from ariel_build.cores.check_units import check_units
from ariel_build.cores.split import split
from ariel_build.cores.units import Unit, Units, build_units
from ariel_build.driver import Compiled, compile_model
from ariel_build.errors import InternalError
from ariel_build.memory import MemoryPlan
from ariel_build.memory.regions import ScratchPlan
from ariel_build.schedule import Tile
from tests.zoo import FLOAT, node, onnx_file

MODELS = ("mlperf_kws_int8", "mlperf_ic_int8", "mlperf_ad_int8", "own_gru12_unrolled_int8")


def compiled(path: Path, cores: int = 1, board: str = "generic") -> Compiled:
    """Returns a compiled model, planned for so many cores."""
    return compile_model(path, replace(ModelOptions(path), cores=cores), boards.load(board), "model")


def units_of(model: Compiled, workers: int) -> Units:
    """Returns the units of a compiled model."""
    return build_units(model.schedule, model.plan, workers, split)


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
@pytest.mark.parametrize("name", MODELS)
def test_units_of_real_models_hold(models: Path, name: str, workers: int) -> None:
    """The checker accepts them; one unit begins and one ends."""
    # What one core has to itself may have rows that move up between its pieces, and needs no units.
    model = compiled(models / "dev" / name / "model.tflite", max(workers, 2))
    units = units_of(model, workers)
    check_units(units, model.schedule, model.plan)
    assert [k for k, u in enumerate(units.units) if not u.needs] == [0]
    assert [k for k, after in enumerate(units.successors()) if not after] == [len(units.units) - 1]
    assert all(u.needs == sorted(set(u.needs)) for u in units.units)


@pytest.mark.parametrize("workers", [2, 3])
def test_every_worker_has_as_many_tiles_of_a_piece(models: Path, workers: int) -> None:
    model = compiled(models / "dev" / "mlperf_ic_int8" / "model.tflite", workers)
    assert model.units is not None
    pieces = [(step, piece.tile) for step in model.schedule.steps for piece in step.pieces if len(step.pieces) > 1]
    assert pieces
    for step, piece in pieces:
        # Moves of rows are units by themselves.
        tiles = [u.tile for u in model.units.units if u.step == step.index and u.move is None]
        inside = [tile for tile in tiles if piece.start <= tile.start < piece.end]
        granules = -(-(piece.end - piece.start) // step.call.tiling.granularity)
        assert len(inside) % workers == 0 or len(inside) == granules


def test_tiles_differ_by_little(models: Path) -> None:
    """On four workers no tile of a step has more than one granule more than another."""
    model = compiled(models / "dev" / "mlperf_ic_int8" / "model.tflite")
    for step in model.schedule.steps:
        sizes = [t.end - t.start for t in split(step, 4)]
        assert max(sizes) - min(sizes) <= 2 * step.call.tiling.granularity


@pytest.fixture
def kws(models: Path) -> tuple[Compiled, Units]:
    """Keyword spotting and its units on four workers, whose tiles are pixels: each waits for some of those before."""
    model = compiled(models / "dev" / "mlperf_kws_int8" / "model.tflite", 4, "qemu-riscv32")
    return model, units_of(model, 4)


def broken(units: Units, index: int, **changes: object) -> Units:
    """Returns the units with one changed."""
    table = list(units.units)
    table[index] = replace(table[index], **changes)  # type: ignore[arg-type]
    return replace(units, units=tuple(table))


def test_every_lost_edge_is_found(kws: tuple[Compiled, Units]) -> None:
    """Without any one edge, two tiles could race: no edge is there for nothing, and none can go unnoticed.

    But between pieces of a step, of which the builder knows the rows that they read and the checker the pixels.
    """
    model, units = kws
    for index, unit in enumerate(units.units):
        for need in unit.needs:
            if unit.step is not None and unit.step == units.units[need].step:
                continue
            with pytest.raises(InternalError):
                check_units(
                    broken(units, index, needs=[n for n in unit.needs if n != need]), model.schedule, model.plan
                )


def test_tiles_that_do_not_cover_are_found(kws: tuple[Compiled, Units]) -> None:
    """A tile that is shorter, longer, missing or there twice is rejected."""
    model, units = kws
    index = next(k for k, u in enumerate(units.units) if u.step == 1)
    tile = units.units[index].tile
    for wrong in (Tile(tile.start, tile.end - 1), Tile(tile.start, tile.end + 1), Tile(tile.end, tile.end)):
        with pytest.raises(InternalError):
            check_units(broken(units, index, tile=wrong), model.schedule, model.plan)
    doubled = replace(units, units=(*units.units, Unit(units.units[-1].step, units.units[-1].tile, 0, [0])))
    with pytest.raises(InternalError):
        check_units(doubled, model.schedule, model.plan)


def test_a_tile_that_is_missing_is_found(kws: tuple[Compiled, Units]) -> None:
    """A gate in its place waits as it did, and computes nothing."""
    model, units = kws
    for index in [k for k, u in enumerate(units.units) if u.step is not None][::7]:
        with pytest.raises(InternalError, match=r"tiles overlap|not in the order of the pieces"):
            check_units(broken(units, index, step=None), model.schedule, model.plan)


def test_a_tile_that_has_moved_is_found(kws: tuple[Compiled, Units]) -> None:
    """Two tiles of a step that change places, edges and all: one of them no longer waits for its own inputs."""
    model, units = kws
    found = 0
    for step in model.schedule.steps[1:]:
        mine = [k for k, u in enumerate(units.units) if u.step == step.index]
        first, last = (units.units[k] for k in (mine[0], mine[-1]))
        if first.needs == last.needs:
            # Either waits for all of the step before, and may stand in any place.
            continue
        moved = broken(broken(units, mine[0], tile=last.tile), mine[-1], tile=first.tile)
        with pytest.raises(InternalError):
            check_units(moved, model.schedule, model.plan)
        found += 1
    assert found


def test_a_step_that_begins_too_early_is_found(kws: tuple[Compiled, Units]) -> None:
    """A tile that waits for the first unit only."""
    model, units = kws
    for index in [k for k, u in enumerate(units.units) if u.step is not None and u.step > 1][::5]:
        with pytest.raises(InternalError):
            check_units(broken(units, index, needs=[0]), model.schedule, model.plan)


def test_shared_scratch_is_found(models: Path) -> None:
    """Workers without scratch of their own, and scratch that lies in what another step computes."""
    model = compiled(models / "dev" / "mlperf_ic_int8" / "model.tflite", cores=4)
    units = units_of(model, 4)
    check_units(units, model.schedule, model.plan)
    said = set()
    for index, scratch in enumerate(model.plan.scratches):
        if scratch is None:
            continue
        last = model.plan.arena_bytes - 4 * scratch.stride
        wrong = [replace(scratch, stride=16), *(replace(scratch, offset=at) for at in range(0, last, 1024))]
        for other in wrong:
            try:
                check_units(units, model.schedule, with_scratch(model.plan, index, other))
            except InternalError as error:
                said.add(error.message)
    assert said == {
        "two workers share scratch",
        "scratch lies in what a step reads or writes",
        # Of a step whose tiles may run beside those of the step before.
        "two tiles could touch the same bytes at the same time",
    }


def with_scratch(plan: MemoryPlan, step: int, scratch: ScratchPlan) -> MemoryPlan:
    """Returns the plan with other scratch for a step."""
    return replace(plan, scratches=(*plan.scratches[:step], scratch, *plan.scratches[step + 1 :]))


def test_a_cycle_is_found(kws: tuple[Compiled, Units]) -> None:
    """A unit that waits for a later one would never start."""
    model, units = kws
    with pytest.raises(InternalError):
        check_units(broken(units, 1, needs=[len(units.units) - 1]), model.schedule, model.plan)


@pytest.mark.parametrize(
    "a,b,meet",
    [
        (Blocks(0, 10), Blocks(10, 10), False),
        (Blocks(0, 10), Blocks(9, 10), True),
        (Blocks(0, 4, 16, 8), Blocks(4, 4, 16, 8), False),
        (Blocks(0, 5, 16, 8), Blocks(4, 4, 16, 8), True),
        (Blocks(12, 4, 16, 8), Blocks(16, 4, 16, 8), False),
        (Blocks(12, 5, 16, 8), Blocks(16, 4, 16, 8), True),
        (Blocks(0, 4, 16, 8), Blocks(20, 4), True),  # a run against columns: claimed to meet, never missed
        (Blocks(0, 0), Blocks(0, 10), False),
    ],
)
def test_overlap(a: Blocks, b: Blocks, meet: bool) -> None:
    """Runs and columns meet where they share a byte."""
    assert overlap(a, b) is meet
    assert overlap(b, a) is meet


def test_branches_run_side_by_side(tmp_path: Path) -> None:
    """Steps of two branches that stay whole: no edge orders them, so that two cores may take one each."""
    path = tmp_path / "branches.onnx"
    nodes = [node(op, ["x"], [op], kernel_shape=[3, 3], pads=[1, 1, 1, 1]) for op in ("MaxPool", "AveragePool")]
    nodes += [node("Concat", ["MaxPool", "AveragePool"], ["y"], axis=1)]
    onnx_file(path, nodes, {"x": (FLOAT, [1, 4, 8, 8])}, {"y": (FLOAT, [1, 8, 8, 8])})
    model = compiled(path, cores=2)
    units = build_units(model.schedule, model.plan, 2, lambda step, _: [step.whole])
    check_units(units, model.schedule, model.plan)
    steps = [s.index for s in model.schedule.steps if s.call.kernel.path.startswith("pool2d")]
    first, second = (next(k for k, u in enumerate(units.units) if u.step == step) for step in steps)
    assert not reaches(units, first, second)
    assert not reaches(units, second, first)


def reaches(units: Units, start: int, end: int) -> bool:
    """Returns whether `end` waits for `start`, directly or through others."""
    return any(need == start or reaches(units, start, need) for need in units.units[end].needs)
