"""LSTM, GRU and plain recurrent layers, over sequences and of one step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.ops.aten.case import Cases, K, Numbers, drawing, sigmoid

CASES = Cases()
case, real = CASES.add, drawing(11)


def lstm(x: Numbers, h: Numbers, c: Numbers, w: Sequence[Numbers]) -> list[Numbers]:
    """One step; gates are i, f, g, o."""
    i, f, g, o = np.split(x @ w[0].T + h @ w[1].T + w[2] + w[3], 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def gru(x: Numbers, h: Numbers, w: Sequence[Numbers]) -> Numbers:
    """One step; gates are r, z, n."""
    a, b = np.split(x @ w[0].T + w[2], 3, -1), np.split(h @ w[1].T + w[3], 3, -1)
    r, z = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
    return (1 - z) * np.tanh(a[2] + r * b[2]) + z * h


def weights(gates: int) -> list[Numbers]:
    return [real(gates * 5, 4), real(gates * 5, 5), real(gates * 5), real(gates * 5)]


WL, WG, WR = weights(4), weights(3), weights(1)
PLAIN: dict[str, Callable[..., Any]] = {"rnn_tanh": np.tanh, "rnn_relu": lambda x: np.maximum(x, 0)}
NAMES = ("w_ih", "w_hh", "b_ih", "b_hh")
H, C = real(1, 5), real(1, 5)
case(
    "lstm_cell",
    lambda x, h, c: lstm(x, h, c, WL),
    input=real(1, 4),
    hx=[H, C],
    **dict(zip(NAMES, map(K, WL), strict=True)),
)
case("gru_cell", lambda x, h: gru(x, h, WG), input=real(1, 4), hx=H, **dict(zip(NAMES, map(K, WG), strict=True)))
for _name, _function in PLAIN.items():
    case(
        f"{_name}_cell",
        lambda x, h, f=_function: f(x @ WR[0].T + h @ WR[1].T + WR[2] + WR[3]),
        input=real(1, 4),
        hx=H,
        **dict(zip(NAMES, map(K, WR), strict=True)),
    )


def over(step: Callable[[Numbers, Numbers], Numbers]) -> Callable[[Numbers, Numbers], list[Numbers]]:
    """Runs a layer of one state over x [t, 1, k]."""

    def run(x: Numbers, h: Numbers) -> list[Numbers]:
        every = []
        for row in x:
            h = np.asarray([step(row, h[0])])
            every.append(h[0])
        return [np.stack(every), h]

    return run


def lstm_over(x: Numbers, h: Numbers, c: Numbers) -> list[Numbers]:
    every, h, c = [], h[0], c[0]
    for row in x:
        h, c = lstm(row, h, c, WL)
        every.append(h)
    return [np.stack(every), h[None], c[None]]


LAYER = {
    "has_biases": True,
    "num_layers": 1,
    "dropout": 0.0,
    "train": False,
    "bidirectional": False,
    "batch_first": False,
}
STEPS = real(6, 1, 4)
case("lstm.input", lstm_over, input=STEPS, hx=[H[None], C[None]], params=[*map(K, WL)], **LAYER)
case("gru.input", over(lambda x, h: gru(x, h, WG)), input=STEPS, hx=H[None], params=[*map(K, WG)], **LAYER)


def plain(function: Callable[..., Any]) -> Callable[[Numbers, Numbers], Numbers]:
    """Returns a step of a layer without gates."""
    return lambda x, h: function(x @ WR[0].T + h @ WR[1].T + WR[2] + WR[3])


for _name, _function in PLAIN.items():
    case(
        f"{_name}.input",
        over(plain(_function)),
        input=STEPS,
        hx=H[None],
        params=[*map(K, WR)],
        **LAYER,
    )
