"""Models twice, with weights of 8 and of 4 bits: their accuracy, and what they cost on an emulated Cortex-M7."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ariel_build import boards
from ariel_build.config.options import ModelOptions, Quantization
from ariel_build.driver import import_file
from ariel_build.quantize import quantize
from ariel_build.quantize.clean import clean
from ariel_build.quantize.writers import write_model
from tools.predictions.measure import of_model
from tools.quantise.compare import Case, answers, ratio
from tools.recorded.models import Recorded

__all__ = ["NAMES", "both", "int4_table"]

#: The rows that have an interesting part of their weights in dense layers and pointwise convolutions.
NAMES = ("digits-cnn", "mlperf-kws", "mlperf-ad")
_BOARD = "qemu-cortex-m7"
_COLUMNS = (
    "model",
    "bits",
    "right",
    "noise",
    "weights",
    "flash",
    "instructions",
    "of layers with 4 bits",
    "most of one",
)


@dataclass(frozen=True)
class Cost:
    """One model with weights of so many bits."""

    case: Case
    bits: int
    known: bool
    share: float
    decibels: float
    weights_bytes: int
    flash_bytes: int
    instructions: float
    #: Of each layer: its kernel, and instructions.
    layers: list[tuple[str, float]]


def both(case: Case, folder: Path) -> list[Cost]:
    """Quantises a row's model twice, judges both in onnxruntime and runs both on the board."""
    path = case.model(folder)
    graph, _ = import_file(path)
    data = case.samples(graph.inputs[0].shape)
    clean(graph)
    plain, npz, few = (folder / f"{case.name}-{end}" for end in ("plain.onnx", "c.npz", "few.npy"))
    plain.write_bytes(write_model(graph).SerializeToString())
    np.savez(npz, input_0=data.calibration)
    np.save(few, data.test[:2])
    want = answers(plain, data.test)
    right = want.reshape(len(want), -1).argmax(axis=1) if data.classes is None else data.classes
    found = []
    for bits in (8, 4):
        out = folder / f"{case.name}-{bits}.onnx"
        out.write_bytes(quantize(ModelOptions(path), Quantization(npz, None, bits)).model.SerializeToString())
        got = answers(out, data.test)
        share = float(np.mean(got.reshape(len(got), -1).argmax(axis=1) == right))
        row = of_model(Recorded(case.name, out, [few], []), boards.load(_BOARD))
        costs = len(row.compiled.weights), int(row.measured["flash"]), row.measured["instructions"]
        layers = [(layer.call.kernel.path, layer.measured) for layer in row.layers]
        found.append(Cost(case, bits, data.classes is not None, share, ratio(want, got), *costs, layers))
    return found


def int4_table(rows: list[list[Cost]]) -> str:
    """Returns the rows in Markdown."""
    lines = [f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}"]
    for pair in rows:
        for row in pair:
            cells = [
                row.case.about + ("" if row.known else " *"),
                str(row.bits),
                f"{row.share:.2%}",
                f"{row.decibels:.1f} dB",
                *(
                    f"{own:,.0f}" if row.bits == whole.bits else f"{own:,.0f} ({own / all_:.2f} times)"
                    for whole in pair[:1]
                    for own, all_ in (
                        (row.weights_bytes, whole.weights_bytes),
                        (row.flash_bytes, whole.flash_bytes),
                        (row.instructions, whole.instructions),
                    )
                ),
                *_layers(pair[0], row),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _layers(whole: Cost, row: Cost) -> tuple[str, str]:
    """Returns what layers with weights of 4 bits take in place of those of 8 bits: all of them, and the dearest."""
    pairs = [
        (eight, four)
        for (_, eight), (path, four) in zip(whole.layers, row.layers, strict=True)
        if "int4" in path.lower()
    ]
    if not pairs:
        return "", ""
    eights, fours = map(sum, zip(*pairs, strict=True))
    return f"{fours / eights:.2f} times", f"{max(four / eight for eight, four in pairs):.2f} times"
