"""Exports modules with the installed PyTorch, and holds what we make of the archives against it: `nox -s pytorch`.

Each module is exported as it is, and decomposed; some are quantised by PT2E as well. Our reference, before and after
the passes, must give torch's answers; a step of the output is allowed where integers are. What is refused must be
refused by the name of an ONNX operator that we do not have.
"""

from __future__ import annotations

import copy
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.testing.pt2e import _xnnpack_quantizer as xnnpack

from ariel_build.answers.reference import Interpreter
from ariel_build.driver import import_file
from ariel_build.errors import ArielError
from ariel_build.lower import lower
from ariel_build.ops.quantize import Dequantize
from ariel_build.passes import optimize
from tools.pytorch.modules import modules, quantised

#: Calls of each program: what it keeps shows from the second on.
CALLS = 3


def programs() -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
    """Yields exported programs with arguments to call them with."""
    for name, (module, inputs) in modules().items():
        program = torch.export.export(module, inputs)
        yield name, program, inputs
        yield f"{name}, decomposed", program.run_decompositions(), inputs
    for name, (module, inputs) in quantised().items():
        for each in (False, True):
            config = xnnpack.get_symmetric_quantization_config(is_per_channel=each)
            quantizer = xnnpack.XNNPACKQuantizer().set_global(config)
            prepared = prepare_pt2e(torch.export.export(module, inputs).module(), quantizer)
            for _ in range(10):
                prepared(*(torch.randn_like(x) for x in inputs))
            program = torch.export.export(convert_pt2e(prepared), inputs)
            yield f"{name}, int8 per {'channel' if each else 'tensor'}", program, inputs


def tensors(tree: Any) -> list[Any]:  # noqa: ANN401 - a tree of tensors
    """Returns the tensors of a tree as arrays."""
    leaves = pytree.tree_leaves(tree)
    return [leaf.detach().clone().numpy() for leaf in leaves if isinstance(leaf, torch.Tensor)]


def judge(program: Any, inputs: tuple[Any, ...], path: Path) -> str:  # noqa: ANN401 - an exported program
    """Returns what is wrong with our answers, nothing where they are right; ArielError where it is refused."""
    torch.export.save(program, path)
    graph, _ = import_file(path)
    arguments = [
        pytree.tree_map(lambda x, k=k: x * (1 - k / 4) if x.is_floating_point() else x, inputs) for k in range(CALLS)
    ]
    module = program.module()
    wanted = [tensors(module(*copy.deepcopy(one))) for one in arguments]
    for what in ("as imported", "as optimised"):
        if what == "as optimised":
            steps = {
                n.output: q.scale for n in graph.nodes if isinstance(n.op, Dequantize) and (q := n.input(0).type.quant)
            }
            allowed = 2 * max(steps.values(), default=0.0)
            optimize(graph)
        else:
            allowed = 0.0
        interpreter = Interpreter(graph)
        for one, wants in zip(arguments, wanted, strict=True):
            problem = difference(interpreter.outputs(tensors(one)), wants, allowed)
            if problem:
                return f"{what}: {problem}"
    lower(graph)
    return ""


def difference(got: Sequence[Any], wanted: Sequence[Any], allowed: float) -> str:
    """Returns how outputs differ, if by more than rounding, and `allowed`."""
    if len(got) != len(wanted):
        return f"{len(got)} outputs, not {len(wanted)}"
    for k, (mine, theirs) in enumerate(zip(got, wanted, strict=True)):
        if mine.dtype != theirs.dtype or mine.shape != theirs.shape:
            return f"output {k} is {mine.dtype}{mine.shape}, not {theirs.dtype}{theirs.shape}"
        if not np.allclose(mine, theirs, 1e-4, 1e-5 + allowed, equal_nan=True):
            return f"output {k} is off by {np.abs(mine.astype(float) - theirs).max():g}"
    return ""


def main() -> int:
    """Prints a line for each program that is not right; returns 1 where one is wrong, or refused for another reason."""
    warnings.filterwarnings("ignore")
    right, lacking, bad = 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="ariel-") as folder:
        for name, program, inputs in programs():
            try:
                problem = judge(program, inputs, Path(folder) / "model.pt2")
            except ArielError as error:
                problem = error.render()
                if "it takes ONNX's" in problem or "only a constant is supported" in problem:
                    lacking += 1
                    print(f"{name}: {problem.splitlines()[0]}")
                    continue
            right += not problem
            bad += bool(problem)
            if problem:
                print(f"WRONG {name}: {problem}", file=sys.stderr)
    print(f"PyTorch {torch.__version__}: {right} right, {bad} wrong, {lacking} lack an operator")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
