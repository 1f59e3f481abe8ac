"""One model, three ways: the numpy reference, the compiled kernels on the host, and an oracle. All must agree."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from ariel_build import boards, cli
from ariel_build.answers.reference import Interpreter
from ariel_build.driver import import_file
from ariel_build.ir import Array, readable
from ariel_build.passes import optimize
from tests.ops import tflm

__all__ = [
    "BOARDS",
    "agree",
    "board_marks",
    "host",
    "litert",
    "on",
    "onnx_agrees",
    "onnxruntime_answers",
    "reference",
    "saturates",
    "stored",
    "tflite",
]

Samples = Sequence[Sequence[Array]]


def board_marks(name: str) -> list[pytest.MarkDecorator]:
    """Returns the marks of a test that runs on an emulated board."""
    board = boards.load(name)
    assert board.run is not None
    return [pytest.mark.emulator(board.run.emulator), pytest.mark.target(board.target)]


#: An emulated Arm board and a RISC-V one, each with its marks.
BOARDS = [pytest.param(name, marks=board_marks(name)) for name in ("qemu-cortex-m7", "qemu-riscv32")]


def reference(path: Path, samples: Samples, *, optimized: bool = False) -> list[list[Array]]:
    """Returns the outputs of each sample in turn, as the operators' references compute them on the graph.

    `optimized`: after the passes, which turn what lies between DequantizeLinear and QuantizeLinear into integers.
    """
    graph, _ = import_file(path)
    if optimized:
        optimize(graph)
    interpreter = Interpreter(graph)
    return [interpreter.outputs([np.asarray(x) for x in sample]) for sample in samples]


def host(path: Path, samples: Samples) -> list[list[Array]]:
    """Returns the outputs of each sample in turn, as the generated Rust computes them on the host."""
    return on("host", path, samples)


def on(board: str, path: Path, samples: Samples, cores: int = 1) -> list[list[Array]]:
    """Returns the outputs of each sample in turn, as the generated Rust computes them on so many cores of a board."""
    given, taken = path.with_suffix(".in.npz"), path.with_suffix(".out.npz")
    arrays = {f"input_{k}": np.stack(column) for k, column in enumerate(zip(*samples, strict=True))}
    np.savez(given, **arrays)  # type: ignore[arg-type]
    words = ["run", path, "--inputs", given, "--outputs", taken, "--on", board, "--cores", cores]
    # In this process: to start Python and import everything takes longer than a small model.
    with redirect_stderr(StringIO()) as said:
        code = cli.main([str(word) for word in words])
    assert code == 0, said.getvalue()
    with np.load(taken) as file:
        outputs = [file[name] for name in file.files]
    return [[column[k] for column in outputs] for k in range(len(samples))]


def tflite(path: Path, operators: Sequence[tflm.Operator], samples: Samples) -> list[list[Array]]:
    """Writes the operators side by side into `path`, and returns what TFLite-Micro makes of each sample in turn."""
    file = tflm.models(operators)
    path.write_bytes(file)
    (answers,) = tflm.run_sequences([(file, samples)])
    assert answers is not None, "TFLite-Micro refuses the model"
    return answers


def litert(path: Path, samples: Samples, *, optimized: bool = False) -> list[list[Array]]:
    """Returns what LiteRT's reference kernels make of each sample; skips the test where LiteRT is not installed.

    Some operators have `optimized` kernels only.
    """
    interpreters = pytest.importorskip("ai_edge_litert.interpreter")
    kinds = interpreters.OpResolverType
    kind = kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES if optimized else kinds.BUILTIN_REF
    interpreter = interpreters.Interpreter(model_path=str(path), experimental_op_resolver_type=kind)
    interpreter.allocate_tensors()
    answers = []
    for sample in samples:
        for details, data in zip(interpreter.get_input_details(), sample, strict=True):
            interpreter.set_tensor(details["index"], data)
        interpreter.invoke()
        answers.append([interpreter.get_tensor(d["index"]).copy() for d in interpreter.get_output_details()])
    return answers


def onnxruntime_answers(path: Path, samples: Samples) -> list[list[Array]]:
    """Returns what onnxruntime makes of each sample, graph optimisations off."""
    runtime = pytest.importorskip("onnxruntime")
    if saturates() and _multiplies_bytes(path):
        pytest.skip("onnxruntime's products of bytes saturate on a processor without VNNI")
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    return [session.run(None, dict(zip(names, sample, strict=True))) for sample in samples]


def saturates() -> bool:
    """Whether onnxruntime's products of uint8 and int8 saturate at 16 bits: on an x86 without VNNI."""
    processor = Path("/proc/cpuinfo")
    return platform.machine() == "x86_64" and processor.exists() and "vnni" not in processor.read_text()


def _multiplies_bytes(path: Path) -> bool:
    """Whether some node has products that onnxruntime computes in bytes, of both signs."""
    graph = onnx.load(path).graph
    kinds = {node.op_type for node in graph.node}
    if any(kind.startswith("DynamicQuantize") and kind != "DynamicQuantizeLinear" for kind in kinds):
        return True
    products = any(
        kind.startswith(("QLinearConv", "QLinearMatMul", "QGemm", "MatMulInteger", "ConvInteger")) for kind in kinds
    )
    types = {value.type.tensor_type.elem_type for value in graph.input} | {
        tensor.data_type for tensor in graph.initializer
    }
    types |= {a.t.data_type for node in graph.node for a in node.attribute if a.type == onnx.AttributeProto.TENSOR}
    return products and {onnx.TensorProto.INT8, onnx.TensorProto.UINT8} <= types


def agree(
    got: Sequence[Sequence[Array]],
    want: Sequence[Sequence[Array]],
    what: str,
    *,
    rtol: float = 1e-5,
    atol: float = 1e-6,
) -> None:
    """Asserts that integers are equal, and floats close."""
    for k, (ours, theirs) in enumerate(zip(got, want, strict=True)):
        for j, pair in enumerate(zip(ours, theirs, strict=True)):
            a, b = (readable(np.asarray(x)) if np.asarray(x).dtype == "V2" else np.asarray(x) for x in pair)
            where = f"{what}: sample {k}, output {j}"
            if b.dtype.kind == "f":
                np.testing.assert_allclose(
                    a.astype(np.float32).reshape(b.shape), b.astype(np.float32), rtol=rtol, atol=atol, err_msg=where
                )
            else:
                np.testing.assert_array_equal(a.reshape(b.shape), b, err_msg=where)


def onnx_agrees(path: Path, samples: Samples) -> None:
    """Asserts that reference and kernels give what onnxruntime gives: exactly for integers."""
    want = onnxruntime_answers(path, samples)
    agree(reference(path, samples, optimized=True), want, "reference")
    agree(host(path, samples), want, "kernels")


def stored(
    rng: np.random.Generator, shape: Sequence[int], kind: str = "random", dtype: type[np.signedinteger[Any]] = np.int8
) -> Array:
    """Returns integers as tensors hold them: random ones, or only the two extremes."""
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    if kind == "extreme":
        return rng.choice(np.array([low, high], dtype), size=shape)
    return rng.integers(low, high + 1, shape).astype(dtype)
