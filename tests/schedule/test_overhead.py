"""What pieces of a call take more than the whole: nothing at once, and more the smaller they are."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.kernels import KernelCall
from ariel_build.kernels.declared import isa_mve, isa_scalar
from ariel_build.schedule.overhead import CALL, overhead
from ariel_build.schedule.tiles import Tile
from tests.ops import tflm
from tests.ops.armv7e_m import operators


def pieces(call: KernelCall, count: int) -> list[Tile]:
    """Returns so many pieces of equal size."""
    ends = [call.tiling.extent * index // count for index in range(count + 1)]
    return [Tile(first, last) for first, last in pairwise(ends)]


def calls(folder: Path, board: str, kind: type) -> list[KernelCall]:
    """Returns the calls of one kind of kernel among random layers on a board."""
    rng = np.random.default_rng(4)
    path = folder / "layers.tflite"
    kinds = (operators.depthwise, operators.convolution)
    path.write_bytes(tflm.models([make(rng) for make in kinds for _ in range(20)]))
    compiled = compile_model(path, ModelOptions(path), boards.load(board), "m", must_fit=False)
    return [call for call in compiled.schedule.calls if isinstance(call.kernel, kind) and call.tiling.extent >= 4]


@pytest.mark.parametrize(
    "board, kind, least",
    [
        ("qemu-cortex-m0", isa_scalar.DepthwiseLines, 2 * CALL),
        ("qemu-cortex-m0", isa_scalar.Conv2d, CALL),
        ("qemu-cortex-m55", isa_mve.Conv2d, 8 * CALL),
    ],
)
def test_pieces_cost_what_is_done_anew(tmp_path: Path, board: str, kind: type, least: int) -> None:
    found = calls(tmp_path, board, kind)
    assert found, "some of the layers shall have the kernel"
    for call in found:
        once, twice, often = (overhead(call, pieces(call, count)) for count in (1, 2, 4))
        assert once == 0
        assert least <= twice < often
