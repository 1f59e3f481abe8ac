"""The oracles: the interpreters whose answers count, where they are installed.

tflite-micro for TFLite (its reference kernels), onnxruntime with optimisations off for ONNX. They run in a child
process: an unsupported model can abort the interpreter.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ariel_build import process
from ariel_build.ir import Array, Graph
from ariel_build.samples import Samples

__all__ = ["ask"]

_PACKAGES = {"tflite": ("tflite_micro", "TFLite-Micro"), "onnx": ("onnxruntime", "onnxruntime")}

_TFLITE = """
import sys, numpy as np
from tflite_micro import runtime
model, inputs, outputs, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
arrays = np.load(inputs)
data = open(model, "rb").read()
interpreter = runtime.Interpreter.from_bytes(data, [], 64 << 20)
given = [arrays[f"input_{k}"] for k in range(len(arrays.files))]
results = []
for sample in range(len(given[0]) if given else 1):
    for k, array in enumerate(given):
        interpreter.set_input(array[sample], k)
    interpreter.invoke()
    results.append([np.array(interpreter.get_output(k)) for k in range(count)])
np.savez(outputs, **{f"output_{k}": np.stack([r[k] for r in results]) for k in range(count)})
"""

_ONNX = """
import sys, numpy as np, onnxruntime as ort
model, inputs, outputs, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
arrays = np.load(inputs)
options = ort.SessionOptions()
options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
options.log_severity_level = 4
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
constants = {i.name for i in session.get_overridable_initializers()}
names = [i.name for i in session.get_inputs() if i.name not in constants]
given = [arrays[f"input_{k}"] for k in range(len(arrays.files))]
results = [session.run(None, {n: a[s] for n, a in zip(names, given)}) for s in range(len(given[0]) if given else 1)]
np.savez(outputs, **{f"output_{k}": np.stack([r[k] for r in results]) for k in range(count)})
"""


def ask(model: Path, graph: Graph, samples: Samples) -> tuple[str, list[Array]] | str:
    """Returns the oracle's name and its outputs, `[samples, *shape]` each; or why there is no answer."""
    package, name = _PACKAGES[graph.format]
    if importlib.util.find_spec(package) is None:
        return f"{name} is not installed"
    with tempfile.TemporaryDirectory(prefix="ariel-") as folder:
        inputs, outputs = Path(folder) / "in.npz", Path(folder) / "out.npz"
        arrays: dict[str, Array] = {f"input_{k}": a for k, a in enumerate(samples.arrays)}
        np.savez(inputs, **arrays)  # type: ignore[arg-type]
        script = _TFLITE if graph.format == "tflite" else _ONNX
        words: Sequence[str | Path] = [sys.executable, "-c", script, model, inputs, outputs, str(len(graph.outputs))]
        ended = process.run(words, timeout=600)
        if ended.status != 0 or not outputs.exists():
            return f"{name} cannot run this model: {ended.last_lines(1)}"
        with np.load(outputs) as file:
            found = [file[f"output_{k}"] for k in range(len(graph.outputs))]
    return name, [a.reshape(samples.count, *v.shape) for a, v in zip(found, graph.outputs, strict=True)]
