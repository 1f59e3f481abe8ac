"""Bottlenecks that compute rows anew: exact, no dearer than asked for, refused where a layer finds other rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.answers.reference import Interpreter
from ariel_build.config.options import Budget, ModelOptions
from ariel_build.driver import Compiled, compile_model, import_file
from ariel_build.errors import InternalError
from ariel_build.ir import Array
from ariel_build.kernels import Bottleneck, KernelCall, Within, images, parts_within
from ariel_build.memory import check_within
from ariel_build.memory.recompute import FACTOR, bisected
from ariel_build.run.execute import execute
from tests.ops import parity
from tools.bench.made import as_model
from tools.bench.mobile import Layers
from tools.bench.noise import Noise

BOARDS = [
    pytest.param(name, marks=() if name == "host" else parity.board_marks(name))
    for name in ("host", "qemu-cortex-m0", "qemu-cortex-m7", "qemu-cortex-m55", "qemu-riscv32")
]
SHAPES = [(48, 40), (52, 44)]


def network(folder: Path, seed: int, shape: tuple[int, int]) -> Path:
    """Returns a file of a few bottlenecks of random widths, windows and strides behind a convolution."""
    rng = np.random.default_rng(seed)
    layers = Layers(Noise(seed))
    layers.convolution(int(rng.integers(6, 10)), 3, 2, 1)
    layers.inverted(8, 6, 2)
    layers.inverted(8, 6, 1)
    for _ in range(2):
        size = int(rng.choice([3, 3, 5, 7]))
        kept = layers.channels if rng.random() < 0.5 else int(rng.integers(6, 13))
        layers.inverted(kept, int(rng.choice([3, 4, 6])), int(rng.choice([1, 1, 2])), size // 2, size)
    path = folder / "bottlenecks.onnx"
    path.write_bytes(as_model(*layers.averaged(), (1, *shape, 3), is_int8=True))
    return path


def compiled(path: Path, board: str, *, must_fit: bool = True, **options: Any) -> Compiled:  # noqa: ANN401 - fields of `ModelOptions`
    return compile_model(path, replace(ModelOptions(path), **options), boards.load(board), "model", must_fit=must_fit)


def fused(model: Compiled) -> list[KernelCall]:
    return [step.call for step in model.schedule.steps if isinstance(step.call.kernel, Bottleneck)]


@pytest.fixture(scope="module")
def least(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    path = network(tmp_path_factory.mktemp("least"), 1, SHAPES[1])
    return compiled(path, "qemu-cortex-m7", stream=True, optimize="ram")


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("stream", [False, True])
def test_rows_that_are_computed_anew_are_the_same(board: str, *, stream: bool, tmp_path: Path) -> None:
    path = network(tmp_path, 0, SHAPES[0])
    # One core: several share what each computes once.
    model = compiled(path, board, optimize="ram", stream=stream, cores=1)
    once = compiled(path, board, optimize="speed", stream=stream, cores=1, must_fit=False)
    assert fused(model), "nothing is computed anew: the test is of nothing"
    assert model.plan.arena_bytes < once.plan.arena_bytes
    assert once.macs <= model.macs <= FACTOR * once.macs
    graph, _ = import_file(path)
    samples = Noise(9).int8(2, 1, *SHAPES[0], 3)
    want = [Interpreter(graph).outputs([one])[0] for one in samples]
    for one, answer in zip(answers(model, samples, board, tmp_path), want, strict=True):
        np.testing.assert_array_equal(one.reshape(-1), answer.reshape(-1))


def answers(model: Compiled, samples: Array, board: str, folder: Path) -> Iterator[Array]:
    """Yields the output of each sample, as the generated Rust computes it."""
    (folder / "ariel_models.rs").write_text(model.module_text)
    (folder / "model.weights").write_bytes(model.weights)
    given, streamed = [one.tobytes() for one in samples], model.schedule.takes_rows
    for answer in execute(folder, "model", boards.load(board), given, streamed=streamed, stats=False).outputs:
        yield np.frombuffer(answer[: model.graph.outputs[0].type.bytes], np.int8)


def test_a_budget_costs_no_more_than_it_must(least: Compiled, tmp_path: Path) -> None:
    path = network(tmp_path, 1, SHAPES[1])
    fast = compiled(path, "qemu-cortex-m7", stream=True)
    assert not fused(fast)
    kept = compiled(path, "qemu-cortex-m7", stream=True, budget=Budget(ram=fast.plan.arena_bytes))
    assert kept.module_text == fast.module_text
    at_least = compiled(path, "qemu-cortex-m7", stream=True, budget=Budget(ram=least.plan.arena_bytes))
    assert fused(at_least)
    assert at_least.plan.arena_bytes <= least.plan.arena_bytes
    limit = least.plan.arena_bytes * 3 // 2
    kept = compiled(path, "qemu-cortex-m7", stream=True, budget=Budget(ram=limit))
    assert fused(kept)
    assert kept.plan.arena_bytes <= limit
    assert kept.macs <= least.macs
    assert kept.predicted.instructions < at_least.predicted.instructions
    assert any("times the multiply-accumulates" in note for note in kept.notes)


@pytest.mark.parametrize("parts", [1, 32, 256])
def test_small_arenas_are_bisected_to_the_byte(parts: int) -> None:
    """An arena of 16 bytes, a sine of two numbers, has no thirty-second part: it was sought for ever."""
    for high in (*range(1, 40), 1000):
        for enough in range(1, high + 1):
            found = bisected(0, high, parts, lambda goal, least=enough: goal >= least)  # type: ignore[misc]
            assert enough <= found <= enough + high // parts


def other_rows(part: Within) -> Within:
    return replace(part, spans={v: (low + 1, high + 1) for v, (low, high) in part.spans.items()})


def other_padding(part: Within) -> Within:
    window = images(part.call)[2]
    kernel = part.call.kernel.replace(window=window.replace(pad_top=window.pad_top + 1))
    return replace(part, call=replace(part.call, kernel=kernel))


def other_place(part: Within) -> Within:
    return replace(part, places={v: (which, start + 4, size) for v, (which, start, size) in part.places.items()})


#: The depthwise layer reads and writes scratch alone, which has no rows to mistake; pointwise ones have no padding.
CHANGES = [
    ("expand_0", other_rows),
    ("project", other_rows),
    ("depthwise_0", other_padding),
    *((name, change) for name in ("expand_0", "depthwise_0", "project") for change in (other_place, None)),
]


@pytest.mark.parametrize("name, change", CHANGES)
def test_the_checker_refuses_what_a_layer_does_not_mean(
    name: str, change: Callable[[Within], Within] | None, least: Compiled, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fused(least)
    check_within.check_within(least.schedule)

    def corrupted(call: KernelCall, start: int, end: int) -> Iterator[Within]:
        for part in parts_within(call, start, end):
            if part.name != name:
                yield part
            elif change is not None:
                yield change(part)

    monkeypatch.setattr(check_within, "parts_within", corrupted)
    with pytest.raises(InternalError, match="memory invariant 3"):
        check_within.check_within(least.schedule)
