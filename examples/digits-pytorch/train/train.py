"""Trains the digits network of this example in PyTorch, and exports it in float32 and in int8.

    python -m venv venv && venv/bin/pip install -r train/requirements.txt
    venv/bin/python train/train.py

Needed only to change the network: what it writes is committed, and building the firmware reads nothing else.

- `models/digits.pt2`: the network as it was trained, in float32.
- `models/digits-int8.pt2`: the same, quantised by PT2E, its ranges measured on images of the training.
- `models/digits.json`: PyTorch's answer of both to each of the images in `digits-mps2-an500/models/digits-test.bin`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config
from scipy.ndimage import affine_transform
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

SEED = 7
HELD_OUT = 382
"""As in the example for TFLite: the last three series, one hand each."""
COPIES, EPOCHS = 4, 30
MODELS = Path(__file__).resolve().parent.parent / "models"
TEST = MODELS.parent.parent / "digits-mps2-an500" / "models" / "digits-test.bin"


def network() -> nn.Module:
    """Returns the network: one convolution, two depthwise-separable blocks, one dense layer."""

    def block(channels: int, outputs: int) -> list[nn.Module]:
        return [
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
            nn.ReLU(),
            nn.Conv2d(channels, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]

    first = [nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    last = [nn.Flatten(), nn.Dropout(0.3), nn.Linear(48 * 4, 10)]
    return nn.Sequential(*first, *block(16, 32), *block(32, 48), *last)


def distorted(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns a turned, stretched and shifted copy of each image, [n, 8, 8], as another hand would have written it."""
    centre = np.array([3.5, 3.5])
    copies = np.empty_like(images)
    for image, copy in zip(images, copies, strict=True):
        angle = rng.uniform(-0.25, 0.25)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        warp = turn @ np.diag(rng.uniform(0.85, 1.15, 2))
        copy[:] = affine_transform(image, warp, centre - warp @ centre + rng.uniform(-0.9, 0.9, 2), order=1)
    return copies


def train(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    """Trains on images [n, 1, 8, 8] from 0 to 1, and leaves the model as it infers."""
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
        schedule.step()
    model.eval()


def quantised(model: nn.Module, images: Tensor) -> torch.export.ExportedProgram:
    """Returns the int8 program, its ranges measured on the images."""
    example = (torch.zeros(1, 1, 8, 8),)
    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    prepared = prepare_pt2e(torch.export.export(model, example).module(), quantizer)
    for image in images.split(1):
        prepared(image)
    return torch.export.export(convert_pt2e(prepared), example)


def main() -> None:
    """Writes the archives and the answers."""
    torch.set_num_threads(1)  # the same sums each time
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    pixels, digits = load_digits(return_X_y=True)
    images, labels = (pixels / 16).astype(np.float32).reshape(-1, 8, 8)[:-HELD_OUT], digits[:-HELD_OUT]
    many = torch.tensor(np.concatenate([images, *(distorted(images, rng) for _ in range(COPIES))]))[:, None]
    model = network()
    train(model, many, torch.tensor(np.tile(labels, COPIES + 1)))
    programs = {
        "digits": torch.export.export(model, (torch.zeros(1, 1, 8, 8),)),
        "digits-int8": quantised(model, many[: len(images)][::4]),
    }
    held_out = np.frombuffer(TEST.read_bytes(), np.uint8).reshape(-1, 65)
    record: dict[str, object] = {"images": len(held_out)}
    for name, program in programs.items():
        for node in program.graph.nodes:
            # The lines of Python name folders of this machine; only messages about refused operators show them.
            node.meta.pop("stack_trace", None)
        torch.export.save(program, MODELS / f"{name}.pt2")
        inputs = torch.tensor(held_out[:, None, :64].reshape(-1, 1, 1, 8, 8).astype(np.float32) / 16)
        answers = [int(program.module()(image).argmax()) for image in inputs]
        right = sum(answer == label for answer, label in zip(answers, held_out[:, 64], strict=True))
        record[name] = {"right": int(right), "answers": "".join(map(str, answers))}
        print(f"{name}: {right} of {len(held_out)} right")
    (MODELS / "digits.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
