"""Every size up to the bound: what the oracle answers for exactly that size, whatever stood behind it before."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.answers.oracle import Answer, ask
from ariel_build.answers.samples import Samples, cut_outputs, padded, random_samples, split_outputs
from ariel_build.commands.run import execute_compiled
from ariel_build.config.at_most import AtMost
from ariel_build.config.options import ModelOptions
from ariel_build.driver import Compiled, compile_model, import_file
from ariel_build.ir import Array, Value
from ariel_build.ops.evaluate import evaluate
from tests.bounded.models import MODELS
from tests.frontends import tflite_writer as w
from tests.frontends.test_pt2_reader import program
from tests.ops.parity import onnxruntime_answers
from tests.pt2_writer import T, v
from tests.pt2_writer import node as pt2_node

BOUND = 9
#: TFLite's number of the type.
UINT8 = 3
#: Every size, longer and shorter ones in turn.
SIZES = (9, 1, 8, 2, 7, 3, 6, 4, 5, 1, 9)
#: The same of images, each of which is code of its own.
IMAGES = (3, 1, 2, 3)


def sizes_of(name: str) -> tuple[int, ...]:
    """Returns the sizes that a model is tried with."""
    return IMAGES if "images" in name else SIZES


def answers(
    path: Path, compiled: Compiled, board: str, cores: int, tried: tuple[int, ...]
) -> list[tuple[int, Samples, dict[str, Array]]]:
    """Returns for each size the samples, and what the generated Rust makes of them, one after the other."""
    graph = compiled.graph
    given = []
    for number, size in enumerate(tried):
        fixed, _ = import_file(path, {"n": size})
        one = random_samples(fixed.inputs, 1, seed=number)
        # Integers are indices of a table of eleven rows.
        arrays = [array % 11 if array.dtype.kind == "i" else array for array in one.arrays]
        given.append(Samples(arrays, (1,), {"n": size}))
    raw = [data for one in given for data in padded(one, graph.inputs).raw()]
    sizes = [[size] for size in tried]
    done = execute_compiled(compiled, boards.load(board), raw, cores=cores, stats=False, sizes=sizes)
    outputs = [
        cut_outputs(split_outputs(graph.outputs, [made], (1,)), graph, one)
        for one, made in zip(given, done.outputs, strict=True)
    ]
    return list(zip(tried, given, outputs, strict=True))


def dense_int8(path: Path) -> Path:
    """Two dense layers of int8 between a reshape and a softmax, as TFLite has them: the batch is free."""
    rng = np.random.default_rng(8)
    weights = [rng.integers(-127, 128, shape).astype(np.int8) for shape in ((12, 8), (5, 12))]
    biases = [rng.integers(-900, 900, len(each)).astype(np.int32) for each in weights]
    tensors = [
        w.tensor("x", [1, 2, 4], w.INT8, quant=w.quant([0.05], [-3]), signature=[-1, 2, 4]),
        w.tensor("shape", [2], w.INT32, 1),
        w.tensor("flat", [1, 8], w.INT8, quant=w.quant([0.05], [-3]), signature=[-1, 8]),
        w.tensor("w0", [12, 8], w.INT8, 2, quant=w.quant([0.01], [0])),
        w.tensor("b0", [12], w.INT32, 3, quant=w.quant([0.0005], [0])),
        w.tensor("h", [1, 12], w.INT8, quant=w.quant([0.06], [-128]), signature=[-1, 12]),
        w.tensor("w1", [5, 12], w.INT8, 4, quant=w.quant([0.01], [0])),
        w.tensor("b1", [5], w.INT32, 5, quant=w.quant([0.0006], [0])),
        w.tensor("logits", [1, 5], w.INT8, quant=w.quant([0.04], [5]), signature=[-1, 5]),
        w.tensor("y", [1, 5], w.INT8, quant=w.quant([1 / 256], [-128]), signature=[-1, 5]),
    ]
    operators = [
        w.operator(0, [0, 1], [2]),
        w.operator(1, [2, 3, 4], [5], (8, {0: ("b", 1)})),
        w.operator(1, [5, 6, 7], [8], (8, {})),
        w.operator(2, [8], [9], (9, {0: ("f", 1.0)})),
    ]
    codes = [w.code(22), w.code(9, 4), w.code(25, 2)]
    data: list[Array] = [np.array([-1, 8], np.int32), weights[0], biases[0], weights[1], biases[1]]
    graph = w.subgraph(tensors, [0], [9], operators)
    path.write_bytes(w.encode(w.model(codes, [graph], [each.tobytes() for each in data])))
    return path


def test_rows_of_int8_are_those_of_the_reference_kernels(tmp_path: Path) -> None:
    path = dense_int8(tmp_path / "dense.tflite")
    x = np.random.default_rng(9).integers(-128, 128, (BOUND, 2, 4)).astype(np.int8)
    said = ask(path, import_file(path)[0], Samples([x[:, None]], (BOUND,)))
    assert isinstance(said, Answer), said
    options = ModelOptions(path, dims={"x.0": AtMost(BOUND)}, cores=1)
    compiled = compile_model(path, options, boards.load("host"), "dense")
    raw = [np.concatenate([x[:size], np.full_like(x[size:], size)]).tobytes() for size in SIZES]
    done = execute_compiled(compiled, boards.load("host"), raw, stats=False, sizes=[[size] for size in SIZES])
    for size, made in zip(SIZES, done.outputs, strict=True):
        got = np.frombuffer(made, np.int8).reshape(BOUND, 5)[:size]
        np.testing.assert_array_equal(got, said.outputs[0].reshape(BOUND, 5)[:size])


@pytest.mark.parametrize("name, stored", [("REDUCE_MAX", 10), ("REDUCE_MIN", 250)])
def test_the_greatest_byte_is_one_that_is_there(name: str, stored: int, tmp_path: Path) -> None:
    """All bytes lie below the zero point, or above it: what stands for those behind them does not."""
    tensors = [
        w.tensor("x", [1, 1, 4], UINT8, quant=w.quant([0.1], [128]), signature=[1, -1, 4]),
        w.tensor("axes", [1], w.INT32, 1),
        w.tensor("y", [1, 4], UINT8, quant=w.quant([0.1], [128])),
    ]
    reduced = w.subgraph(tensors, [0], [2], [w.operator(0, [0, 1], [2], (27, {0: ("b", 0)}))])
    path = tmp_path / "bytes.tflite"
    code = {"REDUCE_MAX": 82, "REDUCE_MIN": 89}[name]
    path.write_bytes(w.encode(w.model([w.code(code)], [reduced], [np.array([1], np.int32).tobytes()])))
    graph, _ = import_file(path, {"x.1": AtMost(6)})
    x, size = np.full((1, 6, 4), stored, np.uint8), np.array([3], np.int32)
    made = evaluate(graph, {graph.inputs[0]: x, graph.sizes[0].current: size})[graph.outputs[0]]
    assert made.tolist() == [[stored] * 4]


def test_symbols_of_pytorch_are_bounded(tmp_path: Path) -> None:
    follows, row = T(("s0", 4)), T((4,))
    nodes = [
        pt2_node("aten.relu.default", {"a": follows}, self=v("x")),
        pt2_node("aten.mean.dim", {"y": row}, self=v("a"), dim=[0]),
        pt2_node("aten.select.int", {"z": row}, self=v("a"), dim=0, index=-1),
    ]
    path = tmp_path / "m.pt2"
    path.write_bytes(program(inputs={"x": follows}, nodes=nodes, outputs=["a", "y", "z"]).write())
    graph, _ = import_file(path, {"s0": AtMost(5)})
    assert list(graph.output_bounds) == [("s0", 5), None, None]
    x = np.random.default_rng(2).standard_normal((5, 4)).astype(np.float32)
    for size in range(1, 6):
        given: dict[Value, Array] = {graph.inputs[0]: x, graph.sizes[0].current: np.array([size], np.int32)}
        made = evaluate(graph, given)
        a, y, z = (made[value].astype(np.float64) for value in graph.outputs)
        want = np.maximum(x, 0)[:size]
        np.testing.assert_array_equal(a[:size], want)
        np.testing.assert_allclose(y, want.mean(axis=0), rtol=1e-6)
        np.testing.assert_array_equal(z, want[-1])


ARM = [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target("thumbv7em-none-eabihf")]


def check(name: str, tmp_path: Path, board: str, cores: int) -> None:
    path = MODELS[name](tmp_path / f"{name}.onnx")
    dims, tried = {"n": AtMost(max(sizes_of(name)))}, sizes_of(name)
    compiled = compile_model(path, ModelOptions(path, dims=dims, cores=cores), boards.load(board), name)
    made = answers(path, compiled, board, cores, tried)
    # In this process, and once for all sizes: to start another for each takes longer than all the rest.
    wanted = onnxruntime_answers(path, [[array[0] for array in samples.arrays] for _, samples, _ in made])
    for (size, _, outputs), said in zip(made, wanted, strict=True):
        for (key, got), want in zip(outputs.items(), said, strict=True):
            assert got.shape == (1, *want.shape), (name, size, key)
            np.testing.assert_allclose(
                got.astype(np.float64),
                want[None].astype(np.float64),
                rtol=2e-5,
                atol=2e-6,
                err_msg=f"{name}, {size} of {max(tried)}, {key}",
            )


@pytest.mark.parametrize("name", MODELS)
def test_each_size_on_the_host(name: str, tmp_path: Path) -> None:
    check(name, tmp_path, "host", 1)


@pytest.mark.parametrize("name", ["elementwise", "lstm", "images"])
def test_two_cores_pass_over_what_there_is_not(name: str, tmp_path: Path) -> None:
    check(name, tmp_path, "host", 2)


@pytest.mark.parametrize("name", ["mlp", "gru_both", "reduced", "stored_images"])
@pytest.mark.parametrize("board", [pytest.param("qemu-cortex-m7", marks=ARM)])
def test_each_size_on_a_board(name: str, board: str, tmp_path: Path) -> None:
    check(name, tmp_path, board, 1)


@pytest.mark.parametrize("name", ["mlp", "lstm", "reduced", "images"])
def test_a_shorter_one_is_the_fixed_one_to_the_bit(name: str, tmp_path: Path) -> None:
    path, host = MODELS[name](tmp_path / f"{name}.onnx"), boards.load("host")
    some = max(sizes_of(name)) - max(sizes_of(name)) // 2
    dims = {"n": AtMost(max(sizes_of(name)))}
    bounded = compile_model(path, ModelOptions(path, dims=dims, cores=1), host, name)
    fixed = compile_model(path, ModelOptions(path, dims={"n": some}, cores=1), host, name)
    samples = replace(random_samples(fixed.graph.inputs, 5), sizes={"n": some})
    want = execute_compiled(fixed, host, samples.raw(), stats=False).outputs
    raw = padded(samples, bounded.graph.inputs).raw()
    got = execute_compiled(bounded, host, raw, stats=False, sizes=[[some]] * 5).outputs
    cut = cut_outputs(split_outputs(bounded.graph.outputs, got, samples.lead), bounded.graph, samples)
    for mine, theirs in zip(cut.values(), split_outputs(fixed.graph.outputs, want, samples.lead).values(), strict=True):
        assert mine.tobytes() == theirs.tobytes()


def test_all_steps_of_an_image_that_is_not_there_are_passed_over(tmp_path: Path) -> None:
    """Also the copies of images that lie at no multiple of the arena's alignment, and dense layers behind them."""
    path = MODELS["images"](tmp_path / "images.onnx")
    made = compile_model(path, ModelOptions(path, dims={"n": AtMost(3)}, cores=1), boards.load("host"), "images")
    told = re.search(r"shorter \[([^]]*)\]", made.module_text)
    assert told is not None
    parts = [[int(n) for n in re.findall(r"\d+", part)] for part in told[1].split(",") if part.strip()]
    assert all(len(part) == 3 or part[3] % part[2] == 0 for part in parts)
    steps = {step.index: step.name for step in made.schedule.steps}
    assert not [name for index, name in steps.items() if index not in {part[0] for part in parts}]
    third = [steps[step] for step, _, each, *less in parts if less == [2 * each]]
    layers = ["conv2d", "depthwise_conv2d", "average_pool2d", "conv_transpose", "max_pool2d"]
    assert set(layers) <= {name.rsplit("_", 1)[0] for name in third}
