"""Trains the int8 keyword network of this example on words that espeak-ng speaks, and records how well it does.

    sudo apt-get install espeak-ng
    python -m venv venv && venv/bin/pip install -r ../training/requirements.txt
    venv/bin/python train/train.py

Needed only to change the network: what it writes is committed, and building the firmware reads nothing else.

- `models/keywords.onnx`: the network, int8 from input to output.
- `models/test.raw`: what a microphone might hear, 8,000 samples a second, i16 little-endian: words in noise, spoken by
  voices that the network was not trained on.
- `models/keywords.json`: what is said when in `test.raw`, accuracies, and what ONNX Runtime answers to each window.

The voices are a synthesiser's. They are all alike in ways that people are not: to understand people, train on people.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from training.network import Conv, Depthwise, Network, Weights, quantised, scores, train  # noqa: E402
from training.speech import (  # noqa: E402
    CLASSES,
    KEYWORDS,
    OTHERS,
    RATE,
    TEST_OTHERS,
    TEST_VOICES,
    VOICES,
    Word,
    in_a_room,
    noise,
    to_i16,
    vocabulary,
)

Array = np.ndarray[Any, Any]
MODELS = HERE.parent / "models"
SEED = 9
STEPS = 7000

#: A frame: the energy in each band of 32 ms of sound, every 20 ms; a window that the network hears is a second.
FRAME, HOP, FRAMES = 256, 160, 49
#: The firmware asks the network every 100 ms.
FRAMES_PER_ANSWER = 5
#: Bands in bins of 31.25 Hz, from 94 to 3,813 Hz, as wide as the mel scale wants them. `src/features.rs` has the same.
EDGES = (3, 5, 7, 10, 13, 16, 20, 25, 30, 36, 43, 51, 60, 71, 84, 101, 122)
BANDS = len(EDGES) - 1


def features(samples: Array) -> Array:
    """Returns the frames of i16 samples: `[frames, bands]`, the scaled logarithm of each band's mean power."""
    count = (len(samples) - FRAME) // HOP + 1
    cut = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float32) / 32768, FRAME)[::HOP][:count]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
    power = np.abs(np.fft.rfft(cut * window)) ** 2
    bands = [power[:, low:high].mean(axis=1) for low, high in itertools.pairwise(EDGES)]
    # The logarithms of what microphones hear, brought to a mean of about 0 and a spread of about 1.
    return ((np.log(np.stack(bands, axis=1) + 1e-6) + 6.5) / 3.5).astype(np.float32)


LENGTH = FRAME + HOP * (FRAMES - 1)


def window(word: Word | None, rng: np.random.Generator) -> tuple[Array, int]:
    """Returns a window with a word somewhere in it, or part of one, and its class."""
    level = 10 ** rng.uniform(-2.2, -0.9)
    heard = noise(LENGTH, rng) * level
    if word is None:
        return features(to_i16(heard * 10 ** rng.uniform(-1, 0.3))), CLASSES.index("silence")
    sound = in_a_room(word.sound, rng)[:LENGTH]
    heard *= 10 ** rng.uniform(-1.7, -0.5)
    # Of a keyword the whole or less than half: what lies between may be taken for either, and is no example.
    whole = word.text not in KEYWORDS or rng.random() < 0.85
    if whole:
        at = int(rng.integers(0, max(LENGTH - len(sound), 1)))
    else:
        part = int(len(sound) * rng.uniform(0.15, 0.45))
        at = part - len(sound) if rng.random() < 0.5 else LENGTH - part
    start, end = max(at, 0), min(at + len(sound), LENGTH)
    heard[start:end] += sound[start - at : end - at] * level
    name = word.text if word.text in KEYWORDS and whole else "other"
    return features(to_i16(heard)), CLASSES.index(name)


def windows(words: Sequence[Word], count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Returns windows `[n, frames, bands, 1]` and their classes: a seventh is silence, two sevenths other words."""
    keywords = [word for word in words if word.text in KEYWORDS]
    others = [word for word in words if word.text not in KEYWORDS]
    images, classes = [], []
    for _ in range(count):
        draw = rng.random()
        some = None if draw < 1 / 7 else others if draw < 3 / 7 else keywords
        image, kind = window(None if some is None else some[int(rng.integers(len(some)))], rng)
        images.append(image)
        classes.append(kind)
    return np.stack(images)[..., None], np.array(classes)


NETWORK = Network(
    (FRAMES, BANDS),
    # The first layer sees all bands at once; what follows goes along the time.
    (
        Conv(48, size=(5, BANDS), stride=(2, BANDS)),
        Depthwise(size=(3, 1)),
        Conv(64),
        Depthwise(size=(3, 1), stride=(2, 1)),
        Conv(64),
        Depthwise(size=(3, 1)),
        Conv(64),
    ),
    len(CLASSES),
)


def answers(model: onnx.ModelProto, images: Array) -> Array:
    """Returns what ONNX Runtime answers to each window `[n, frames, bands, 1]`: scores from 0 to 255."""
    scale, zero = input_quantisation(model)
    quanta = np.clip(np.round(images / np.float32(scale)) + zero, -128, 127).astype(np.int8)
    return scores(model, quanta.reshape(-1, FRAMES, BANDS)).astype(np.int64) + 128


def input_quantisation(model: onnx.ModelProto) -> tuple[float, int]:
    """Returns scale and zero point of the input."""
    node = next(node for node in model.graph.node if node.input[0] == "samples")
    values = {constant.name: onnx.numpy_helper.to_array(constant) for constant in model.graph.initializer}
    return float(values[node.input[1]]), int(values[node.input[2]])


SAID = ("left", "hello", "yes", "computer", "no", "right")


def recording(words: Sequence[Word], rng: np.random.Generator) -> tuple[Array, list[tuple[str, float, float]]]:
    """Returns a recording with each word of SAID once, and what is said from when to when, in seconds."""
    parts = [np.zeros(RATE)]
    said = []
    at = RATE
    for text in SAID:
        some = [word for word in words if word.text == text]
        sound = some[int(rng.integers(len(some)))].sound
        said.append((text, round(at / RATE, 2), round((at + len(sound)) / RATE, 2)))
        gap = int(RATE * rng.uniform(0.6, 0.8))
        parts += [sound, np.zeros(gap)]
        at += len(sound) + gap
    sound = np.concatenate([*parts, np.zeros(RATE // 4)])
    return to_i16((sound + 0.08 * noise(len(sound), rng)) * 0.06), said


def main() -> None:
    """Speaks, trains, quantises, measures and writes the three files."""
    rng = np.random.default_rng(SEED)
    words = vocabulary(KEYWORDS, VOICES, 500, rng) + vocabulary(OTHERS, VOICES, 16, rng)
    test_words = vocabulary(KEYWORDS, TEST_VOICES, 40, rng) + vocabulary(TEST_OTHERS, TEST_VOICES, 8, rng)
    print(f"{len(words)} words of {len(VOICES)} voices; for the test {len(test_words)} of {len(TEST_VOICES)} others")
    images, classes = windows(words, 30000, rng)
    test_images, test_classes = windows(test_words, 3000, rng)
    print(f"{len(images)} windows; features {images.mean():.2f} +- {images.std():.2f}", flush=True)

    def batch() -> tuple[Array, Array]:
        rows = rng.integers(len(images), size=64)
        some = images[rows]
        # Without a few frames here and there the network must do as well.
        for each in some:
            start = int(rng.integers(FRAMES - 6))
            each[start : start + int(rng.integers(6))] = each.min()
        return some, classes[rows]

    def report(step: int, weights: Weights) -> None:
        right = (np.asarray(NETWORK.scores(weights, test_images[:1000])).argmax(axis=1) == test_classes[:1000]).mean()
        print(f"{step:6d}: {100 * right:.1f} % of the test", flush=True)

    weights = train(NETWORK, batch, STEPS, SEED, report)
    model = quantised(NETWORK.to_onnx(weights), images[:1000], unsigned=False)
    of_float = np.asarray(NETWORK.scores(weights, test_images)).argmax(axis=1)
    of_int8 = answers(model, test_images).argmax(axis=1)
    for index, name in enumerate(CLASSES):
        print(f"{name:8s}", np.bincount(of_int8[test_classes == index], minlength=len(CLASSES)))

    samples, said = recording(test_words, np.random.default_rng(SEED + 1))
    frames = features(samples)
    ends = range(FRAMES, len(frames) + 1, FRAMES_PER_ANSWER)
    heard = answers(model, np.stack([frames[end - FRAMES : end, :, None] for end in ends]))
    for end, row in zip(ends, heard, strict=True):
        print(f"{(FRAME + HOP * (end - 1)) / RATE:6.2f} {CLASSES[row.argmax()]:8s} {row.max():4d}")

    MODELS.mkdir(exist_ok=True)
    onnx.save(model, MODELS / "keywords.onnx")
    samples.astype("<i2").tofile(MODELS / "test.raw")
    record = {
        "said": [{"word": text, "from": start, "to": end} for text, start, end in said],
        "answers": "".join(str(row.argmax()) for row in heard),
        "classes": CLASSES,
        "windows": len(test_images),
        "float_correct": int((of_float == test_classes).sum()),
        "int8_correct": int((of_int8 == test_classes).sum()),
        "parameters": sum(kernel.size + bias.size for kernel, bias in weights),
        "onnx_bytes": (MODELS / "keywords.onnx").stat().st_size,
        "trained_with": {name: version(name) for name in ("jax", "optax", "numpy", "scipy")},
        "reference": f"onnxruntime {version('onnxruntime')}",
    }
    (MODELS / "keywords.json").write_text(json.dumps(record, indent=2) + "\n")
    print({key: value for key, value in record.items() if key not in ("said", "answers")})


if __name__ == "__main__":
    main()
