"""Normalisations and softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.aten.case import IMAGE, Cases, K, Numbers, X, Y, drawing, soft

CASES = Cases()
case, real = CASES.add, drawing(9)


def normed(x: Numbers, axes: Any) -> Numbers:  # noqa: ANN401 - numpy's axes
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


G4, B4, MEAN, VAR = real(4), real(4), real(4), np.abs(real(4)) + np.float32(0.5)


def running(x: Numbers) -> Numbers:
    g, b, m, s = (a[:, None, None] for a in (G4, B4, MEAN, VAR))
    return (x - m) / np.sqrt(s + 1e-5) * g + b


STATS = {"weight": K(G4), "bias": K(B4), "running_mean": K(MEAN), "running_var": K(VAR)}
case("batch_norm", running, input=IMAGE, **STATS, training=False, momentum=0.1, eps=1e-5)
case("batch_norm", lambda x: normed(x, (0, 2, 3)), input=IMAGE, training=True, momentum=0.1, eps=1e-5)
case(
    "_native_batch_norm_legit_no_training _batch_norm_no_update", running, input=IMAGE, **STATS, momentum=0.1, eps=1e-5
)
case(
    "_native_batch_norm_legit native_batch_norm", running, input=IMAGE, **STATS, training=False, momentum=0.1, eps=1e-5
)
case(
    "_native_batch_norm_legit.no_stats",
    lambda x: normed(x, (0, 2, 3)),
    input=IMAGE,
    training=True,
    momentum=0.1,
    eps=1e-5,
)
AFFINE = {"weight": K(G4), "bias": K(B4)}
case(
    "layer_norm native_layer_norm", lambda x: normed(x, -1) * G4 + B4, input=X, normalized_shape=[4], **AFFINE, eps=1e-5
)
case(
    "rms_norm _fused_rms_norm",
    lambda x: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * G4,
    input=X,
    normalized_shape=[4],
    weight=K(G4),
    eps=1e-5,
)
WIDE = IMAGE.reshape(1, 2, -1)
GROUPS = {"input": IMAGE, **AFFINE, "eps": 1e-5}
case(
    "group_norm",
    lambda x: normed(WIDE, 2).reshape(x.shape) * G4[:, None, None] + B4[:, None, None],
    num_groups=2,
    **GROUPS,
)
case(
    "native_group_norm",
    lambda x: normed(WIDE, 2).reshape(x.shape) * G4[:, None, None] + B4[:, None, None],
    group=2,
    N=1,
    C=4,
    HxW=48,
    **GROUPS,
)
case("instance_norm", lambda x: normed(x, (2, 3)), input=IMAGE, use_input_stats=True, momentum=0.1, eps=1e-5)
case("instance_norm", running, input=IMAGE, **STATS, use_input_stats=False, momentum=0.1, eps=1e-5)


case("softmax.int special_softmax.int", lambda x: soft(x, 1), self=X, dim=1)
case("_softmax", lambda x: soft(x, 1), self=X, dim=1, half_to_float=False)
case("_safe_softmax", lambda x: soft(x, -1), self=X, dim=-1)
case("log_softmax.int special_log_softmax.int", lambda x: np.log(soft(x, 1)), self=X, dim=1)
case("_log_softmax", lambda x: np.log(soft(x, 1)), self=X, dim=1, half_to_float=False)
case("softmin.int", lambda x: soft(-x, 1), self=X, dim=1)
case("cosine_similarity", lambda x, y: (x * y).sum(1) / np.sqrt((x * x).sum(1) * (y * y).sum(1)), x1=X, x2=Y)
