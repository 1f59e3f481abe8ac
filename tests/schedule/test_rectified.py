"""Which calls read what a ReLU left: of these half the products take no time to speak of, without an FPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.kernels.declared import conv2d, depthwise_conv2d, fully_connected
from ariel_build.schedule.cost import instructions
from ariel_build.schedule.features import features
from tools.recorded.models import dev_models

_REAL = (conv2d.F32, depthwise_conv2d.F32, fully_connected.F32)


@pytest.mark.models
def test_layers_behind_a_relu_take_fewer_instructions(models: Path) -> None:
    """Of an autoencoder all layers but the first read what a ReLU left."""
    assert models.is_dir()
    path = dev_models()["mlperf_ad_f32"].path
    board = boards.load("qemu-riscv32")
    calls = compile_model(path, ModelOptions(path), board, "m").schedule.calls
    layers = [call for call in calls if isinstance(call.kernel, _REAL)]
    assert [call.rectified for call in layers] == [False] + [True] * (len(layers) - 1)
    assert features(layers[0])["dense_macs"] == layers[0].macs
    assert all("dense_macs" not in features(call) for call in layers[1:])
    first, second = (instructions(call, board.cores[0]) / call.macs for call in layers[:2])
    assert first > 1.1 * second
