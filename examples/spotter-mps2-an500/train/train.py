"""Trains the keyword spotter of this example on words that espeak-ng speaks, and writes it as one TFLite file.

    sudo apt-get install espeak-ng
    python -m venv venv && venv/bin/pip install -r ../training/requirements.txt
    venv/bin/python train/train.py

Needed only to change the model: what it writes is committed, and building the firmware reads nothing else.

- `models/spotter.tflite`: the model, from 20 ms of samples (i16) to scores: the front (`front.py`), whose operators
  TFLite-Micro computes for the training too, and the network, which keeps the past it needs in CIRCULAR_BUFFERs.
- `models/test.raw`: what a microphone might hear, 8,000 samples a second, i16 little-endian: words in noise, spoken by
  voices that the network was not trained on.
- `models/spotter.json`: what is said when in `test.raw`, what TFLite-Micro answers, and how well it hears in general.

The voices are a synthesiser's. They are all alike in ways that people are not: to understand people, train on people.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from front import BANDS, BANDS_QUANTISATION, HOP, front  # noqa: E402
from training.network import Conv, Depthwise, Network, Weights, train  # noqa: E402
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
from training.tflite import Model, Quantisation, run  # noqa: E402

Array = np.ndarray[Any, Any]
MODELS = HERE.parent / "models"
SEED = 12
STEPS = 5000
STREAMS, TEST_STREAMS = 1800, 250

#: More words that are no keywords: a model that listens all day hears many.
MORE_OTHERS = (
    *("below", "fellow", "solo", "piano", "potato", "radio", "photo", "video", "tomato", "pillow", "echo", "cargo"),
    *("nothing", "nice", "nurse", "night", "knife", "knock", "number", "nap", "name", "nature", "neck", "north"),
    *("own", "over", "ocean", "only", "coat", "boat", "road", "phone", "yard", "year", "yolk", "unit", "young"),
    *("less", "press", "desk", "test", "rest", "tennis", "address", "success", "lesson", "lake", "lamb", "leg"),
    *("lion", "lip", "list", "lock", "long", "lost", "loud", "lunch", "level", "read", "red", "ring", "rise", "rock"),
    *("roof", "rope", "round", "rush", "spite", "kite", "bottle", "carpet", "doctor", "engine", "finger", "hammer"),
    *("island", "jacket", "ladder", "market", "orange", "pencil", "rabbit", "silver", "tiger", "umbrella", "village"),
    *("winter", "zebra", "banana", "elephant", "hospital", "important", "remember", "together", "answer", "question"),
)

#: Hops that the network hears: a second. It remembers them layer by layer; a run computes only what is new.
FRAMES = 49
CHANNELS = 40
NETWORK = Network(
    (FRAMES, BANDS),
    (
        Conv(CHANNELS, size=(5, BANDS)),
        *(Depthwise(size=(9, 1)), Conv(CHANNELS)) * 3,
    ),
    len(CLASSES),
    padded=False,
)
#: Answers of the network whose mean the model gives.
SMOOTHED = 8
#: A run tells a keyword that is more probable than the first, and the same one again after it was below the second.
SURE, GONE = 0.7, 0.3


@dataclass(frozen=True)
class Stream:
    """Some seconds of sound, i16 `[hops, HOP]`, and the words in it: what, from which sample, to which."""

    samples: Array
    said: Sequence[tuple[str, int, int]]


def stream(words: Sequence[Word], hops: int, rng: np.random.Generator) -> Stream:
    """Returns words with pauses between them, two thirds of them keywords, in one room, in noise."""
    keywords = [word for word in words if word.text in KEYWORDS]
    others = [word for word in words if word.text not in KEYWORDS]
    length = hops * HOP
    level = 10 ** rng.uniform(-2.2, -0.9)
    heard = noise(length, rng) * level * 10 ** rng.uniform(-1.7, -0.5)
    said = []
    at = int(RATE * rng.uniform(0.5, 1.0))
    while True:
        some = keywords if rng.random() < 2 / 3 else others
        word = some[int(rng.integers(len(some)))]
        sound = in_a_room(word.sound, rng) * level * rng.uniform(0.7, 1.4)
        if at + len(sound) > length:
            return Stream(to_i16(heard).reshape(hops, HOP), said)
        heard[at : at + len(sound)] += sound
        end = at + len(word.sound)
        said.append((word.text, at, end))
        at = end + int(RATE * (rng.uniform(0.3, 1.2) if rng.random() < 0.8 else rng.uniform(1.2, 2.5)))


def classes_of(heard: Stream) -> Array:
    """Returns of each hop the class of the second that ends with it, -1 where it may be taken for two."""
    found = np.full(len(heard.samples), -1)
    for hop in range(FRAMES, len(found) + 1):
        start, end = (hop - FRAMES) * HOP, hop * HOP
        parts = [(text, (min(end, to) - max(start, at)) / (to - at)) for text, at, to in heard.said]
        whole = {text for text, part in parts if text in KEYWORDS and part >= 0.97}
        most = max((part for _, part in parts), default=0.0)
        if len(whole) == 1:
            found[hop - 1] = CLASSES.index(whole.pop())
        elif not whole and all(part < 0.45 for text, part in parts if text in KEYWORDS):
            found[hop - 1] = CLASSES.index("other") if most > 0.15 else CLASSES.index("silence") if most < 0.02 else -1
    return found


def streams(words: Sequence[Word], count: int, rng: np.random.Generator) -> list[Stream]:
    """Returns streams of six seconds."""
    return [stream(words, 300, rng) for _ in range(count)]


def bands_of(heard: Sequence[Stream]) -> Array:
    """Returns what the front makes of each stream: int8 `[streams, hops, BANDS]`, by TFLite-Micro."""
    model = Model()
    samples = model.tensor("samples", "int16", [1, HOP])
    file = model.to_bytes([samples], [front(model, samples)])
    rows = np.concatenate([each.samples for each in heard])
    return run(file, rows).reshape(len(heard), -1, BANDS)


def greatest_outputs(weights: Weights, images: Array) -> list[float]:
    """Returns the greatest output of each layer but for one in 10,000; ReLU makes the least 0."""
    return [float(np.percentile(np.asarray(values), 99.99)) for values in NETWORK.outputs(weights, images)[:-1]]


def spotter(weights: Weights, ranges: Sequence[float]) -> bytes:
    """Returns the whole model: i16 `[1, HOP]` to scores, int8 `[1, classes]`; `ranges` are of the layers."""
    model = Model()
    samples = model.tensor("samples", "int16", [1, HOP])
    values = front(model, samples)
    channels, input_ = BANDS, BANDS_QUANTISATION
    layers = zip(NETWORK.layers, weights[:-1], ranges, strict=True)
    for number, (layer, (kernel, bias), greatest) in enumerate(layers):
        output = Quantisation(greatest / 255, -128)
        taps = layer.size[0]
        values = kept(model, values, taps, channels, input_)
        if isinstance(layer, Depthwise):
            # [taps, 1, 1, channels] to [1, taps, 1, channels].
            quanta, scales = quantised(kernel.transpose(2, 0, 1, 3), 3)
            kind, options = "DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions"
            fields = {"depthMultiplier": 1}
        else:
            # [taps, bands, 1, out] or [1, 1, in, out] to [out, taps, 1, in].
            quanta, scales = quantised(kernel.reshape(taps, 1, channels, -1).transpose(3, 0, 1, 2), 0)
            kind, options, fields = "CONV_2D", "Conv2DOptions", {}
            channels = len(quanta)
        constants = [
            model.constant(f"kernel{number}", quanta, Quantisation(scales, 0, 3 if fields else 0)),
            bias_of(model, f"bias{number}", bias, scales * input_.scale),
        ]
        result = model.tensor(f"layer{number}", "int8", [1, 1, 1, channels], output)
        fields |= {"padding": 1, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
        fields |= {"fusedActivationFunction": 1}
        model.operator(kind, [values, *constants], [result], options, **fields)
        values, input_ = result, output

    steps = FRAMES - sum(layer.size[0] - 1 for layer in NETWORK.layers)
    values = mean(model, "last_second", kept(model, values, steps, channels, input_), steps, channels, input_)
    quanta, scales = quantised(weights[-1][0].T, None)
    constants = [
        model.constant("dense", quanta, Quantisation(scales)),
        bias_of(model, "offsets", weights[-1][1], scales * input_.scale),
    ]
    sums = model.tensor("sums", "int8", [1, len(CLASSES)], Quantisation(1 / 8))
    model.operator("FULLY_CONNECTED", [values, *constants], [sums], "FullyConnectedOptions")
    probability = Quantisation(1 / 256, -128)
    answer = model.tensor("answer", "int8", [1, len(CLASSES)], probability)
    model.operator("SOFTMAX", [sums], [answer], "SoftmaxOptions", beta=1.0)
    answers = reshaped(model, "answer_row", answer, [1, 1, 1, len(CLASSES)], probability)
    answers = kept(model, answers, SMOOTHED, len(CLASSES), probability)
    return model.to_bytes([samples], [mean(model, "scores", answers, SMOOTHED, len(CLASSES), probability)])


def kept(model: Model, values: int, slots: int, channels: int, quantisation: Quantisation) -> int:
    """Adds a buffer of the last `slots` rows, the newest at the end; read in every run."""
    if slots == 1:
        return values
    rows = model.tensor("past", "int8", [1, slots, 1, channels], quantisation, variable=True)
    model.custom("CIRCULAR_BUFFER", [values], [rows], {"cycles_max": 1})
    return rows


def mean(model: Model, name: str, rows: int, slots: int, channels: int, quantisation: Quantisation) -> int:
    """Adds the mean of `slots` rows: `[1, channels]`."""
    result = model.tensor("mean", "int8", [1, 1, 1, channels], quantisation)
    fields = {"padding": 1, "strideH": 1, "strideW": 1, "filterHeight": slots, "filterWidth": 1}
    model.operator("AVERAGE_POOL_2D", [rows], [result], "Pool2DOptions", **fields)
    return reshaped(model, name, result, [1, channels], quantisation)


def reshaped(model: Model, name: str, values: int, shape: Sequence[int], quantisation: Quantisation) -> int:
    """Adds a change of shape."""
    result = model.tensor(name, "int8", shape, quantisation)
    model.operator("RESHAPE", [values, model.constant("shape", np.array(shape, np.int32))], [result])
    return result


def quantised(kernel: Array, axis: int | None) -> tuple[Array, Array]:
    """Returns int8 weights and their scales, along the axis or of all."""
    axes = None if axis is None else tuple(k for k in range(kernel.ndim) if k != axis)
    greatest = np.maximum(np.abs(kernel).max(axis=axes, keepdims=True), 1e-6)
    quanta = np.round(kernel / (greatest / 127)).astype(np.int8)
    return quanta, (greatest / 127).astype(np.float32).reshape(-1)


def bias_of(model: Model, name: str, bias: Array, scales: Array) -> int:
    """Adds a bias in the scale of the sums."""
    scales = np.asarray(scales, np.float32)
    return model.constant(name, np.round(bias / scales).astype(np.int32), Quantisation(scales))


def told(answers: Array) -> list[tuple[int, str]]:
    """Returns the words that the firmware tells, and after which run, of int8 answers `[runs, classes]`."""
    found, last = [], -1
    for run_, row in enumerate((answers.astype(np.int64) + 128) / 256):
        if last >= 0 and row[last] < GONE:
            last = -1
        sure = [k for k, name in enumerate(CLASSES) if name in KEYWORDS and row[k] > SURE and k != last]
        if sure:
            last = sure[0]
            found.append((run_, CLASSES[last]))
    return found


def measured(file: bytes, heard: Sequence[Stream]) -> dict[str, int]:
    """Returns how many keywords of the streams are told, until half a second behind them, and what is told wrongly."""
    answers = run(file, np.concatenate([each.samples for each in heard]))
    # One after another: a word may be told when the next stream has begun.
    left = told(answers)
    counts = {"keywords": 0, "right": 0, "other_words": 0, "false": 0, "seconds": len(answers) * HOP // RATE}
    for number, each in enumerate(heard):
        begin = number * each.samples.size
        for text, start, end in each.said:
            if text not in KEYWORDS:
                counts["other_words"] += 1
                continue
            counts["keywords"] += 1
            for entry in left:
                if entry[1] == text and start < (entry[0] + 1) * HOP - begin < end + RATE / 2:
                    counts["right"] += 1
                    left.remove(entry)
                    break
    return counts | {"false": len(left)}


SAID = ("left", "seventeen", "yes", "computer", "no", "right")


def recording(words: Sequence[Word], rng: np.random.Generator) -> tuple[Array, list[tuple[str, float, float]]]:
    """Returns i16 `[hops, HOP]` with each word of SAID once, and what is said from when to when, in seconds."""
    hops = 400
    sound = 0.08 * noise(hops * HOP, rng)
    said, at = [], RATE
    for text in SAID:
        some = [word for word in words if word.text == text]
        spoken = some[int(rng.integers(len(some)))].sound
        sound[at : at + len(spoken)] += spoken
        said.append((text, round(at / RATE, 2), round((at + len(spoken)) / RATE, 2)))
        at += len(spoken) + int(RATE * rng.uniform(0.6, 0.8))
    return to_i16(sound * 0.06).reshape(hops, HOP), said


def main() -> None:
    """Speaks, trains, quantises, measures and writes the three files."""
    rng = np.random.default_rng(SEED)
    words = vocabulary(KEYWORDS, VOICES, 250, rng) + vocabulary((*OTHERS, *MORE_OTHERS), VOICES, 8, rng)
    test_words = vocabulary(KEYWORDS, TEST_VOICES, 40, rng) + vocabulary(TEST_OTHERS, TEST_VOICES, 8, rng)
    print(f"{len(words)} words of {len(VOICES)} voices; for the test {len(test_words)} of {len(TEST_VOICES)} others")
    heard, test = streams(words, STREAMS, rng), streams(test_words, TEST_STREAMS, rng)
    bands, test_bands = bands_of(heard), bands_of(test)
    ends, test_ends = (np.stack([classes_of(each) for each in some]) for some in (heard, test))
    scale, zero = float(BANDS_QUANTISATION.scale), BANDS_QUANTISATION.zero_point
    real = (bands.astype(np.float32) - zero) * scale
    middle, spread = float(real.mean()), float(real.std())
    print(f"{bands.shape[0] * bands.shape[1]} frames; bands {middle:.2f} +- {spread:.2f}", flush=True)

    def images_of(some: Array, streams: Array, hops: Array) -> Array:
        """Returns the windows that end with these hops, brought to a mean of about 0 and a spread of about 1."""
        rows = some[streams[:, None], hops[:, None] + np.arange(1 - FRAMES, 1)]
        return (((rows.astype(np.float32) - zero) * scale - middle) / spread)[..., None]

    places = [np.argwhere(ends == k) for k in range(len(CLASSES))]
    print("windows", dict(zip(CLASSES, map(len, places), strict=True)), flush=True)
    shares = np.array([1, 4, 1, 1, 1, 1]) / 9

    def batch() -> tuple[Array, Array]:
        kinds = rng.choice(len(CLASSES), 64, p=shares)
        chosen = np.stack([places[k][int(rng.integers(len(places[k])))] for k in kinds])
        some = images_of(bands, chosen[:, 0], chosen[:, 1])
        # Without a few frames here and there the network must do as well.
        for each in some:
            start = int(rng.integers(FRAMES - 6))
            each[start : start + int(rng.integers(6))] = each.min()
        return some, kinds

    kinds = np.arange(1500) % len(CLASSES)
    found = [np.argwhere(test_ends == k) for k in range(len(CLASSES))]
    chosen = np.stack([found[k][int(rng.integers(len(found[k])))] for k in kinds])
    test_images = images_of(test_bands, chosen[:, 0], chosen[:, 1])

    def report(step: int, weights: Weights) -> None:
        right = (np.asarray(NETWORK.scores(weights, test_images)).argmax(axis=1) == kinds).mean()
        print(f"{step:6d}: {100 * right:.1f} % of the test's windows", flush=True)

    weights = train(NETWORK, batch, STEPS, SEED, report)
    ranges = greatest_outputs(weights, np.concatenate([batch()[0] for _ in range(16)]))
    # The first layer takes the bands as they are: (x - middle) / spread is left to its weights.
    kernel, bias = weights[0]
    weights[0] = (kernel / spread, bias - kernel.sum(axis=(0, 1, 2)) * middle / spread)
    file = spotter(weights, ranges)
    quality = measured(file, test)

    samples, said = recording(test_words, np.random.default_rng(SEED + 1))
    answers = run(file, samples)
    words_told = told(answers)
    for run_, text in words_told:
        print(f"{(run_ + 1) * HOP / RATE:6.2f} {text}")
    for text, start, end in said:
        print(f"{text} {start} to {end}")

    MODELS.mkdir(exist_ok=True)
    (MODELS / "spotter.tflite").write_bytes(file)
    samples.astype("<i2").tofile(MODELS / "test.raw")
    record = {
        "said": [{"word": text, "from": start, "to": end} for text, start, end in said],
        "told": [{"word": text, "run": run_} for run_, text in words_told],
        "answers": [row.tobytes().hex() for row in answers],
        "classes": CLASSES,
        "test": quality,
        "parameters": sum(kernel.size + bias.size for kernel, bias in weights),
        "tflite_bytes": len(file),
        "trained_with": {name: version(name) for name in ("jax", "optax", "numpy", "scipy")},
        "reference": f"tflite-micro {version('tflite-micro')}",
    }
    (MODELS / "spotter.json").write_text(json.dumps(record, indent=1) + "\n")
    print({key: value for key, value in record.items() if key not in ("said", "told", "answers")})


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    main()
