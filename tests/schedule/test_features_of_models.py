"""What costs on cores without DSP and FPU are made of: lines of each tile, and which calls read what a ReLU left."""

from __future__ import annotations

from pathlib import Path

import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.kernels import Axis, KernelCall
from ariel_build.kernels.declared import conv2d, depthwise_conv2d, fully_connected, isa_scalar
from ariel_build.schedule.cost import instructions
from ariel_build.schedule.features import features
from ariel_build.schedule.tiles import Tile
from tools.recorded.models import dev_models

pytestmark = pytest.mark.models

_BOARD = "qemu-riscv32"
_REAL = (conv2d.F32, depthwise_conv2d.F32, fully_connected.F32)


def _calls(name: str) -> list[KernelCall]:
    path = dev_models()[name].path
    return compile_model(path, ModelOptions(path), boards.load(_BOARD), "m").schedule.calls


def test_layers_behind_a_relu_take_fewer_instructions(models: Path) -> None:
    """Of an autoencoder all layers but the first read what a ReLU left."""
    assert models.is_dir()
    layers = [call for call in _calls("mlperf_ad_f32") if isinstance(call.kernel, _REAL)]
    assert [call.rectified for call in layers] == [False] + [True] * (len(layers) - 1)
    assert features(layers[0])["dense_macs"] == layers[0].macs
    assert all("dense_macs" not in features(call) for call in layers[1:])
    core = boards.load(_BOARD).cores[0]
    first, second = (instructions(call, core) / call.macs for call in layers[:2])
    assert first > 1.1 * second


def test_lines_are_counted_in_each_tile(models: Path) -> None:
    """Tiles of two rows: where lines are columns each tile has all of them, and reads the rows of its windows."""
    assert models.is_dir()
    seen = set()
    for kernel, call in ((call.kernel, call) for call in _calls("mlperf_vww_int8") + _calls("mlperf_kws_int8")):
        if isinstance(kernel, isa_scalar.DepthwiseConv2d) and call.tiling.axis is Axis.PIXELS:
            image, window = kernel.output, kernel.window
            rows = [min(2, image.height - row) for row in range(0, image.height, 2)]
            tiles = [Tile(2 * k * image.width, (2 * k + n) * image.width) for k, n in enumerate(rows)]
            lines = [(image.width, n) if kernel.vertical else (n, image.width) for n in rows]
            stride = window.stride_h if kernel.vertical else window.stride_w
            found = features(call, tiles)
            assert found["plane_lines"] == image.channels * sum(count for count, _ in lines)
            assert found["plane_columns"] == image.channels * sum(n * ((long - 1) * stride + 3) for n, long in lines)
            assert found["plane_channels"] == image.channels * found["planes"] >= image.channels * len(tiles)
            seen.add(kernel.vertical)
    assert seen
