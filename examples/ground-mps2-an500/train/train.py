"""Trains the int8 camera network of this example on three photographs, and records how well it does.

    python -m venv venv && venv/bin/pip install -r ../training/requirements.txt scikit-image==0.26.0
    venv/bin/python train/train.py

Needed only to change the network: what it writes is committed, and building the firmware reads nothing else.

- `models/ground.onnx`: the network, int8 pixels to int8 scores.
- `models/test.bin`: nine grey pictures of the test, 96 by 96 bytes each, from 0 (black) to 255 (white), row by row.
- `models/ground.json`: what they show, accuracies, and what ONNX Runtime answers to each.

scikit-image's wheel has a photograph of bricks, one of grass and one of gravel, all in the public domain (CC0). A
picture is a square of one of them, turned, near or far, in some light, unsharp and noisy. The network is trained on the
upper two thirds of the photographs and tested on the rest.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from scipy.ndimage import gaussian_filter, map_coordinates
from skimage import data

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from training.network import Conv, Depthwise, Network, Weights, quantised, scores, train  # noqa: E402

Array = np.ndarray[Any, Any]
MODELS = HERE.parent / "models"
SEED = 7
STEPS = 800
SIZE = 96
CLASSES = ("brick", "grass", "gravel")
#: Rows of the photographs from which on they are for the test.
TEST_FROM = 344
#: MobileNet v1 of a quarter of the width, as TFLite-Micro's person_detect has it: channels and stride of each pair.
PAIRS = ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5, (256, 2), (256, 1))
NETWORK = Network(
    (SIZE, SIZE),
    (
        Conv(8, size=(3, 3), stride=(2, 2)),
        *(layer for channels, step in PAIRS for layer in (Depthwise(stride=(step, step)), Conv(channels))),
    ),
    len(CLASSES),
)
ROWS, COLUMNS = (np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2).astype(np.float32)


def picture(photograph: Array, rng: np.random.Generator) -> Array:
    """Returns one picture `[96, 96]`, uint8, of a part of a photograph."""
    side, turn = rng.uniform(36, 108), rng.uniform(0, 2 * np.pi)
    # No corner of the square leaves the part.
    reach = side * (abs(np.cos(turn)) + abs(np.sin(turn))) / 2
    row, column = (rng.uniform(reach, length - 1 - reach) for length in photograph.shape)
    step = side / SIZE
    rows = row + step * (ROWS * np.cos(turn) - COLUMNS * np.sin(turn))
    columns = column + step * (ROWS * np.sin(turn) + COLUMNS * np.cos(turn))
    image = map_coordinates(photograph, [rows, columns], order=1)
    # What the light, a lens and a sensor make of it: of each kind of ground the pictures are as bright, in the mean.
    image = (image - image.mean()) / (image.std() + 1e-3) * rng.uniform(14, 56) + rng.uniform(64, 192)
    image += ROWS * rng.uniform(-0.5, 0.5) + COLUMNS * rng.uniform(-0.5, 0.5)
    image = gaussian_filter(image, rng.uniform(0.0, 1.2)) + rng.normal(size=image.shape) * rng.uniform(0, 6)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def pictures(parts: list[Array], count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Returns pictures `[n, 96, 96]` and their classes."""
    classes = rng.integers(len(CLASSES), size=count)
    return np.stack([picture(parts[index], rng) for index in classes]), classes


def to_real(images: Array) -> Array:
    """Returns pictures as the network sees them in float32: black is 0, white is 1."""
    return (images[..., None] / 255).astype(np.float32)


def answers(model: onnx.ModelProto, images: Array) -> Array:
    """Returns the scores that ONNX Runtime gives to each picture `[n, classes]`, int8."""
    return scores(model, (images.astype(np.int16) - 128).astype(np.int8))


def main() -> None:
    """Cuts, trains, quantises, measures and writes the three files."""
    photographs = [np.float32(getattr(data, name)()) for name in CLASSES]
    images, classes = pictures([photo[:TEST_FROM] for photo in photographs], 6000, np.random.default_rng(SEED))
    tests = [photo[TEST_FROM:] for photo in photographs]
    test_images, test_classes = pictures(tests, 1200, np.random.default_rng(SEED + 1))
    rng = np.random.default_rng(SEED + 2)

    def batch() -> tuple[Array, Array]:
        rows = rng.integers(len(images), size=32)
        some = images[rows]
        return to_real(some if rng.random() < 0.5 else some[:, :, ::-1]), classes[rows]

    def report(step: int, weights: Weights) -> None:
        right = NETWORK.scores(weights, to_real(test_images[:300])).argmax(axis=1) == test_classes[:300]
        print(f"{step:6d}: {100 * right.mean():.1f} % of the test", flush=True)

    weights = train(NETWORK, batch, STEPS, SEED, report, rate=2e-3)
    # Black and white are in the examples from which ranges are measured: a pixel is its own quantum.
    examples = to_real(images[:300])
    examples[0].flat[:2] = 0, 1
    model = quantised(NETWORK.to_onnx(weights), examples, unsigned=False)
    parts = np.split(test_images, 8)
    of_float = np.concatenate([np.asarray(NETWORK.scores(weights, to_real(some)).argmax(axis=1)) for some in parts])
    answered = answers(model, test_images)
    of_int8 = answered.argmax(axis=1)
    for index, name in enumerate(CLASSES):
        print(f"{name:8s}", np.bincount(of_int8[test_classes == index], minlength=len(CLASSES)))

    MODELS.mkdir(exist_ok=True)
    onnx.save(model, MODELS / "ground.onnx")
    test_images[:9].tofile(MODELS / "test.bin")
    record = {
        "classes": CLASSES,
        "shown": "".join(str(index) for index in test_classes[:9]),
        "scores": answered[:9].tolist(),
        "pictures": len(test_images),
        "float_correct": int((of_float == test_classes).sum()),
        "int8_correct": int((of_int8 == test_classes).sum()),
        "parameters": sum(kernel.size + bias.size for kernel, bias in weights),
        "onnx_bytes": (MODELS / "ground.onnx").stat().st_size,
        "trained_with": {name: version(name) for name in ("jax", "optax", "numpy", "scipy", "scikit-image")},
        "reference": f"onnxruntime {version('onnxruntime')}",
    }
    (MODELS / "ground.json").write_text(json.dumps(record, indent=2) + "\n")
    print(record)


if __name__ == "__main__":
    main()
