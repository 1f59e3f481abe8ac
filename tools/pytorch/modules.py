"""Modules of all kinds, with inputs: what people write, one idea each.

Where torch is not installed, which is where types are checked, its modules have none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import nn

__all__ = ["Modules", "modules", "quantised"]

#: A module in evaluation mode, and the arguments of a call.
Modules = Mapping[str, tuple[Any, tuple[Any, ...]]]


class _Function(nn.Module):  # type: ignore[misc]
    """A function as a module, with the modules that it calls."""

    def __init__(self, function: Callable[..., Any], **parts: Any) -> None:  # noqa: ANN401 - modules
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs: Any) -> Any:  # noqa: ANN401 - tensors
        return self.function(self, *inputs)


class _Smooth(nn.Module):  # type: ignore[misc]
    """A buffer that is changed in place: the example of docs/pytorch.md."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("level", torch.zeros(1, 8))

    def forward(self, x: Any) -> Any:  # noqa: ANN401 - a tensor
        self.level.mul_(0.9).add_(x, alpha=0.1)
        return self.level.clone()


def _written(_: Any, x: Any) -> Any:  # noqa: ANN401 - tensors
    """Writes through views."""
    y = x + 1
    y[:, 0] = 0.5
    y[:, 1:3] = y[:, 2:4] * 2
    turned = y.transpose(1, 2)
    turned.relu_()
    y[0, 3] += 1
    return y, turned


def _without_gradients(_: Any, x: Any) -> Any:  # noqa: ANN401 - tensors
    with torch.no_grad():
        y = x * 2
        y.add_(1)
    return y + x


def _running(norm: Any) -> Any:  # noqa: ANN401 - a module
    """Gives a batch normalisation statistics that are not those of the beginning."""
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    return norm


def modules() -> Modules:
    """Returns the modules by name."""
    torch.manual_seed(0)
    found: dict[str, tuple[Any, tuple[Any, ...]]] = {}

    def add(name: str, function: Callable[..., Any], *inputs: Any, **parts: Any) -> None:  # noqa: ANN401 - tensors
        found[name] = (_Function(function, **parts).eval(), inputs)

    def layers(name: str, x: Any, *parts: Any) -> None:  # noqa: ANN401 - tensors
        found[name] = (nn.Sequential(*parts).eval(), (x,))

    r = torch.randn
    image, row, cube, matrix = r(1, 4, 9, 8), r(1, 4, 12), r(2, 3, 4), r(2, 4)
    for kind in (
        *(nn.ReLU, nn.ReLU6, nn.Sigmoid, nn.Tanh, nn.SiLU, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.ELU, nn.CELU),
        *(nn.SELU, nn.GELU, nn.Mish, nn.LeakyReLU, nn.PReLU, nn.Softplus, nn.Softsign, nn.LogSigmoid, nn.Tanhshrink),
        *(nn.Softmin, nn.Softmax2d, nn.GLU, nn.Softshrink),
    ):
        layers(kind.__name__, image, kind())
    for name, layer in {
        "plain": nn.Conv2d(4, 6, 3),
        "strided": nn.Conv2d(4, 6, (3, 5), padding=(1, 2), stride=(2, 1)),
        "dilated": nn.Conv2d(4, 6, 3, dilation=2, padding=2),
        "grouped": nn.Conv2d(4, 8, 3, groups=2),
        "depthwise": nn.Conv2d(4, 8, 3, groups=4, bias=False),
        "same": nn.Conv2d(4, 6, (4, 3), padding="same"),
        "reflecting": nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"),
        "transposed": nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1),
        "transposed_groups": nn.ConvTranspose2d(4, 6, 3, groups=2),
        "max_pool": nn.MaxPool2d(3, 2, 1),
        "max_pool_ceil": nn.MaxPool2d(2, 2, ceil_mode=True),
        "avg_pool": nn.AvgPool2d(3, 2, 1),
        "avg_pool_own": nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        "global_pool": nn.AdaptiveAvgPool2d(1),
        "adaptive_pool": nn.AdaptiveAvgPool2d((2, 3)),
        "adaptive_max": nn.AdaptiveMaxPool2d((2, 3)),
        "batch_norm": _running(nn.BatchNorm2d(4)),
        "group_norm": nn.GroupNorm(2, 4),
        "instance_norm": nn.InstanceNorm2d(4, affine=True),
        "upsample": nn.Upsample(scale_factor=2),
        "bilinear": nn.Upsample(size=(7, 13), mode="bilinear"),
        "corners": nn.UpsamplingBilinear2d(scale_factor=2),
        "bicubic": nn.Upsample(size=(12, 13), mode="bicubic"),
        "shuffle": nn.PixelShuffle(2),
    }.items():
        layers(f"image_{name}", image, layer)
    for name, layer in {
        "conv": nn.Conv1d(4, 6, 5, padding="same", dilation=2),
        "transposed": nn.ConvTranspose1d(4, 3, 3, stride=2, padding=1, output_padding=1),
        "pool": nn.MaxPool1d(2),
        "adaptive": nn.AdaptiveAvgPool1d(5),
        "batch_norm": _running(nn.BatchNorm1d(4)),
        "linear": nn.Upsample(size=17, mode="linear"),
    }.items():
        layers(f"row_{name}", row, layer)
    for name, layer in {
        "linear": nn.Linear(4, 5),
        "layer_norm": nn.LayerNorm(4),
        "rms_norm": nn.RMSNorm(4),
        "softmax": nn.Softmax(1),
        "log_softmax": nn.LogSoftmax(-1),
        "dropout": nn.Dropout(),
        "flatten": nn.Flatten(),
    }.items():
        layers(f"cube_{name}", cube, layer)
    steps = r(1, 7, 6)
    for name, layer in {
        "lstm": nn.LSTM(6, 10, batch_first=True),
        "lstm_deep": nn.LSTM(6, 5, num_layers=2, bidirectional=True, batch_first=True),
        "gru": nn.GRU(6, 10, batch_first=True),
        "rnn": nn.RNN(6, 10, nonlinearity="relu", batch_first=True),
    }.items():
        add(name, lambda m, x: m.part(x), steps, part=layer)
    add("lstm_last", lambda m, x: m.part(x)[1][0][-1], steps, part=nn.LSTM(6, 10, batch_first=True))
    add("cells", lambda m, x, h: (m.a(x, h), m.b(x, (h, h))), r(1, 6), r(1, 5), a=nn.GRUCell(6, 5), b=nn.LSTMCell(6, 5))
    q = r(1, 2, 5, 4)
    add("attention", _attention, q, q + 1, q * 2)
    add("heads", lambda m, x: m.part(x, x, x), r(1, 5, 8), part=nn.MultiheadAttention(8, 2, batch_first=True))
    layers("encoder", r(1, 5, 8), nn.TransformerEncoderLayer(8, 2, 16, batch_first=True))
    layers("encoder_first", r(1, 5, 8), nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True))
    add(
        "scalars",
        lambda _, x: (x + 2) * 3 - 1 / (x.abs() + 1) + (5 - x) / 2 + x**2 + 2**x + torch.add(x, x, alpha=2),
        cube,
    )
    add("numbers", lambda _, x, y: torch.maximum(x, y) + torch.minimum(x, y) * x / (y.abs() + 1), cube, r(3, 1))
    add("compared", lambda _, x, y: ((x > y).float() + (x <= 0.5).float() * 2, ~(x > 0) | (y < 0)), matrix, r(2, 4))
    add("chosen", lambda _, x: torch.where(x > 0, x, x * 0.1) + x.masked_fill(x < -0.5, 0.0), matrix)
    add(
        "reduced", lambda _, x: (x.mean(1), x.sum((0, 2)), x.amax(-1, keepdim=True), x.var(1), x.std(-1), x.max()), cube
    )
    add("placed", lambda _, x: (x.argmax(1), x.max(1)[1], x.argmin(-1)), cube)
    add(
        "moved",
        lambda _, x: (x.permute(2, 0, 1), x[:, 1:], x[..., -1], x.flip(1), x.roll(1, 2), x.unflatten(2, (2, 2))),
        cube,
    )
    add("cut", lambda _, x: (*x.split(2, 1), *x.chunk(2, 2), *x.unbind(0), *torch.tensor_split(x, 3, dim=2)), cube)
    add("joined", lambda _, x, y: (torch.cat([x, y], 1), torch.stack([x, y], 1), x.expand(5, 2, 3, 4)), cube, cube * 2)
    add("padded", lambda _, x: (F.pad(x, (1, 2, 0, 1), value=1.5), F.pad(x, (1, 2, 2, 1), mode="reflect")), image)
    add("products", lambda _, x, y: (x @ y, torch.bmm(x, y), torch.baddbmm(x @ y, x, y, alpha=0.5)), cube, r(2, 4, 5))
    add("made", lambda _, x: x + torch.zeros(4) + torch.arange(4) + torch.full_like(x, 3.0) + torch.eye(4)[0], cube)
    add("looked_up", lambda m, x: m.part(x), torch.randint(0, 10, (1, 5)), part=nn.Embedding(10, 4))
    add("normalised", lambda _, x, y: (F.normalize(x, dim=1), F.cosine_similarity(x, y)), matrix, r(2, 4))
    add(
        "residual",
        lambda m, x: F.relu(x + m.b(m.a(x))),
        image,
        a=nn.Conv2d(4, 4, 3, padding=1),
        b=_running(nn.BatchNorm2d(4)),
    )
    add("in_place", lambda m, x: F.relu(m.part(x), inplace=True).add_(1).mul_(2), image, part=nn.Conv2d(4, 4, 3))
    add("written", _written, r(2, 4, 4))
    add("without_gradients", _without_gradients, matrix)
    add("branches", lambda _, x: torch.cond(x.sum() > 0, lambda a: a + 1, lambda a: a * 2, (x,)), matrix)
    add("dictionary", lambda _, d: {"a": d["u"] + d["v"], "b": d["u"] * 2}, {"u": matrix, "v": matrix})
    found["smooth"] = (_Smooth().eval(), (r(1, 8),))
    return found


def _attention(_: Any, q: Any, k: Any, v: Any) -> Any:  # noqa: ANN401 - tensors
    """Attention with a mask, and without."""
    mask = torch.ones(5, 5, dtype=torch.bool).tril()
    return tuple(
        F.scaled_dot_product_attention(q, k, v, **how) for how in ({}, {"is_causal": True}, {"attn_mask": mask})
    )


def quantised() -> Modules:
    """Returns the modules that are also quantised."""
    torch.manual_seed(1)
    image = nn.Sequential(
        *(nn.Conv2d(3, 8, 3, padding=1, bias=False), _running(nn.BatchNorm2d(8)), nn.ReLU()),
        *(nn.Conv2d(8, 8, 3, groups=8, stride=2), nn.ReLU6(), nn.Conv2d(8, 12, 1), nn.AdaptiveAvgPool2d(1)),
        *(nn.Flatten(), nn.Linear(12, 5)),
    )
    dense = nn.Sequential(
        nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 16), nn.Sigmoid(), nn.Linear(16, 4), nn.Softmax(-1)
    )
    row = nn.Sequential(
        nn.Conv1d(4, 8, 3, padding=1), nn.LeakyReLU(0.1), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(64, 3)
    )
    r = torch.randn
    return {
        "image": (image.eval(), (r(1, 3, 12, 12),)),
        "dense": (dense.eval(), (r(1, 10),)),
        "row": (row.eval(), (r(1, 4, 16),)),
    }
