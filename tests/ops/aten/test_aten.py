"""Every ATen operator that is imported computes what PyTorch does, told here in numpy; or says what it lacks.

The cases are in `cases/`, a file for each module of `ariel_build/ops/aten/`.
`nox -s pytorch` asks torch itself about whole modules.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ariel_build.answers.reference import Interpreter
from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ops import IMPORTERS
from ariel_build.ops.aten.memory import is_in_place
from ariel_build.passes import optimize
from tests.ops.aten.case import Case, K, Numbers
from tests.ops.aten.cases import (
    attention,
    constants,
    elementwise,
    layers,
    normalise,
    numbers,
    order,
    parts,
    places,
    products,
    quantized,
    quotients,
    recurrent,
    reduce,
    resize,
    views,
    windows,
)
from tests.pt2_writer import Program, T, node, v

CASES: list[Case] = [
    *elementwise.CASES,
    *views.CASES,
    *parts.CASES,
    *constants.CASES,
    *layers.CASES,
    *normalise.CASES,
    *reduce.CASES,
    *recurrent.CASES,
    *attention.CASES,
    *resize.CASES,
    *quantized.CASES,
    *numbers.CASES,
    *order.CASES,
    *places.CASES,
    *products.CASES,
    *quotients.CASES,
    *windows.CASES,
]

#: Operators that are always refused, and the words that say why; those of which nothing comes.
REFUSED = {
    "quantized_decomposed.choose_qparams.tensor": "computed at run time",
    "quantized_decomposed.choose_qparams_symmetric.tensor": "computed at run time",
    "quantized_decomposed.choose_qparams_per_token.default": "computed at run time",
    "torchao.choose_qparams_affine.default": "computed at run time",
    **{f"aten.{name}.data": "packed sequences" for name in ("lstm", "gru", "rnn_tanh", "rnn_relu")},
}
#: What is not supported yet of ONNX's operators, in their importers' words.
WAITING = (
    "the indices (input 1) is computed at run time",
    "an image of 5 axes is not supported",
    "3-dimensional windows",
)
#: Told by tests of their own, in `test_programs.py`.
ELSEWHERE = {
    "buffer_mutation",
    "higher_order.cond",
    "aten.sym_size.int",
    "aten.sym_numel.default",
    "aten.numel.default",
}


def full(name: str) -> str:
    return name.replace(":", ".") if ":" in name else f"aten.{name}"


def keeps_type(one: Case) -> bool:
    """Whether what an operator gives can stand where its first argument is."""
    target = one.arguments.get("self")
    if not isinstance(target, np.ndarray):
        return False
    flat = [a for value in one.arguments.values() for a in (value if isinstance(value, list) else [value])]
    arrays = [a for a in flat if isinstance(a, np.ndarray)]
    result = np.asarray(one.wanted(*arrays))
    result = result.astype(np.float32) if result.dtype == np.float64 else result
    return bool(result.shape == target.shape and result.dtype == target.dtype)


def programs() -> dict[str, tuple[str, Case]]:
    """Returns the cases of every operator, and of the one that does the same in place."""
    found: dict[str, tuple[str, Case]] = {}
    for number, one in enumerate(CASES):
        for name in one.names:
            twins = [full(name)]
            base, _, overload = full(name).rpartition(".")
            if ("pt2", f"{base}_.{overload}") in IMPORTERS and keeps_type(one):
                twins.append(f"{base}_.{overload}")
            found |= {f"{op.removeprefix('aten.')}-{number}": (op, one) for op in twins}
    return found


PROGRAMS = programs()


def written(op: str, one: Case) -> tuple[Program, list[Numbers], list[Numbers]]:
    """Returns the program of a case, its inputs, and what it gives."""
    inputs: dict[str, Numbers] = {}
    constants: dict[str, Numbers] = {}

    def told(value: Any) -> Any:  # noqa: ANN401 - any argument
        if isinstance(value, K):
            constants[f"k{len(constants)}"] = np.asarray(value.data)
            return v(f"k{len(constants) - 1}")
        if isinstance(value, np.ndarray):
            inputs[f"x{len(inputs)}"] = np.ascontiguousarray(value)
            return v(f"x{len(inputs) - 1}")
        return [told(one) for one in value] if isinstance(value, list) else value

    arguments = {name: told(value) for name, value in one.arguments.items()}
    wanted = one.wanted(*inputs.values())
    results = [np.asarray(w) for w in (wanted if isinstance(wanted, list | tuple) else [wanted])]
    outputs = {}
    for number, result in enumerate(results):
        results[number] = result.astype(np.float32) if result.dtype == np.float64 else result
        outputs[f"y{number}"] = T(result.shape, results[number].dtype.name)
    made = node(op, outputs, **arguments)
    types = {name: T(array.shape, array.dtype.name) for name, array in inputs.items()}
    return Program(types, [made], list(outputs), constants), list(inputs.values()), results


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch_computes_it(name: str, tmp_path: Path) -> None:
    op, one = PROGRAMS[name]
    program, inputs, wanted = written(op, one)
    path = tmp_path / "model.pt2"
    path.write_bytes(program.write())
    try:
        graph, _ = import_file(path)
    except UnsupportedError as error:
        told = error.render()
        takes = told.partition("it takes ONNX's ")[2].partition(",")[0]
        assert ("onnx", takes) not in IMPORTERS
        assert takes or any(word in told for word in WAITING), told
        assert f"{op}: " in told
        return
    for result, want in zip(Interpreter(graph).outputs(inputs), wanted, strict=True):
        assert result.dtype == want.dtype
        np.testing.assert_allclose(np.asarray(result, want.dtype), want, 1e-4, 1e-5)
    optimize(graph)
    for result, want in zip(Interpreter(graph).outputs(inputs), wanted, strict=True):
        np.testing.assert_allclose(np.asarray(result, want.dtype), want, 1e-4, 1e-5)


@pytest.mark.parametrize("op", REFUSED)
def test_what_no_program_can_have_is_refused_by_name(op: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    made = node(op, {"y": T((2, 3, 4))}, 'File "net.py", line 3, in forward\n    y = f(x)', input=v("x"))
    path.write_bytes(Program({"x": T((2, 3, 4))}, [made], ["y"]).write())
    with pytest.raises(UnsupportedError) as caught:
        import_file(path)
    told = caught.value.render()
    assert f"error: {op}: " in told
    assert REFUSED[op] in told
    assert "net.py:3: `y = f(x)`" in told


def test_every_operator_has_a_case() -> None:
    known = {op for op, _ in PROGRAMS.values()} | set(REFUSED) | ELSEWHERE
    numbers = ("_operator.", "math.", "torch.sym", "aten._assert", "aten.sym_constrain", "aten._functional_assert")
    named = {name for source, name in IMPORTERS if source == "pt2" and not name.startswith(numbers)}
    assert named - known == set()


def test_operators_that_write_are_marked_by_their_names() -> None:
    assert is_in_place("aten.relu_.default")
    assert not is_in_place("aten.relu.default")
    assert not is_in_place("aten.__and__.Tensor")
    assert not is_in_place("aten.detach_.default")
