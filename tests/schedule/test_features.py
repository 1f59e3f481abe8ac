"""What costs are made of: counts that a loop over the same taps, pixels and elements would give."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.kernels import KernelCall
from ariel_build.kernels.declared import copy, isa_mve, isa_packed, isa_real
from ariel_build.schedule import Tile
from ariel_build.schedule.cost import instructions
from ariel_build.schedule.features import features
from ariel_build.schedule.windows import _inside
from tests.ops import tflm
from tests.ops.armv7e_m import operators
from tools.bench.made import models
from tools.recorded import DIGITS


@pytest.fixture(scope="module", name="calls")
def calls_of_models(tmp_path_factory: pytest.TempPathFactory) -> Sequence[KernelCall]:
    """Returns the calls of models of our own for the Cortex-M4."""
    board = boards.load("qemu-cortex-m4")
    files = [recorded.path for _, _, recorded in models(tmp_path_factory.mktemp("made"))]
    return [c for path in [DIGITS, *files] for c in compile_model(path, ModelOptions(path), board, "m").schedule.calls]


def test_taps_inside_are_those_that_a_loop_finds() -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        outputs, extent, taps = (int(n) for n in rng.integers(1, 9, 3))
        stride, dilation, pad = (int(n) for n in rng.integers(1, 4, 3))
        found = _inside(outputs, extent, taps, stride, dilation, pad)
        for position, inside in enumerate(found):
            wanted = [t for t in range(taps) if 0 <= position * stride + t * dilation - pad < extent]
            assert list(inside) == wanted, (position, extent, taps, stride, dilation, pad)


def test_regions_cover_each_pixel_once_with_the_taps_inside(calls: Sequence[KernelCall]) -> None:
    seen = 0
    for call in calls:
        kernel = call.kernel
        if isinstance(kernel, isa_real.Conv2d) and kernel.groups == 1 and kernel.output.channels % 4 == 0:
            source, image, window = kernel.input, kernel.output, kernel.window
            down = _inside(
                image.height, source.height, window.height, window.stride_h, window.dilation_h, window.pad_top
            )
            across = _inside(
                image.width, source.width, window.width, window.stride_w, window.dilation_w, window.pad_left
            )
            macs = sum(map(len, down)) * sum(map(len, across)) * source.channels * image.channels
            found = features(call)
            assert 16 * found.get("block_macs", 0) + 4 * found.get("one_macs", 0) == macs
            seen += 1
    assert seen


def test_blocks_of_pixels_are_filled_anew_in_each_tile(calls: Sequence[KernelCall]) -> None:
    seen = 0
    for call in calls:
        if isinstance(call.kernel, isa_packed.Conv2d) and call.tiling.extent > 8 and not call.kernel.by_channels:
            tiles = [Tile(at, min(at + 5, call.tiling.extent)) for at in range(0, call.tiling.extent, 5)]
            whole, parts = features(call), features(call, tiles)
            assert parts["call"] == len(tiles)
            assert parts.get("blocks", 0) + parts.get("ones", 0) >= whole.get("blocks", 0) + whole.get("ones", 0)
            core = boards.load("qemu-cortex-m4").cores[0]
            assert instructions(call, core, tiles) > instructions(call, core)
            seen += 1
    assert seen


def test_pixels_are_read_in_the_image_or_copied_alone_or_with_others(tmp_path: Path) -> None:
    board, seen = boards.load("qemu-cortex-m55"), set[str]()
    files = [recorded.path for _, _, recorded in models(tmp_path)]
    for call in [c for p in [DIGITS, *files] for c in compile_model(p, ModelOptions(p), board, "m").schedule.calls]:
        kernel = call.kernel
        if isinstance(kernel, isa_mve.Conv2d):
            found = features(call)
            edges = found.get("edges", 0)
            assert 2 * found["pairs"] - edges % 2 == kernel.output.height * kernel.output.width
            assert found.get("copied", 0) + edges <= kernel.output.height * kernel.output.width
            seen |= {name for name in ("copied", "edges") if name in found}
    assert seen == {"copied", "edges"}


def test_phases_of_a_transposed_convolution_have_each_pixel_once_in_each_part_of_the_channels(tmp_path: Path) -> None:
    board, path, seen = boards.load("qemu-cortex-m55"), tmp_path / "transposed.tflite", set[float]()
    rng = np.random.default_rng(4)
    path.write_bytes(tflm.models([operators.transposed(rng) for _ in range(20)]))
    for call in compile_model(path, ModelOptions(path), board, "m").schedule.calls:
        kernel = call.kernel
        if isinstance(kernel, isa_mve.ConvTranspose):
            found, pixels = features(call), kernel.output.height * kernel.output.width
            phases = min(kernel.stamp.stride_h, kernel.output.height) * min(kernel.stamp.stride_w, kernel.output.width)
            assert found["phases"] == phases
            assert pixels <= 2 * found["pairs"] <= pixels + phases
            assert found["fours"] == found["pairs"] * -(-kernel.output.channels // 4)
            extent = call.tiling.extent
            tiles = [Tile(at, min(at + 4, extent)) for at in range(0, extent, 4)]
            parts = features(call, tiles)
            assert parts["phases"] == phases * len(tiles)
            assert (parts["pairs"], parts["fours"]) == (found["pairs"] * len(tiles), found["fours"])
            seen.add(phases)
    assert len(seen) > 2


def test_a_copy_moves_all_bytes_once(calls: Sequence[KernelCall]) -> None:
    copies = [call for call in calls if isinstance(call.kernel, copy.Copy)]
    assert copies
    for call in copies:
        found = features(call)
        element = call.outputs[0].type.dtype.bytes
        moved = sum(found.get(name, 0) for name in ("bytes", "short", "moved", "askew")) + element * found.get(
            "strided", 0
        )
        assert found.get("filled", 0) or moved == sum(v.type.bytes for v in call.outputs)
