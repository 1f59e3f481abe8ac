"""fused(layers, rows): the call of an inverted bottleneck in place of those of its layers (`kernels.bottleneck`).

The channels of the expansion are cut into groups, whose layers are layers like any other: each gets the kernel that
computes it fastest, and has its weights packed for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ariel_build.ir import Array, DType, Value
from ariel_build.isa.select import Family, first_of
from ariel_build.kernels import Axis, KernelCall, LayerCall, Operand, Packed, Scratch, Tiling
from ariel_build.kernels.bottleneck import Bottleneck, images, parts_within
from ariel_build.kernels.layer import Convolution, Depthwise, Stored
from ariel_build.records import dataclass
from ariel_build.schedule.parts import has_rows

__all__ = ["Layers", "bottlenecks", "fused"]

#: Channels of a group: multiples of what kernels compute at a time.
_BLOCK = 4
#: Of what is filtered, how much the expansion of a group may take.
_SHARE = 3


@dataclass(frozen=True, eq=False)
class Layers:
    """Three calls in a row, and their layers before a kernel was chosen."""

    calls: tuple[KernelCall, KernelCall, KernelCall]
    expand: Convolution
    depthwise: Depthwise
    project: Convolution

    @property
    def wide(self) -> int:
        """Bytes of the expansion under the windows of a row, and of that row before it is projected."""
        window, wide, narrow = self.depthwise.window, self.expand.output, self.depthwise.output
        return min(window.height, wide.height) * wide.row + narrow.row

    def ways(self, families: Sequence[Family], label: str) -> Iterator[KernelCall]:
        """Yields the calls that compute the same, some rows of the output at a time."""
        height = self.depthwise.output.height
        for rows in range(1, height + 1):
            call = fused(self, families, rows, label) if height % rows == 0 else None
            if call is not None:
                yield call


def bottlenecks(
    layers: Sequence[LayerCall | KernelCall], calls: Sequence[KernelCall], kept: frozenset[Value]
) -> Iterator[Layers]:
    """Yields the bottlenecks of int8 among the calls; `layers` are what they were before kernels were chosen.

    It is wider within than what it reads, and no call is in two of them. Nobody but the next of the
    three reads what a layer makes, and `kept` values are not among that.
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
            yield Layers(three, expand, depthwise, project)


def fused(layers: Layers, families: Sequence[Family], rows: int, label: str) -> KernelCall | None:
    """Returns the call that computes so many rows at a time; None where a kernel cannot take rows alone.

    The rows of the output must be a multiple of `rows`.
    """
    first, second, third = layers.calls
    window, count = layers.depthwise.window, layers.expand.count
    under = min((rows - 1) * window.stride_h + window.height, layers.expand.output.height)
    wide, narrow = layers.expand.output.replace(height=under), layers.depthwise.output.replace(height=rows)
    size = _group(count, under * wide.width, rows * narrow.width * count // _SHARE)
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
                _of(first, expand, [first.inputs[0]], expanded, families),
                _of(second, depthwise, [expanded], filtered, families),
            )
        )
    project = replace(
        layers.project,
        input=narrow,
        output=images(third)[1].replace(height=rows),
    )
    last = _of(third, project, list(third.inputs), third.outputs[0], families)
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
        expanded=Scratch(under * wide.width * size),
        filtered=Scratch(rows * narrow.width * count),
        room=Scratch(max(call.scratch_bytes for call in inner)),
    )
    extent = output.height * output.width
    call = KernelCall.of(
        kernel,
        [first.inputs[0]],
        [third.outputs[0]],
        Tiling(Axis.PIXELS, extent, rows * output.width),
        label=label,
        origin=third.origin,
        summary=f"{first.summary}, {second.summary} and {third.summary}",
    )
    return replace(call, macs=sum(part.call.macs for part in parts_within(call, 0, extent)))


def _of(
    call: KernelCall, layer: Convolution | Depthwise, inputs: list[Value], output: Value, families: Sequence[Family]
) -> KernelCall:
    """Returns the call of the kernel for some rows and channels of a call's layer."""
    macs = layer.output.height * layer.output.width * layer.count * int(layer.weights.shape[1])
    named = {name: getattr(call, name) for name in ("label", "origin", "summary")}
    return first_of(LayerCall(layer, inputs, [output], macs, **named), families)


def _group(count: int, pixels: int, most: int) -> int:
    """Returns the channels of a group: as many as take no more bytes than what is filtered does, in groups alike."""
    fit = max(most // max(pixels, 1) // _BLOCK * _BLOCK, _BLOCK)
    groups = -(-count // min(fit, count))
    each = -(-count // groups)
    return min(-(-each // _BLOCK) * _BLOCK, count)


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
