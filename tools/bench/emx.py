"""emx-onnx-cgen from PyPI: ONNX -> C, compiled with Debian's gcc at -O3 and linked into our harness.

Options: temporaries on the stack (there is no heap on these boards) and weights in the C file; all else as it comes.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import onnx

from ariel_build import boards
from ariel_build.answers.oracle import ask
from ariel_build.answers.samples import Samples
from ariel_build.boards.board import Board
from ariel_build.driver import import_file
from ariel_build.errors import SetupError
from ariel_build.ir import Array, Graph
from ariel_build.machine import process
from tools.bench import engines
from tools.bench.convert import Unconverted, convert
from tools.bench.engines import Peer, Unusable
from tools.bench.models import Model
from tools.bench.ours import SAMPLES
from tools.bench.store import Cost, kept_for_all

__all__ = ["NAME", "measure"]

NAME = "emx-onnx-cgen 1.4.0"
_VERSION = "1.4.0"
_HELP = "`nox -s bench` installs what it needs; with `-- --no-peers` it measures no peer"
_FLAGS = ["-O3", "-std=c11", "-ffunction-sections", "-fdata-sections"]
#: By the instruction set of a board's first core: the compiler, and what it is told of the core.
_ARM = ("-mthumb", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard")
_PICOLIBC = "--specs=picolibc.specs"
_COMPILERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "qemu-cortex-m7": ("arm-none-eabi-gcc", ("-mcpu=cortex-m7", *_ARM)),
    "qemu-cortex-m4": ("arm-none-eabi-gcc", ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")),
    "qemu-riscv32": ("riscv64-unknown-elf-gcc", (_PICOLIBC, "-march=rv32imac", "-mabi=ilp32")),
}
_TYPES = {"int8_t": np.int8, "uint8_t": np.uint8, "float": np.float32}
_ITEMS = 'unsafe extern "C" { fn model(input: *const u8, output: *mut u8); }'
_CALL = """\
// SAFETY: both have the sizes of the arrays that the function takes, and are aligned.
            unsafe { model(input, output) };"""


def measure(model: Model, board_name: str, folder: Path) -> Cost:
    """Returns what emx-onnx-cgen costs with this model: with the ONNX file of the same network."""
    board = boards.load(board_name)
    try:
        compiler, flags = _compiler(board)
        file = _pinned(model.onnx.path) if model.onnx else convert(model.recorded.path, quantised=True)
    except (Unusable, Unconverted) as reason:
        return Cost(refused=str(reason))
    recorded = model.onnx or model.recorded
    given = np.load(recorded.inputs[0])[:SAMPLES]
    expected = np.load(recorded.outputs[0])[:SAMPLES]

    def run() -> Cost:
        try:
            code, ends = _generate(file, folder)
            peer, samples = _peer(code, ends, given, len(given), expected, compiler, flags)
            cost, outputs = engines.measure(peer, board, samples, folder)
        except Unusable as reason:
            return Cost(refused=str(reason))
        return replace(cost, verdict=_verdict(model, outputs, ends, given, code))

    version = process.run([compiler, "--version"], timeout=60).stdout.splitlines()[0]
    key = [NAME, version, *flags, *_FLAGS, *engines.firmware_key(board), file, given.tobytes()]
    return kept_for_all(f"{NAME} | {model.name} | {board_name}", key, run)


def _pinned(path: Path) -> bytes:
    """Returns an ONNX model with every free dimension of its inputs as 1, and the shapes that follow."""
    model = onnx.load_model(path)
    for value in model.graph.input:
        for dim in value.type.tensor_type.shape.dim:
            if not dim.HasField("dim_value"):
                dim.dim_value = 1
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    data: bytes = onnx.shape_inference.infer_shapes(model, data_prop=True).SerializeToString()
    return data


def _compiler(board: Board) -> tuple[str, tuple[str, ...]]:
    if board.name not in _COMPILERS:
        raise Unusable("is not measured on this board")
    program, flags = _COMPILERS[board.name]
    if shutil.which(program) is None:
        raise SetupError(f"there is no {program} here", help=_HELP)
    try:
        found = metadata.version("emx-onnx-cgen")
    except metadata.PackageNotFoundError:
        raise SetupError("emx-onnx-cgen is not installed", help=_HELP) from None
    if found != _VERSION:
        raise SetupError(f"emx-onnx-cgen is {found} here, not {_VERSION}", help=_HELP)
    return program, flags


def _generate(file: bytes, folder: Path) -> tuple[Path, tuple[str, str]]:
    """Writes model.c; returns it and the C types of input and output."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(file)
    code = folder / "model.c"
    code.unlink(missing_ok=True)
    options = ["--large-weight-threshold", "0", "--large-temp-threshold", "0", "--model-name", "model"]
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "emx_onnx_cgen",
        "compile",
        *options,
        folder / "model.onnx",
        code,
    ]
    said = process.run(command, timeout=600)
    if said.status or not code.exists():
        reason = re.search(r"(?:Result|Error): *(.*)", said.stdout + said.stderr)
        raise Unusable(reason[1].split(". Hint")[0] if reason else said.last_lines(1))
    # Dynamic axes become parameters in front.
    found = re.findall(
        r"^void model\((?:const )?(\w+) \w+(?:\[[^,]*)?, (\w+) \w+\[[^,]*\) \{", code.read_text(), re.MULTILINE
    )
    if len(found) != 1 or not set(found[0]) <= set(_TYPES):
        raise Unusable("the function takes more than one input and one output")
    return code, found[0]


def _peer(
    code: Path, ends: tuple[str, str], given: Array, count: int, expected: Array, compiler: str, flags: tuple[str, ...]
) -> tuple[Peer, list[bytes]]:
    """Compiles the C code; returns what is linked, and the samples."""
    built = code.with_suffix(".o")
    done = process.run([compiler, *flags, *_FLAGS, "-c", code, "-o", built], timeout=600)
    if done.status:
        raise Unusable(f"gcc: {done.last_lines(1)}")
    # A name that changes with the content, since cargo links again only if its arguments change.
    named = code.with_name(f"model-{hashlib.sha256(built.read_bytes()).hexdigest()[:16]}.o")
    built.rename(named)
    # The libm.a of picolibc is empty, and of 64 bits for all: its libc.a has the functions.
    names = ("libc.a", "libgcc.a") if _PICOLIBC in flags else ("libm.a", "libc.a", "libgcc.a")
    libraries = [_library(compiler, flags, name) for name in names]
    links = (str(named), "--start-group", *libraries, "--end-group")
    samples = [np.ascontiguousarray(sample, _TYPES[ends[0]]).tobytes() for sample in given]
    size = expected.size // count * np.dtype(_TYPES[ends[1]]).itemsize
    return Peer(engines.peer_module(len(samples[0]), size, _ITEMS, _CALL), links=links), samples


def _library(compiler: str, flags: tuple[str, ...], name: str) -> str:
    """Returns the path of a library of the compiler's; picolibc keeps its own beside."""
    asked = process.run([compiler, *flags, f"-print-file-name={name}"], timeout=60).stdout.strip()
    if asked != name:
        return asked
    folder = process.run([compiler, *flags, "-print-multi-directory"], timeout=60).stdout.strip()
    found = Path("/usr/lib/picolibc/riscv64-unknown-elf/lib", folder, name)
    if not found.exists():
        raise Unusable(f"there is no {name} for {compiler}")
    return str(found)


def _verdict(model: Model, outputs: list[bytes], ends: tuple[str, str], given: Array, code: Path) -> str:
    """Returns how the answers differ from those of the ONNX file: recorded, or for a converted one onnxruntime's.

    Where onnxruntime is not installed, a converted file is held against the TFLite file that it was made of.
    """
    if model.onnx is not None:
        got = np.stack([np.frombuffer(output, _TYPES[ends[1]]) for output in outputs])
        differences = model.onnx.wrong([got], SAMPLES)
        return f"wrong: {'; '.join(differences)}" if differences else ""
    graph, _ = import_file(model.recorded.path)
    samples = Samples([given.reshape(-1, *graph.inputs[0].shape)], (len(given),))
    answers = ask(code.with_suffix(".onnx"), Graph("twin", graph.inputs, graph.outputs, [], format="onnx"), samples)
    expected = np.load(model.recorded.outputs[0])[:SAMPLES] if isinstance(answers, str) else answers.outputs[0]
    quant = graph.outputs[0].type.quant
    scale, zero = (quant.scale, quant.zero_point) if quant else (1.0, 0)
    return engines.compare(outputs, expected, scale, zero, _TYPES[ends[1]])
