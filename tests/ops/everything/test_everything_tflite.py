"""Whatever operator and type TFLite-Micro runs, or else LiteRT's reference, we run, with the same results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ariel_build.answers.reference import Interpreter
from ariel_build.driver import import_file
from ariel_build.errors import ArielError
from ariel_build.ir import Array
from ariel_build.passes import optimize
from tests.ops import parity, tflm
from tests.ops.everything.cases import TYPES, Case, cases

Answers = list[list[Array]]


def left_out(case: Case, oracle: str) -> str:
    """Returns why an oracle's answer to a case is not ours to give; empty where it is."""
    operator = case.operator
    kinds = {t.dtype for t in (*operator.inputs, *operator.outputs) if t is not None}
    activation = (operator.options or ("", {}))[1].get("fusedActivationFunction", 0)
    if operator.op in ("LOGICAL_AND", "LOGICAL_OR") and operator.inputs[0] and operator.inputs[0].dtype != "bool":
        return "bytes of any type are read as booleans"
    if operator.op == "ADD" and kinds == {"int32"} and activation:
        return "TFLite-Micro forgets the activation; LiteRT and we do not"
    if operator.op == "GREATER" and "int16" in kinds and oracle == "TFLite-Micro":
        return "scaled by scales that are never set"
    if oracle == "LiteRT" and "int4" in kinds and "int16" in kinds:
        return "LiteRT reads two weights of 4 bits as one"
    if oracle == "LiteRT" and operator.op == "FULLY_CONNECTED" and kinds & {"int8", "uint8"}:
        return "LiteRT rounds dense layers of bytes once, TFLite-Micro twice"
    if operator.op in ("SUM", "REDUCE_PROD") and "bool" in kinds:
        return "a sum of booleans that is a boolean"
    if operator.op == "RESIZE_BILINEAR" and "uint8" in kinds:
        return "LiteRT interpolates uint8 in floats, and rounds halves otherwise; we as TFLite-Micro int8"
    if operator.op == "DEQUANTIZE" and not kinds & {"int8", "uint8", "int16", "int32"}:
        return "nothing to dequantise"
    return ""


def asked(made: Sequence[Case], files: Sequence[bytes], path: Path) -> list[tuple[str, Answers | None]]:
    """Returns who answers each case, and what."""
    found = tflm.run_sequences([(file, case.samples) for file, case in zip(files, made, strict=True)])
    answered: list[tuple[str, Answers | None]] = []
    for case, file, answers in zip(made, files, found, strict=True):
        if answers is not None:
            answered.append(("TFLite-Micro", answers))
            continue
        path.write_bytes(file)
        try:
            answered.append(("LiteRT", parity.litert(path, case.samples)))
        except (RuntimeError, ValueError):
            answered.append(("LiteRT", None))
    return answered


@pytest.mark.parametrize("dtype", TYPES)
def test_references(tmp_path: Path, dtype: str) -> None:
    """Each case alone, in numpy: before the passes, which `verify` asks where there is no oracle, and after them."""
    made = cases(dtype, 1) + cases(dtype, 4)
    operators = [case.operator for case in made]
    files = [tflm.models([operator]) for operator in operators]
    path, wrong, run = tmp_path / "case.tflite", [], 0
    for case, file, (oracle, answers) in zip(made, files, asked(made, files, path), strict=True):
        if answers is None or left_out(case, oracle):
            continue
        path.write_bytes(file)
        what = f"{case.operator} by {oracle}"
        try:
            for optimized in (False, True):
                parity.agree(parity.reference(path, case.samples, optimized=optimized), answers, what, atol=1e-5)
        except (ArielError, AssertionError) as error:
            wrong.append(f"{what}: {error}")
        run += 1
    assert run > 40
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("dtype", TYPES)
def test_kernels(tmp_path: Path, dtype: str) -> None:
    """All that is answered side by side in one model: what is compiled for the host gives what the reference gives."""
    made = cases(dtype, 3)
    operators = [case.operator for case in made]
    files = [tflm.models([operator]) for operator in operators]
    path = tmp_path / "everything.tflite"
    kept = [
        (case, answers)
        for case, (oracle, answers) in zip(made, asked(made, files, path), strict=True)
        if answers is not None and not left_out(case, oracle)
    ]
    path.write_bytes(tflm.models([case.operator for case, _ in kept]))
    sample = [np.asarray(x) for case, _ in kept for x in case.samples[0]]
    want = [y for _, answers in kept for y in answers[0]]
    parity.agree(parity.host(path, [sample]), [want], dtype, atol=1e-5)
    graph, _ = import_file(path)
    optimize(graph)
    parity.agree([Interpreter(graph).outputs(sample)], [want], f"reference, {dtype}", atol=1e-5)


@pytest.mark.parametrize("board", parity.BOARDS)
def test_boards(tmp_path: Path, board: str) -> None:
    """What few other tests run there: products of stored integers, quotients of int16, and batches of images."""
    made = [case for dtype in ("int8", "int16") for case in cases(dtype, 5)]
    wanted = ("REDUCE_PROD", "DIV", "CONV_2D", "AVERAGE_POOL_2D")
    kept = [c for c in made if c.operator.op in wanted]
    files = [tflm.models([case.operator]) for case in kept]
    path = tmp_path / "board.tflite"
    answered = [
        (case, answers)
        for case, (_, answers) in zip(kept, asked(kept, files, path), strict=True)
        if answers is not None and "int4" not in {t.dtype for t in case.operator.inputs if t is not None}
    ]
    assert {case.operator.op for case, _ in answered} == set(wanted)
    path.write_bytes(tflm.models([case.operator for case, _ in answered]))
    sample = [np.asarray(x) for case, _ in answered for x in case.samples[0]]
    parity.agree(parity.on(board, path, [sample]), [[y for _, answers in answered for y in answers[0]]], board)
