"""Views of all of a value are seen through, so that its rows may roll; views of parts, and what others read, stay."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.ir import DType, Graph, TensorType, Value
from ariel_build.kernels import Axis, Kernel, KernelCall, Operand, Part, Source, Tiling, seen_through
from tools.bench.made import networks


class _Inner(Part):
    """What a kernel holds besides."""

    region: Operand
    rows: int


class _Sum(Kernel):
    """Reads one value by a field of its own, one of a struct, and some of a tuple."""

    PATHS: ClassVar = {(): "test::Sum"}
    output: Operand
    input: _Inner
    left: Source
    others: tuple[Source, ...]


def _value(*shape: int, dtype: DType = DType.I8) -> Value:
    return Value(TensorType(dtype, shape))


def _sum(inputs: list[Value], output: Value) -> KernelCall:
    first, second, *others = inputs
    inner = _Inner(region=Operand(first), rows=2)
    kernel = _Sum(output=Operand(output), input=inner, left=Source(second), others=tuple(map(Source, others)))
    return KernelCall(kernel, inputs, [output], Tiling(Axis.WHOLE, 1))


def test_views_of_all_are_seen_through_and_others_stay() -> None:
    x, y = _value(4, 6), _value(24)
    flat, again, half, bits = _value(24), _value(2, 12), _value(12), _value(24, dtype=DType.U8)
    views = {flat: (x, 0), again: (flat, 0), half: (flat, 12), bits: (x, 0)}
    (call,), left = seen_through([_sum([again, flat, half, bits], y)], views, Graph("", [x], [y], []))
    assert call.inputs == [x, x, half, bits]
    assert call.outputs == [y]
    kernel = call.kernel
    assert isinstance(kernel, _Sum)
    assert (kernel.input.region.value, kernel.input.rows, kernel.left.value) == (x, 2, x)
    assert [source.value for source in kernel.others] == [half, bits]
    assert left == {half: (flat, 12), flat: (x, 0), bits: (x, 0)}


def test_views_that_others_read_stay() -> None:
    x, y, out = _value(4, 6), _value(24), _value(2, 12)
    calls = [_sum([x, x], y)]
    seen, left = seen_through(calls, {out: (y, 0)}, Graph("", [x], [out], []))
    assert seen == calls
    assert left == {out: (y, 0)}


@pytest.mark.parametrize(
    "name, most", [("made MobileNetV2 0.35, 144x144", 30_000), ("made MCUNetV2 vww, 80x80", 18_432)]
)
def test_networks_of_msf_cnn_take_rows_in_little(name: str, most: int, tmp_path: Path) -> None:
    """Their image comes in the other order of axes than convolutions have: what is computed on is a view of it."""
    path = dict(networks(tmp_path))[name].path
    compiled = compile_model(path, ModelOptions(path, stream=True), boards.load("qemu-cortex-m7"), "model")
    (image,) = compiled.graph.inputs
    assert compiled.plan.region(image).bytes < image.type.bytes / 20
    assert compiled.plan.arena_bytes <= most
    assert not compiled.notes
