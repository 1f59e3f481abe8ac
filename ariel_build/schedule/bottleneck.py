"""Layers.ways: calls of an inverted bottleneck in place of those of its layers (`kernels.bottleneck`).

The channels of the expansion are cut into groups, whose layers are layers like any other: each gets the kernel that
computes it fastest, and has its weights packed for that. Fewer rows of the output at a time take less RAM and more
MACs, smaller groups less RAM and more instructions, since each packs the pixels of the input again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from ariel_build.ir import Array, DType, Value
from ariel_build.isa.select import Family, first_of
from ariel_build.kernels import Axis, KernelCall, LayerCall, Operand, Packed, Scratch, Tiling
from ariel_build.kernels.bottleneck import Bottleneck, images, parts_within
from ariel_build.kernels.layer import Convolution, Depthwise, Stored
from ariel_build.records import dataclass
from ariel_build.schedule.parts import has_rows

__all__ = ["Layers", "Way", "bottlenecks"]

#: Channels of a group: multiples of what kernels compute at a time.
_BLOCK = 4
#: Into how many groups channels are cut.
_GROUPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
#: What a layer takes on the board, in instructions.
Price = Callable[[KernelCall], float]


@dataclass(frozen=True, eq=False)
class Layers:
    """Three calls in a row, and their layers before a kernel was chosen; the kernels that there are for them."""

    calls: tuple[KernelCall, KernelCall, KernelCall]
    expand: Convolution
    depthwise: Depthwise
    project: Convolution
    families: Sequence[Family]

    @property
    def wide(self) -> int:
        """Bytes of the expansion under the windows of a row, and of that row before it is projected."""
        window, wide, narrow = self.depthwise.window, self.expand.output, self.depthwise.output
        return min(window.height, wide.height) * wide.row + narrow.row

    def ways(self, price: Price, label: str) -> list[Way]:
        """Returns ways to compute the same in fewer bytes than `wide`, the fewest bytes first.

        None takes both fewer bytes and fewer instructions than another.
        """
        sizes = dict.fromkeys(
            min(-(-self.expand.count // (groups * _BLOCK)) * _BLOCK, self.expand.count) for groups in _GROUPS
        )
        found = []
        for rows in range(1, self.depthwise.output.height + 1):
            for size in sizes:
                if sum(self.places(rows, size)) < self.wide:
                    way = _way(self, rows, size, price, label)
                    found += [way] if way is not None and way.bytes < self.wide else []
        front = list[Way]()
        for way in sorted(found, key=lambda way: (way.bytes, way.cost)):
            if not front or way.cost < front[-1].cost:
                front.append(way)
        return front

    def under(self, rows: int) -> int:
        """Rows of the expansion under the windows of so many rows of the output."""
        window = self.depthwise.window
        return min((rows - 1) * window.stride_h + window.height, self.expand.output.height)

    def places(self, rows: int, size: int) -> tuple[int, int]:
        """Bytes of the expansion of `size` channels for so many rows of the output, and of all that is filtered."""
        narrow = self.depthwise.output
        return self.under(rows) * self.expand.output.width * size, rows * narrow.width * self.expand.count


@dataclass(frozen=True, eq=False)
class Way:
    """A bottleneck computed `rows` rows of the output and groups of `size` channels at a time.

    `sketch` is the call with the first group alone, but all MACs: it needs the bytes that the call needs.
    """

    layers: Layers
    rows: int
    size: int
    sketch: KernelCall
    #: Instructions.
    cost: float

    @property
    def bytes(self) -> int:
        """Bytes of scratch."""
        return self.sketch.scratch_bytes

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those of all groups."""
        return self.sketch.macs

    @cached_property
    def call(self) -> KernelCall:
        """The call, all of whose weights are packed."""
        call = _fused(self.layers, self.rows, self.size, self.layers.expand.count, self.sketch.label)
        assert call is not None  # noqa: S101 - else there were no sketch of it
        return replace(call, macs=self.macs)


def bottlenecks(
    layers: Sequence[LayerCall | KernelCall],
    calls: Sequence[KernelCall],
    kept: frozenset[Value],
    families: Sequence[Family],
) -> Iterator[Layers]:
    """Yields the bottlenecks of int8 among the calls; `layers` are what they were before kernels were chosen.

    Kernels for some of their rows and channels will be of the `families`. It is wider within than what it reads, and no
    call is in two of them. Nobody but the next of the three reads what a layer makes, and `kept` values are not among
    that.
    """
    users: dict[Value, int] = {}
    for call in calls:
        for value in call.inputs:
            users[value] = users.get(value, 0) + 1
    shift, end = len(calls) - len(layers), 0
    for at in range(len(calls) - 2):
        three = calls[at], calls[at + 1], calls[at + 2]
        if at < max(shift, end):
            continue
        first, second, third = (layers[at - shift + k] for k in range(3))
        if not all(isinstance(one, LayerCall) for one in (first, second, third)):
            continue
        expand, depthwise, project = (getattr(one, "layer", None) for one in (first, second, third))
        if not isinstance(expand, Convolution) or not isinstance(depthwise, Depthwise):
            continue
        if not isinstance(project, Convolution):
            continue
        alone = all(
            three[k].outputs[0] is three[k + 1].inputs[0]
            and users[three[k].outputs[0]] == 1
            and three[k].outputs[0] not in kept
            for k in (0, 1)
        )
        is_wider = expand.output.channels > expand.input.channels
        if (
            alone
            and is_wider
            and _are_pointwise(expand, project)
            and _is_int8(*three)
            and _is_plain(expand, depthwise, project)
        ):
            # The last layer of one may be the first of another.
            end = at + 3
            yield Layers(three, expand, depthwise, project, families)


def _way(layers: Layers, rows: int, size: int, price: Price, label: str) -> Way | None:
    """Returns the bottleneck in so many rows and channels; None where a kernel cannot take rows alone."""
    count = layers.expand.count
    sketch = _fused(layers, rows, size, size, label)
    if sketch is None:
        return None
    macs, cost, known = 0, 0.0, dict[tuple[str, int, int, int], float]()
    for part in parts_within(sketch, 0, sketch.tiling.extent):
        source, _, window = images(part.call)
        key = part.name, source.height, part.extent, window.pad_top
        if key not in known:
            known[key] = price(part.alone)
        is_last = part.call.outputs[0] is sketch.outputs[0]
        macs += part.call.macs if is_last else part.call.macs * count // min(size, count)
        cost += known[key] if is_last else known[key] * -(-count // size)
    return Way(layers, rows, size, replace(sketch, macs=macs), cost)


def _fused(layers: Layers, rows: int, size: int, count: int, label: str) -> KernelCall | None:
    """Returns the call that computes so many rows at a time, in groups of `size` of the first `count` channels.

    None where a kernel cannot take rows alone. The output's last rows may be fewer.
    """
    first, second, third = layers.calls
    window, under = layers.depthwise.window, layers.under(rows)
    wide, narrow = layers.expand.output.replace(height=under), layers.depthwise.output.replace(height=rows)
    groups = []
    for start in range(0, count, size):
        channels = min(size, count - start)
        expanded = Value(first.outputs[0].type.with_shape((1, under, wide.width, channels)), "expanded")
        filtered = Value(second.outputs[0].type.with_shape((1, rows, narrow.width, channels)), "filtered")
        image = wide.replace(region=Operand(expanded), channels=channels, row=wide.width * channels, pixel=channels)
        expand = replace(
            layers.expand,
            **_channels(layers.expand, start, channels),
            input=images(first)[0].replace(height=under),
            output=image,
        )
        depthwise = replace(
            layers.depthwise,
            **_channels(layers.depthwise, start, channels),
            input=image,
            output=narrow.replace(region=Operand(filtered), channels=channels),
        )
        groups.append(
            (
                _of(first, expand, [first.inputs[0]], expanded, layers.families),
                _of(second, depthwise, [expanded], filtered, layers.families),
            )
        )
    project = replace(
        layers.project,
        input=narrow,
        output=images(third)[1].replace(height=rows),
    )
    last = _of(third, project, list(third.inputs), third.outputs[0], layers.families)
    inner = [*(call for pair in groups for call in pair), last]
    if not all(has_rows(call.kernel) and call.tiling.axis is not Axis.WHOLE for call in inner):
        return None
    output = images(third)[1]
    kernel = Bottleneck(
        input=images(first)[0],
        output=output,
        window=window,
        groups=tuple(groups),
        project=last,
        rows=rows,
        expanded=Scratch(layers.places(rows, size)[0]),
        filtered=Scratch(layers.places(rows, size)[1]),
        room=Scratch(max(call.scratch_bytes for call in inner)),
    )
    extent = output.height * output.width
    return KernelCall.of(
        kernel,
        [first.inputs[0]],
        [third.outputs[0]],
        Tiling(Axis.PIXELS, extent, rows * output.width),
        label=label,
        origin=third.origin,
        summary=f"{first.summary}, {second.summary} and {third.summary}",
    )


def _of(
    call: KernelCall, layer: Convolution | Depthwise, inputs: list[Value], output: Value, families: Sequence[Family]
) -> KernelCall:
    """Returns the call of the kernel for some rows and channels of a call's layer."""
    macs = layer.output.height * layer.output.width * layer.count * int(layer.weights.shape[1])
    named = {name: getattr(call, name) for name in ("label", "origin", "summary")}
    return first_of(LayerCall(layer, inputs, [output], macs, **named), families)


def _channels(layer: Convolution | Depthwise, start: int, channels: int) -> dict[str, Any]:
    """Returns weights and ends of so many output channels."""
    finish, count, end = layer.finish, layer.count, start + channels
    if not isinstance(finish, Stored):
        raise TypeError("a bottleneck of floats")

    def own(packed: Packed) -> Packed:
        return replace(packed, data=packed.data[start:end]) if packed.data.shape[0] == count else packed

    fields = {name: own(value) for name, value in finish.requantize if isinstance(value, Packed)}
    bias: Array = finish.bias[start:end]
    of_channels = replace(finish, bias=bias, requantize=finish.requantize.replace(**fields))
    return {"weights": layer.weights[start:end], "finish": of_channels}


def _are_pointwise(*layers: Convolution) -> bool:
    return all(
        (w.height, w.width, w.stride_h, w.stride_w, w.pad_top, w.pad_left) == (1, 1, 1, 1, 0, 0) and one.groups == 1
        for one in layers
        for w in (one.window,)
    )


def _is_int8(*calls: KernelCall) -> bool:
    values = [value for call in calls for value in (*call.inputs, *call.outputs)]
    return all(value.type.dtype is DType.I8 for value in values)


def _is_plain(*layers: Convolution | Depthwise) -> bool:
    """Whether sums of whole images end in integers, channel by channel."""
    depthwise = layers[1]
    return (
        all(isinstance(one.finish, Stored) for one in layers)
        and depthwise.input.channels == depthwise.output.channels
        and depthwise.window.dilation_h == 1
        and all(
            image.pixel == image.channels and image.row == image.width * image.pixel
            for one in layers
            for image in (one.input, one.output)
        )
    )
