"""The oracles: the interpreters whose answers count, where they are installed.

tflite-micro for TFLite (its reference kernels), onnxruntime with optimisations off for ONNX, torch for .pt2. They run
in a child process: an unsupported model can abort the interpreter.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path

import numpy as np

from ariel_build.answers.samples import Samples
from ariel_build.errors import InternalError
from ariel_build.ir import Array, Graph
from ariel_build.machine import process
from ariel_build.records import dataclass

__all__ = ["Answer", "ask"]


@dataclass(frozen=True)
class Answer:
    """What an oracle says: the model's outputs, `[samples, *shape]` each, and inner tensors by their keys."""

    oracle: str
    outputs: Sequence[Array]
    inner: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class _Oracle:
    """An oracle: its Python module, its name for people, how it is installed, and the program that asks it.

    The program gets the model, an npz, the npz to write, and the number of outputs. In the npz are `input_<k>`, the
    `keys` of inner tensors, pairs of an input and the output that is `kept` as it for the next step, and `first_<k>`,
    what such an input begins with. It writes `output_<k>` and, of the inner tensors that it can give, `inner_<k>`.
    """

    module: str
    name: str
    package: str
    install: str
    program: str


_START = """
import sys, numpy as np
model, inputs, outputs, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
arrays = np.load(inputs)
keys = arrays["keys"].tolist()
kept = dict(arrays["kept"].tolist())
current = {k: arrays[f"first_{k}"] for k in kept}
given = {int(name[6:]): arrays[name] for name in arrays.files if name.startswith("input_")}
samples = range(int(arrays["samples"]))
def of(sample):
    return [current[k] if k in kept else given[k][sample] for k in range(len(given) + len(kept))]
def keep(results):
    current.update((k, results[output]) for k, output in kept.items())
"""

_TFLITE = """
from tflite_micro import runtime
config = runtime.InterpreterConfig.kPreserveAllTensors if keys else runtime.InterpreterConfig.kAllocationRecording
interpreter = runtime.Interpreter.from_bytes(open(model, "rb").read(), [], (256 if keys else 64) << 20, config)
found = {}
for sample in samples:
    for k, array in enumerate(of(sample)):
        interpreter.set_input(array, k)
    interpreter.invoke()
    results = [np.array(interpreter.get_output(k)) for k in range(count)]
    keep(results)
    for k in range(count):
        found.setdefault(f"output_{k}", []).append(results[k])
    for k, key in enumerate(keys):
        tensor = interpreter.GetTensor(int(key.removeprefix("t")), 0)
        if isinstance(tensor, dict) and isinstance(tensor.get("tensor_data"), np.ndarray):
            found.setdefault(f"inner_{k}", []).append(tensor["tensor_data"].copy())
np.savez(outputs, **{name: np.stack(values) for name, values in found.items()})
"""

_ONNX = """
import onnx, onnxruntime as ort
options = ort.SessionOptions()
options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
options.log_severity_level = 4
content = model
if keys:
    proto = onnx.load(model)
    own = {value.name for value in proto.graph.output}
    made = {name for node in proto.graph.node for name in node.output if name} - own
    proto.graph.output.extend(onnx.helper.make_empty_tensor_value_info(key) for key in keys if key in made)
    content = proto.SerializeToString()
session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
constants = {i.name for i in session.get_overridable_initializers()}
names = [i.name for i in session.get_inputs() if i.name not in constants]
given_names = [o.name for o in session.get_outputs()]
results = []
named = []
def plain(value):
    # Maps from classes are rows, names of classes their numbers: what a model without text makes.
    if not isinstance(value, list) and value.dtype.kind not in "OU":
        return value
    if not named:
        for node in onnx.load(model).graph.node:
            for a in node.attribute:
                if a.name.startswith("classlabels_") and (a.strings or a.ints):
                    named.append([s.decode() for s in a.strings] or list(a.ints))
    if isinstance(value, list):
        order = next(own for own in named if set(own) == set(value[0]))
        return np.array([[row[key] for key in order] for row in value], np.float32)
    own = next(own for own in named if set(own) >= set(value.reshape(-1).tolist()))
    return np.array([own.index(text) for text in value.reshape(-1)], np.int64).reshape(value.shape)
for sample in samples:
    results.append([plain(v) for v in session.run(None, dict(zip(names, of(sample))))])
    keep(results[-1])
found = {f"output_{k}": np.stack([r[k] for r in results]) for k in range(count)}
for k, key in enumerate(keys):
    if key in given_names:
        found[f"inner_{k}"] = np.stack([r[given_names.index(key)] for r in results])
np.savez(outputs, **found)
"""

_PT2 = """
import io, os, tempfile, zipfile, torch
try:
    import torchao, torchao.quantization.pt2e.quantize_pt2e  # registers what quantised programs call
except ImportError:
    pass
from torch.utils import _pytree as pytree
# The inputs that the exporter recorded are a pickle, which nobody has to open: torch gets an empty one.
content = io.BytesIO()
with zipfile.ZipFile(model) as old, zipfile.ZipFile(content, "w") as new:
    for member in old.infolist():
        new.writestr(member, b"" if "/data/sample_inputs/" in member.filename else old.read(member))
content.seek(0)
program = torch.export.load(content)
specs = [s for s in program.graph_signature.input_specs if s.kind.name == "USER_INPUT"]
module = program.module()
rows = []
for sample in samples:
    tensors = iter([torch.from_numpy(array[sample].copy()) for array in given])
    leaves = [s.arg.value if hasattr(s.arg, "value") else next(tensors) for s in specs]
    args, kwargs = pytree.tree_unflatten(leaves, program.call_spec.in_spec)
    with torch.no_grad():
        made = pytree.tree_leaves(module(*args, **kwargs))
    rows.append([leaf.detach().clone().numpy() for leaf in made if isinstance(leaf, torch.Tensor)])
np.savez(outputs, **{f"output_{k}": np.stack([row[k] for row in rows]) for k in range(count)})
"""

_ORACLES = {
    "tflite": _Oracle("tflite_micro", "TFLite-Micro", "tflite-micro", "pip install --pre tflite-micro", _TFLITE),
    "onnx": _Oracle("onnxruntime", "onnxruntime", "onnxruntime", "pip install onnxruntime", _ONNX),
    "pt2": _Oracle("torch", "PyTorch", "torch", "pip install torch", _PT2),
}


#: The longest that an oracle may take.
_SECONDS = 240


def ask(model: Path, graph: Graph, samples: Samples, inner: Sequence[str] = ()) -> Answer | str:
    """Returns the oracle's answer, or why there is none.

    `graph` is the model as it was imported; `inner` has the keys of tensors in it. An oracle that cannot give them is
    asked again for the outputs alone.
    """
    oracle = _ORACLES[graph.format]
    if importlib.util.find_spec(oracle.module) is None:
        return f"{oracle.name} is not installed: {oracle.install}"
    try:
        name = f"{oracle.name} {importlib.metadata.version(oracle.package)}"
    except importlib.metadata.PackageNotFoundError:
        name = oracle.name
    found = _run(oracle, model, graph, samples, inner)
    if isinstance(found, str) and inner:
        found = _run(oracle, model, graph, samples, ())
    if isinstance(found, str):
        return f"{oracle.name} cannot run this model: {found}"
    numbers = _apart_from((output for _, output in graph.kept), graph.outputs)
    pairs = zip(numbers, graph.outputs, strict=True)
    outputs = [found[f"output_{k}"].reshape(samples.count, *value.shape) for k, value in pairs]
    return Answer(name, outputs, {key: found[f"inner_{k}"] for k, key in enumerate(inner) if f"inner_{k}" in found})


def _apart_from(kept: Iterable[int], values: Sequence[object]) -> list[int]:
    """Returns the numbers that inputs or outputs have in the file, those between them that are kept left out."""
    gone = set(kept)
    return [k for k in range(len(gone) + len(values)) if k not in gone]


def _run(
    oracle: _Oracle, model: Path, graph: Graph, samples: Samples, inner: Sequence[str]
) -> Mapping[str, Array] | str:
    """Returns the arrays that the oracle's program writes, or the last line of what it complains about."""
    with tempfile.TemporaryDirectory(prefix="ariel-") as folder:
        given, made = Path(folder) / "in.npz", Path(folder) / "out.npz"
        numbers = _apart_from((k for k, _ in graph.kept), samples.arrays)
        arrays: dict[str, Array] = {f"input_{k}": a for k, a in zip(numbers, samples.arrays, strict=True)}
        # What is kept are the last of the states.
        states = graph.states[len(graph.states) - len(graph.kept) :]
        arrays |= {f"first_{k}": s.initial for (k, _), s in zip(graph.kept, states, strict=True)}
        arrays["kept"] = np.array(graph.kept, np.int64).reshape(-1, 2)
        arrays["samples"] = np.array(samples.count)
        arrays["keys"] = np.array(inner, np.str_)
        np.savez(given, **arrays)  # type: ignore[arg-type]
        program: list[str | Path] = [sys.executable, "-P", "-c", _START + oracle.program]
        try:
            ended = process.run(
                [*program, model, given, made, str(len(graph.outputs) + len(graph.kept))], timeout=_SECONDS
            )
        except InternalError:
            # TFLite-Micro takes loops whose tensors change their sizes, and never comes out of them.
            return f"it did not end within {_SECONDS} seconds"
        if ended.status != 0 or not made.exists():
            return ended.last_lines(1) or f"it ended with {ended.status}"
        with np.load(made) as file:
            return {name: file[name] for name in file.files}
