"""Trains the int8 digits network of this example and records how well it does.

    python -m venv venv && venv/bin/pip install -r train/requirements.txt
    venv/bin/python train/train.py

Needed only to change the network: what it writes is committed, and building the firmware reads nothing else.

- `models/digits.tflite`: the network, int8 from input to output.
- `models/digits-test.bin`: the held-out images. For each image 64 bytes, the rows from the top with pixels
  from 0 (paper) to 16 (ink), then one byte, the digit that was written. No header: the length tells the number.
- `models/digits.json`: accuracies, and the answer of TFLite-Micro's reference kernels to each held-out image.

The same versions on the same kind of processor write the same bytes again.
"""

from __future__ import annotations

import json
import os
import random
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import keras
import numpy as np
import tensorflow as tf
from scipy.ndimage import affine_transform
from sklearn.datasets import load_digits
from tflite_micro import runtime

SEED = 20
HELD_OUT = 382
"""The last three of the 14 series of about 130 digits that the set consists of, as its labels show: one hand each. A
random choice would flatter, since the network would know the hands."""
COPIES = 8
EPOCHS = 40
INK = 16
MODELS = Path(__file__).resolve().parent.parent / "models"
Images = np.ndarray[Any, np.dtype[np.float32]]
Labels = np.ndarray[Any, np.dtype[np.int64]]


def network(batch_size: int | None) -> keras.Model:
    """Returns the network: one convolution, two depthwise-separable blocks, one dense layer."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((8, 8, 1), batch_size=batch_size, name="image"),
            layers.Conv2D(16, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.DepthwiseConv2D(3, padding="same", activation="relu"),
            layers.Conv2D(32, 1, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.DepthwiseConv2D(3, padding="same", activation="relu"),
            layers.Conv2D(48, 1, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )


def distorted(images: Images, rng: np.random.Generator) -> Images:
    """Returns one turned, stretched, sheared and shifted copy of each image, as another hand would have written it."""
    centre = np.array([3.5, 3.5])
    copies = np.empty_like(images)
    for image, copy in zip(images, copies, strict=True):
        angle, shear = rng.uniform(-0.25, 0.25, 2)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        warp = turn @ np.array([[1, shear], [0, 1]]) @ np.diag(rng.uniform(0.85, 1.15, 2))
        shift = rng.uniform(-0.9, 0.9, 2)
        copy[..., 0] = affine_transform(image[..., 0], warp, centre - warp @ centre + shift, order=1)
    return copies


def train(images: Images, labels: Labels) -> keras.Model:
    """Returns the network trained on the images and on distorted copies of them, with a batch size of 1."""
    rng = np.random.default_rng(SEED)
    many = np.concatenate([images, *(distorted(images, rng) for _ in range(COPIES))])
    answers = np.tile(labels, COPIES + 1)
    model = network(batch_size=None)
    steps = EPOCHS * -(-len(many) // 64)
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(many, answers, batch_size=64, epochs=EPOCHS, verbose=2)
    single = network(batch_size=1)
    single.set_weights(model.get_weights())
    return single


def to_int8(model: keras.Model, examples: Images) -> bytes:
    """Returns the model as an int8 TFLite file, its ranges measured on the examples."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in examples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def answers_of(tflite: bytes, images: Images) -> Labels:
    """Returns what TFLite-Micro's reference kernels answer to each image."""
    interpreter = runtime.Interpreter.from_bytes(tflite, [], 64 * 1024)
    quantisation = interpreter.get_input_details(0)["quantization_parameters"]
    scale, zero_point = quantisation["scales"][0], quantisation["zero_points"][0]
    answers = []
    for image in images:
        # Exactly, half away from zero, as `Input::from_scaled` of the generated code does it.
        quanta = np.floor(image / np.float64(scale) + 0.5) + zero_point
        interpreter.set_input(np.clip(quanta, -128, 127).astype(np.int8)[None], 0)
        interpreter.invoke()
        answers.append(int(interpreter.get_output(0)[0].argmax()))
    return np.array(answers)


def main() -> None:
    """Trains, converts, measures and writes the three files."""
    random.seed(SEED)
    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()

    digits = load_digits()
    images = (digits.images[..., None] / INK).astype(np.float32)
    labels = digits.target.astype(np.int64)
    test_images, test_labels = images[-HELD_OUT:], labels[-HELD_OUT:]

    model = train(images[:-HELD_OUT], labels[:-HELD_OUT])
    tflite = to_int8(model, images[:-HELD_OUT:4])
    of_float = model.predict(test_images, batch_size=1, verbose=0).argmax(axis=1)
    of_int8 = answers_of(tflite, test_images)

    (MODELS / "digits.tflite").write_bytes(tflite)
    pixels = digits.images[-HELD_OUT:].reshape(HELD_OUT, 64)
    (MODELS / "digits-test.bin").write_bytes(np.column_stack([pixels, test_labels]).astype(np.uint8).tobytes())
    record = {
        "images": HELD_OUT,
        "float_correct": int((of_float == test_labels).sum()),
        "int8_correct": int((of_int8 == test_labels).sum()),
        "int8_answers": "".join(str(answer) for answer in of_int8),
        "parameters": model.count_params(),
        "tflite_bytes": len(tflite),
        "trained_with": {name: version(name) for name in ("tensorflow-cpu", "keras", "numpy", "scikit-learn")},
        "reference": f"tflite-micro {version('tflite-micro')}",
    }
    (MODELS / "digits.json").write_text(json.dumps(record, indent=2) + "\n")
    print(
        f"{record['parameters']} parameters, {record['tflite_bytes']} bytes; of {HELD_OUT} held-out images "
        f"{record['float_correct']} right in float32 ({record['float_correct'] / HELD_OUT:.1%}), "
        f"{record['int8_correct']} in int8 ({record['int8_correct'] / HELD_OUT:.1%})"
    )


if __name__ == "__main__":
    main()
