"""Trains the uint8 camera network of this example on pictures that it draws, and records how well it does.

    python -m venv venv && venv/bin/pip install -r ../training/requirements.txt
    venv/bin/python train/train.py

Needed only to change the network: what it writes is committed, and building the firmware reads nothing else.

- `models/shapes.onnx`: the network, uint8 pixels to uint8 scores.
- `models/test.bin`: 24 grey pictures of the test, 64 by 64 bytes each, from 0 (black) to 255 (white), row by row.
- `models/shapes.json`: what they show, accuracies, and what ONNX Runtime answers to each.

A picture shows one of four signs, or none, in front of something: large or small, turned, unsharp, in uneven light,
with clutter and noise. It is drawn, not photographed: a network for a real camera needs pictures of that camera.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from scipy.ndimage import gaussian_filter

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from training.network import Conv, Depthwise, Network, Weights, quantised, scores, train  # noqa: E402

Array = np.ndarray[Any, Any]
MODELS = HERE.parent / "models"
SEED = 9
STEPS = 3000
SIZE = 64
CLASSES = ("nothing", "circle", "square", "triangle", "cross")
NETWORK = Network(
    (SIZE, SIZE),
    (
        Conv(16, size=(3, 3), stride=(2, 2)),
        Depthwise(stride=(2, 2)),
        Conv(32),
        Depthwise(stride=(2, 2)),
        Conv(48),
        Depthwise(stride=(2, 2)),
        Conv(96),
        Depthwise(),
        Conv(128),
        Depthwise(),
        Conv(160),
    ),
    len(CLASSES),
)
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE].astype(np.float32)


def inside(kind: str, x: float, y: float, radius: float, turn: float) -> Array:
    """Returns which pixels lie in a sign around a point."""
    u = (COLUMNS - x) * np.cos(turn) + (ROWS - y) * np.sin(turn)
    v = (ROWS - y) * np.cos(turn) - (COLUMNS - x) * np.sin(turn)
    if kind == "circle":
        return u**2 + v**2 <= (0.9 * radius) ** 2
    if kind == "square":
        return np.maximum(abs(u), abs(v)) <= 0.78 * radius
    if kind == "triangle":
        return (v <= 0.5 * radius) & (abs(u) * 1.732 - v <= radius)
    arm = 0.27 * radius
    return ((abs(u) <= arm) | (abs(v) <= arm)) & (np.maximum(abs(u), abs(v)) <= radius)


def picture(kind: str, rng: np.random.Generator) -> Array:
    """Returns one picture `[64, 64]`, uint8."""
    # What is behind: a smooth landscape, stripes at times, and clutter of lines and blots.
    image = gaussian_filter(rng.normal(size=(SIZE, SIZE)), rng.uniform(1, 12))
    image = image / image.std() * rng.uniform(2, 18) + rng.uniform(60, 190)
    if rng.random() < 0.3:
        turn = rng.uniform(0, np.pi)
        wave = (COLUMNS * np.cos(turn) + ROWS * np.sin(turn)) * rng.uniform(0.2, 1.2)
        image += rng.uniform(4, 16) * np.sign(np.sin(wave + rng.uniform(0, 6)))
    for _ in range(rng.integers(0, 7)):
        turn, at = rng.uniform(0, np.pi), rng.uniform(-20, 84)
        line = abs((COLUMNS - at) * np.cos(turn) + (ROWS - rng.uniform(0, 64)) * np.sin(turn))
        image[line < rng.uniform(0.4, 1.6)] += rng.uniform(-50, 50)
    for _ in range(rng.integers(0, 4)):
        x, y = rng.uniform(0, SIZE, 2)
        blot = ((COLUMNS - x) / rng.uniform(1, 7)) ** 2 + ((ROWS - y) / rng.uniform(1, 7)) ** 2
        image[blot < 1] += rng.uniform(-50, 50)
    if kind != "nothing":
        radius = rng.uniform(9, 25)
        x, y = rng.uniform(radius * 0.9, SIZE - radius * 0.9, 2)
        sign = inside(kind, x, y, radius, rng.uniform(-0.35, 0.35))
        contrast = rng.choice([-1, 1]) * rng.uniform(45, 110)
        image = np.where(sign, image * rng.uniform(0.1, 0.7) + 64 + contrast, image)
    # What a lens, the light and a sensor make of it.
    image = gaussian_filter(image, rng.uniform(0.2, 1.1))
    image += (COLUMNS - 32) * rng.uniform(-0.8, 0.8) + (ROWS - 32) * rng.uniform(-0.8, 0.8)
    image += rng.normal(size=(SIZE, SIZE)) * rng.uniform(1, 7)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def pictures(count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Returns pictures `[n, 64, 64]` and their classes."""
    classes = rng.integers(len(CLASSES), size=count)
    return np.stack([picture(CLASSES[index], rng) for index in classes]), classes


def to_real(images: Array) -> Array:
    """Returns pictures as the network sees them in float32: black is 0, white is 1."""
    return (images[..., None] / 255).astype(np.float32)


def answers(model: onnx.ModelProto, images: Array) -> Array:
    """Returns what ONNX Runtime answers to each picture."""
    return scores(model, images).argmax(axis=1)


def main() -> None:
    """Draws, trains, quantises, measures and writes the three files."""
    images, classes = pictures(16000, np.random.default_rng(SEED))
    test_images, test_classes = pictures(2000, np.random.default_rng(SEED + 1))
    rng = np.random.default_rng(SEED + 2)

    def batch() -> tuple[Array, Array]:
        rows = rng.integers(len(images), size=64)
        some = images[rows]
        return to_real(some if rng.random() < 0.5 else some[:, :, ::-1]), classes[rows]

    def report(step: int, weights: Weights) -> None:
        right = NETWORK.scores(weights, to_real(test_images[:500])).argmax(axis=1) == test_classes[:500]
        print(f"{step:6d}: {100 * right.mean():.1f} % of the test", flush=True)

    weights = train(NETWORK, batch, STEPS, SEED, report)
    # Black and white are in the examples from which ranges are measured: a pixel is its own quantum.
    examples = to_real(images[:500])
    examples[0].flat[:2] = 0, 1
    model = quantised(NETWORK.to_onnx(weights), examples, unsigned=True)
    of_float = np.concatenate(
        [np.asarray(NETWORK.scores(weights, to_real(some)).argmax(axis=1)) for some in np.split(test_images, 8)]
    )
    of_int8 = answers(model, test_images)
    for index, name in enumerate(CLASSES):
        print(f"{name:8s}", np.bincount(of_int8[test_classes == index], minlength=len(CLASSES)))

    MODELS.mkdir(exist_ok=True)
    onnx.save(model, MODELS / "shapes.onnx")
    test_images[:24].tofile(MODELS / "test.bin")
    record = {
        "classes": CLASSES,
        "shown": "".join(str(index) for index in test_classes[:24]),
        "answers": "".join(str(index) for index in of_int8[:24]),
        "pictures": len(test_images),
        "float_correct": int((of_float == test_classes).sum()),
        "uint8_correct": int((of_int8 == test_classes).sum()),
        "parameters": sum(kernel.size + bias.size for kernel, bias in weights),
        "onnx_bytes": (MODELS / "shapes.onnx").stat().st_size,
        "trained_with": {name: version(name) for name in ("jax", "optax", "numpy", "scipy")},
        "reference": f"onnxruntime {version('onnxruntime')}",
    }
    (MODELS / "shapes.json").write_text(json.dumps(record, indent=2) + "\n")
    print(record)


if __name__ == "__main__":
    main()
