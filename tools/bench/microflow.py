"""microflow from crates.io: int8 TFLite by a procedural macro, `predict_quantized(buffer of i8) -> buffer of f32`.

Its buffers are nalgebra's matrices, stored by columns: samples are given in that order, so that no
conversion is counted.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ariel_build import boards
from ariel_build.driver import import_file
from ariel_build.errors import ArielError
from ariel_build.ir import DType
from tools.bench import engines
from tools.bench.engines import Peer, Unusable
from tools.bench.models import Model
from tools.bench.ours import SAMPLES
from tools.bench.store import Cost, kept_for_all

__all__ = ["NAME", "measure"]

NAME = "microflow 0.1.3"
_DEPENDENCIES = """\
microflow = "=0.1.3"
microflow-macros = "=0.1.1"
nalgebra = { version = "=0.32.6", default-features = false }
"""
_ITEMS = """\
#[microflow_macros::model("{path}")]
    struct Net;
"""
_CALL = """\
// SAFETY: the sample has the bytes of the buffer, in its order, and the answer those of the output; both are aligned.
            let answer = Net::predict_quantized(unsafe { core::ptr::read(input.cast()) });
            // SAFETY: as above.
            unsafe { core::ptr::write(output.cast(), answer) };"""


def measure(model: Model, board_name: str, folder: Path) -> Cost:
    """Returns what microflow costs with this model."""
    board = boards.load(board_name)
    path = model.recorded.path
    try:
        graph, _ = import_file(path)
    except ArielError as error:
        return Cost(refused=str(error))
    value, answer = graph.inputs[0], graph.outputs[0]
    quant = answer.type.quant
    if not model.is_tflite or value.type.dtype is not DType.I8 or answer.type.dtype is not DType.I8 or quant is None:
        return Cost(refused="takes TFLite models from int8 to int8")
    given = np.load(model.recorded.inputs[0])[:SAMPLES].reshape(-1, *value.shape)
    # [1, H, W, C] is an array of one H x W matrix of pixels; [1, N] is a matrix of one row.
    samples = [(sample.transpose(0, 2, 1, 3) if sample.ndim == 4 else sample).tobytes() for sample in given]
    module = engines.peer_module(len(samples[0]), 4 * answer.type.elements, _ITEMS.format(path=path), _CALL)

    def run() -> Cost:
        try:
            cost, outputs = engines.measure(Peer(module, _DEPENDENCIES), board, samples, folder)
        except Unusable as reason:
            return Cost(refused=str(reason))
        expected = np.load(model.recorded.outputs[0])[:SAMPLES]
        return replace(cost, verdict=engines.compare(outputs, expected, quant.scale, quant.zero_point, np.float32))

    return kept_for_all(
        f"{NAME} | {model.name} | {board_name}", [NAME, *engines.firmware_key(board), path.read_bytes(), *samples], run
    )
