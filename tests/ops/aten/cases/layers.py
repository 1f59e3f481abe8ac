"""Convolutions, dense layers, products of matrices, pools."""

from __future__ import annotations

import numpy as np

from tests.ops.aten.case import CUBE, IMAGE, ROW, Case, Cases, K, Numbers, X, Y, drawing

CASES = Cases()
case, real = CASES.add, drawing(8)


def convolved(x: Numbers, w: Numbers, stride: int = 1, pad: int = 0, groups: int = 1) -> Numbers:
    """A convolution of NCHW as it is defined."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    h, width = (x.shape[2] - w.shape[2]) // stride + 1, (x.shape[3] - w.shape[3]) // stride + 1
    out = np.zeros((1, w.shape[0], h, width), np.float32)
    for c in range(w.shape[0]):
        start = c // (w.shape[0] // groups) * w.shape[1]
        for i in range(h):
            for j in range(width):
                part = x[
                    0,
                    start : start + w.shape[1],
                    i * stride : i * stride + w.shape[2],
                    j * stride : j * stride + w.shape[3],
                ]
                out[0, c, i, j] = (part * w[c]).sum()
    return out


W2, W1, B = real(6, 4, 3, 3), real(6, 4, 3), real(6)
case(
    "conv2d",
    lambda x: convolved(x, W2, 2, 1) + B[:, None, None],
    input=IMAGE,
    weight=K(W2),
    bias=K(B),
    stride=[2, 2],
    padding=[1, 1],
)
case("conv2d.padding", lambda x: convolved(x, W2, 1, 1), input=IMAGE, weight=K(W2), bias=None, padding="same")
case("conv2d.padding", lambda x: convolved(x, W2), input=IMAGE, weight=K(W2), bias=None, padding="valid")
case("conv2d", lambda x: convolved(x[None], W2)[0], input=IMAGE[0], weight=K(W2))
case("conv1d", lambda x: convolved(x[:, :, None], W1[:, :, None])[:, :, 0], input=ROW, weight=K(W1))
case(
    "conv1d.padding",
    lambda x: convolved(x[:, :, None], W1[:, :, None])[:, :, 0],
    input=ROW,
    weight=K(W1),
    padding="valid",
)
case(
    "convolution _convolution",
    lambda x: convolved(x, W2[:, :2], groups=2),
    input=IMAGE,
    weight=K(W2[:, :2]),
    bias=None,
    stride=[1, 1],
    padding=[0, 0],
    dilation=[1, 1],
    transposed=False,
    output_padding=[0, 0],
    groups=2,
)
case(
    "conv3d conv3d.padding",
    lambda _: np.zeros((1, 2, 2, 3, 3), np.float32),
    input=real(1, 1, 2, 3, 3),
    weight=K(np.zeros((2, 1, 1, 1, 1), np.float32)),
    padding="valid",
)


def spread(x: Numbers, w: Numbers, stride: int) -> Numbers:
    """A transposed convolution without padding."""
    out = np.zeros(
        (1, w.shape[1], (x.shape[2] - 1) * stride + w.shape[2], (x.shape[3] - 1) * stride + w.shape[3]), np.float32
    )
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            part = np.einsum("c,cohw->ohw", x[0, :, i, j], w)
            out[0, :, i * stride : i * stride + w.shape[2], j * stride : j * stride + w.shape[3]] += part
    return out


WT = real(4, 3, 3, 3)
case(
    "conv_transpose2d.input conv_transpose2d",
    lambda x: spread(x, WT, 2)[:, :, 1:, 1:],
    input=IMAGE,
    weight=K(WT),
    stride=[2, 2],
    padding=[1, 1],
    output_padding=[1, 1],
)
case(
    "conv_transpose1d.input conv_transpose1d",
    lambda x: spread(x[:, :, None], WT[:, :, :1], 2)[:, :, 0],
    input=ROW,
    weight=K(WT[:, :, 0]),
    stride=[2],
)
case(
    "conv_transpose3d.input conv_transpose3d",
    lambda _: np.zeros((1, 1, 2, 3, 3), np.float32),
    input=real(1, 1, 2, 3, 3),
    weight=K(np.zeros((1, 1, 1, 1, 1), np.float32)),
)
M = real(4, 5)
case("linear", lambda x: x @ M + B[:5], input=X, weight=K(M.T.copy()), bias=K(B[:5]))
case("linear", lambda x: x @ M, input=X[0, 0], weight=K(M.T.copy()))
case("linear", lambda x, w: x @ w.T, input=X, weight=M.T.copy())
case("addmm", lambda b, x: 2 * b + 0.5 * (x @ M), self=real(5), mat1=X[0], mat2=K(M), beta=2, alpha=0.5)
case("addmv", lambda b, m, x: b + m @ x, self=real(3), mat=X[0], vec=real(4))
case(
    "baddbmm",
    lambda b, x, y: 2 * b + 0.5 * (x @ y),
    self=real(2, 3, 3),
    batch1=X,
    batch2=real(2, 4, 3),
    beta=2,
    alpha=0.5,
)
case("matmul", np.matmul, self=X, other=real(4, 5))
case("mm", np.matmul, self=X[0], mat2=M)
case("bmm", np.matmul, self=X, mat2=real(2, 4, 5))
case("mv", np.matmul, self=X[0], vec=real(4))
case("dot", np.dot, self=real(4), tensor=real(4))
case("einsum", lambda x, y: np.einsum("bij,bkj->bik", x, y), equation="bij,bkj->bik", tensors=[X, Y])
BLOCKS = IMAGE.reshape(1, 4, 3, 2, 4, 2)
case("max_pool2d max_pool2d_with_indices", lambda _: BLOCKS.max((3, 5)), self=IMAGE, kernel_size=[2, 2])
case("avg_pool2d", lambda _: BLOCKS.mean((3, 5)), self=IMAGE, kernel_size=[2], stride=[])
case("avg_pool2d", lambda _: BLOCKS.sum((3, 5)) / 3, self=IMAGE, kernel_size=[2, 2], divisor_override=3)
case("max_pool1d max_pool1d_with_indices", lambda x: x.reshape(1, 4, 6, 2).max(3), self=ROW, kernel_size=[2])
case("avg_pool1d", lambda x: x.reshape(1, 4, 6, 2).mean(3), self=ROW, kernel_size=[2])
case(
    "max_pool3d max_pool3d_with_indices adaptive_max_pool3d",
    lambda x: x.max((2, 3, 4), keepdims=True),
    self=CUBE,
    kernel_size=[2],
)
case("avg_pool3d", lambda x: x.mean((2, 3, 4), keepdims=True), self=CUBE, kernel_size=[2])
CASES[-2] = Case([n for n in CASES[-2].names if "adaptive" not in n], CASES[-2].arguments, CASES[-2].wanted)
case("adaptive_max_pool3d", lambda x: x.max((2, 3, 4), keepdims=True), self=CUBE, output_size=[1])
case("adaptive_avg_pool3d _adaptive_avg_pool3d", lambda x: x.mean((2, 3, 4), keepdims=True), self=CUBE, output_size=[1])
case(
    "adaptive_avg_pool2d _adaptive_avg_pool2d", lambda x: x.mean((2, 3), keepdims=True), self=IMAGE, output_size=[1, 1]
)
case("adaptive_avg_pool2d", lambda _: BLOCKS.mean((3, 5)), self=IMAGE, output_size=[3, 4])
case(
    "adaptive_max_pool2d",
    lambda x: np.maximum(x[..., :3, :], x[..., 3:, :]).reshape(1, 4, 3, 8).max(2, keepdims=True).max(3, keepdims=True),
    self=IMAGE,
    output_size=[1, 1],
)
FIVE = [ROW[..., a:b] for a, b in ((0, 3), (2, 5), (4, 8), (7, 10), (9, 12))]
case(
    "adaptive_avg_pool1d _adaptive_avg_pool1d",
    lambda _: np.stack([p.mean(2) for p in FIVE], 2),
    self=ROW,
    output_size=[5],
)
case("adaptive_max_pool1d", lambda _: np.stack([p.max(2) for p in FIVE], 2), self=ROW, output_size=[5])
