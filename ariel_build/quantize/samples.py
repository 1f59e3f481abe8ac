"""The calibration file: an npz with samples of each input, and the right classes where it has `labels`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ariel_build.answers.npz import open_npz
from ariel_build.answers.samples import load, names_of
from ariel_build.errors import MetadataError, ModelError
from ariel_build.ir import Graph
from ariel_build.quantize.judge import Data, has_classes

__all__ = ["LABELS", "read"]

#: What the array of the right classes is called.
LABELS = "labels"


def read(path: Path, graph: Graph) -> Data:
    """Returns the samples for a model as it was imported; refuses what does not fit it, and what is no number."""
    samples = load(path, graph.inputs, graph.input_aliases)
    for name, array in zip(names_of(graph.inputs, "input"), samples.arrays, strict=True):
        if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
            bad = np.isfinite(array).reshape(len(array), -1).all(axis=1).argmin()
            raise ModelError(
                f"sample {bad} of `{name}` has NaN or an infinity in it",
                str(path),
                "calibrate with what the model sees in use",
            )
    packed = open_npz(path)
    if LABELS not in packed or LABELS in names_of(graph.inputs, "input"):
        return Data(graph, samples.arrays)
    header = packed[LABELS]
    if header.dtype.kind not in "iu" or header.shape != samples.lead:
        raise MetadataError(
            f"`{LABELS}` is {header.dtype}{list(header.shape)}, not an integer for each of {samples.count} samples",
            str(path),
            f"save the number of the right class of each sample as `{LABELS}`",
        )
    labels = header.read().astype(np.int64).reshape(-1)
    if not has_classes(graph):
        raise MetadataError(
            f"`{LABELS}` are given, and the model's output {list(graph.outputs[0].shape)} is no score for each class",
            str(path),
            f"leave `{LABELS}` out",
        )
    classes = graph.outputs[0].shape[-1]
    if labels.min() < 0 or labels.max() >= classes:
        raise MetadataError(
            f"`{LABELS}` are from {labels.min()} to {labels.max()}, the model has the classes 0 to {classes - 1}",
            str(path),
        )
    return Data(graph, samples.arrays, labels)
