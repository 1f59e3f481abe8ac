"""`quantize`: from a float model and samples to a file that onnxruntime and we answer alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest

from ariel_build.answers.reference import Interpreter
from ariel_build.driver import import_file
from ariel_build.ir import Array, Graph
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.quantize import Dequantize
from ariel_build.passes import optimize
from tests.commands.conftest import Command
from tests.quantize.runtime import answers, needs_runtime
from tests.zoo import FLOAT, INT64, UINT8, node, onnx_file
from tools.recorded import DIGITS, MODELS


def compiled(path: Path) -> Graph:
    """Returns the graph as the compiler computes it."""
    graph, _ = import_file(path)
    optimize(graph)
    return graph


def quanta(path: Path, samples: Sequence[Array], *, optimized: bool = True) -> Numbers:
    """Returns how many steps of the first output lie between onnxruntime's answers and ours."""
    graph = compiled(path)
    producer = graph.producers()[graph.outputs[0]]
    assert isinstance(producer.op, Dequantize)
    quant = producer.input(0).type.quant
    assert quant is not None
    interpreter = Interpreter(graph)
    mine: Numbers = np.stack([interpreter.outputs([x])[0] for x in samples])
    theirs: Numbers = np.stack([answers(path.read_bytes(), [x], optimized=optimized)[0] for x in samples])
    return np.asarray(np.rint(np.abs(mine - theirs) / quant.scale), np.int64)


def before_softmax(path: Path) -> Path:
    """Returns the model without a softmax at its end, which makes several steps of its own of one of its input's."""
    model = onnx.load(path)
    last = model.graph.node[-3]
    if last.op_type == "Softmax":
        del model.graph.node[-3:]
        shape = [d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim]
        del model.graph.output[:]
        model.graph.output.append(onnx.helper.make_tensor_value_info(last.input[0], FLOAT, shape))
        path = path.with_name(f"{path.stem}-logits.onnx")
        onnx.save(model, path)
    return path


def operators(path: Path) -> set[tuple[str, str]]:
    return {(n.op.name, n.output.type.dtype.value) for n in compiled(path).nodes}


def test_a_network_becomes_int8(command: Command, network: Path, calibration: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    answer = command("quantize", network, "--calibration", calibration, "-o", out)
    assert answer.code == 0, answer
    assert "same greatest output as float32" in answer.out and "int8" in answer.out
    assert answer.err == ""  # no bar where nobody sees it
    kinds = operators(out)
    assert {(name, dtype) for name, dtype in kinds if dtype == "f32"} == {("Dequantize", "f32")}
    assert {"Conv2d", "DepthwiseConv2d", "MaxPool2d", "FullyConnected", "Softmax"} <= {name for name, _ in kinds}
    model = onnx.load(out)
    onnx.checker.check_model(model, full_check=True)
    assert [v.name for v in model.graph.input] == ["x"] and [v.name for v in model.graph.output] == ["y"]


def test_weights_have_a_scale_for_each_channel_and_biases_are_int32(
    command: Command, network: Path, calibration: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.onnx"
    assert command("quantize", network, "--calibration", calibration, "-o", out).code == 0
    for layer in compiled(out).nodes:
        if layer.op.name in ("Conv2d", "DepthwiseConv2d", "FullyConnected"):
            filter_, bias = layer.input(1).type, layer.input(2).type
            assert filter_.quant is not None and len(filter_.quant.scales) == layer.output.shape[-1]
            assert set(filter_.quant.zero_points) == {0}
            assert bias.dtype.value == "i32"


@needs_runtime
@pytest.mark.parametrize("optimized", [True, False])
def test_onnxruntime_answers_as_our_kernels_do(
    optimized: bool, command: Command, network: Path, calibration: Path, inputs: Array, tmp_path: Path
) -> None:
    out = tmp_path / "out.onnx"
    assert command("quantize", network, "--calibration", calibration, "-o", out).code == 0
    steps = quanta(out, list(inputs), optimized=optimized)
    assert steps.max() <= 2
    assert np.mean(steps <= 1) >= 0.99


@needs_runtime
def test_the_generated_rust_answers_so_as_well(
    command: Command, network: Path, calibration: Path, inputs: Array, tmp_path: Path
) -> None:
    out, made = tmp_path / "out.onnx", tmp_path / "made.npz"
    assert command("quantize", network, "--calibration", calibration, "-o", out).code == 0
    assert command("run", out, "--inputs", calibration, "--outputs", made).code == 0
    graph = compiled(out)
    scale = graph.producers()[graph.outputs[0]].input(0).type.quant
    assert scale is not None
    want = np.stack([answers(out.read_bytes(), [x])[0] for x in inputs])
    steps = np.rint(np.abs(np.load(made)["y"] - want) / scale.scale)
    assert steps.max() <= 1


def test_the_answers_are_those_of_float32_nearly(
    command: Command, network: Path, calibration: Path, inputs: Array, tmp_path: Path
) -> None:
    out = tmp_path / "out.onnx"
    assert command("quantize", network, "--calibration", calibration, "-o", out).code == 0
    before, _ = import_file(network)
    graphs = before, compiled(out)
    want, got = (np.stack([Interpreter(g).outputs([x])[0] for x in inputs]).astype(float) for g in graphs)
    noise = np.mean(np.square(want - got)) / np.mean(np.square(want))
    assert noise < 10 ** (-25 / 10)


def test_two_runs_give_the_same_file(command: Command, network: Path, calibration: Path, tmp_path: Path) -> None:
    files = tmp_path / "a.onnx", tmp_path / "b.onnx"
    for file in files:
        assert command("quantize", network, "--calibration", calibration, "-o", file).code == 0
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("ranges", ["min-max", "percentile", "least-error"])
def test_the_way_to_ranges_can_be_chosen(
    ranges: str, command: Command, network: Path, calibration: Path, tmp_path: Path
) -> None:
    answer = command("quantize", network, "--calibration", calibration, "-o", tmp_path / "o.onnx", "--ranges", ranges)
    assert answer.code == 0, answer
    tried = [line for line in answer.out.splitlines() if line.startswith("tried: ")]
    assert tried and all(f"ranges by {ranges}" in line for line in tried)


def float_answers(network: Path, inputs: Array) -> Array:
    graph, _ = import_file(network)
    return np.stack([Interpreter(graph).outputs([x])[0] for x in inputs])


def test_labels_give_accuracies_side_by_side(command: Command, network: Path, inputs: Array, tmp_path: Path) -> None:
    labels = float_answers(network, inputs).reshape(len(inputs), -1).argmax(axis=1)
    labels[:6] = (labels[:6] + 1) % 5  # float32 is wrong one time in ten
    path = tmp_path / "labelled.npz"
    np.savez(path, x=inputs, labels=labels)
    answer = command("quantize", network, "--calibration", path, "-o", tmp_path / "o.onnx")
    assert answer.code == 0, answer
    (line,) = [line for line in answer.out.splitlines() if line.startswith("accuracy")]
    assert line.split()[1] == "90.00%"


def test_a_budget_keeps_layers_in_float32(command: Command, network: Path, calibration: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.onnx"
    words = ("quantize", network, "--calibration", calibration, "-o", out)
    free = command(*words, "--ranges", "min-max")
    assert "stay float32" not in free.out
    # Without labels the agreement counts, of 60 samples: none may differ.
    strict = command(*words, "--ranges", "min-max", "--max-drop", "0%")
    assert strict.code == 0, strict
    (line,) = [line for line in strict.out.splitlines() if line.startswith("same greatest output")]
    assert line.split()[-1] == "100.00%"


def test_a_budget_of_noise_leaves_what_errs_most(command: Command, tmp_path: Path) -> None:
    """Two dense layers side by side: one with numbers of all magnitudes, which 256 steps hold badly."""
    rng = np.random.default_rng(1)
    nodes = [
        node("Exp", ["x"], ["e"]),
        node("Gemm", ["e", "w"], ["a"]),
        node("Gemm", ["x", "v"], ["b"]),
        node("Sub", ["a", "b"], ["y"]),
    ]
    constants = {k: rng.standard_normal((8, 4)).astype(np.float32) * s for k, s in (("w", 0.01), ("v", 1.0))}
    model = onnx_file(tmp_path / "m.onnx", nodes, {"x": (FLOAT, [1, 8])}, {"y": (FLOAT, [1, 4])}, constants)
    path = tmp_path / "c.npz"
    np.savez(path, x=2 * rng.standard_normal((64, 1, 8)).astype(np.float32))
    out = tmp_path / "o.onnx"
    answer = command("quantize", model, "--calibration", path, "-o", out, "--max-drop", "0.01%", "--ranges", "min-max")
    assert answer.code == 0, answer
    assert "compute in int16 for --max-drop" in answer.out and "stay float32" not in answer.out
    (line,) = [line for line in answer.out.splitlines() if line.startswith("signal to noise of")]
    assert float(line.split()[-2]) >= 40


def test_a_model_in_int8_is_refused(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    graph, _ = import_file(DIGITS)
    np.savez(path, input_0=np.zeros((9, *graph.inputs[0].shape), graph.inputs[0].type.dtype.numpy))
    answer = command("quantize", DIGITS, "--calibration", path, "-o", tmp_path / "o.onnx")
    answer.refuses("the model is quantised already", "digits.tflite", "give the float model")


def test_a_quantised_model_is_not_quantised_again(
    command: Command, network: Path, calibration: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.onnx"
    assert command("quantize", network, "--calibration", calibration, "-o", out).code == 0
    command("quantize", out, "--calibration", calibration, "-o", tmp_path / "again.onnx").refuses("quantised already")


@pytest.mark.parametrize(
    "arrays, words",
    [
        ({"z": np.zeros((9, 1, 2, 6, 6), np.float32)}, ("no array for the model's input `x`", "it has `z`")),
        ({"x": np.zeros((9, 1, 2, 6, 5), np.float32)}, ("the model's input is [1, 2, 6, 6]",)),
        ({"x": np.zeros((9, 1, 2, 6, 6), np.float64)}, ("`x` is float64",)),
        ({"x": np.zeros((0, 1, 2, 6, 6), np.float32)}, ("there are no samples",)),
        ({"x": np.full((9, 1, 2, 6, 6), np.nan, np.float32)}, ("sample 0 of `x` has NaN or an infinity",)),
        ({"x": np.zeros((9, 1, 2, 6, 6), np.float32), "labels": np.zeros(8, np.int64)}, ("`labels` is int64[8]",)),
        ({"x": np.zeros((9, 1, 2, 6, 6), np.float32), "labels": np.zeros(9)}, ("`labels` is float64",)),
        ({"x": np.zeros((9, 1, 2, 6, 6), np.float32), "labels": np.full(9, 5)}, ("`labels` are from 5 to 5",)),
    ],
)
def test_a_wrong_calibration_file_is_refused(
    arrays: dict[str, Array], words: Sequence[str], command: Command, network: Path, tmp_path: Path
) -> None:
    path = tmp_path / "wrong.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    answer = command("quantize", network, "--calibration", path, "-o", tmp_path / "o.onnx")
    answer.refuses("wrong.npz", *words)
    assert not (tmp_path / "o.onnx").exists()


def test_what_is_missing_or_misspelt_is_refused(
    command: Command, network: Path, calibration: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o.onnx"
    command("quantize", network, "--calibration", tmp_path / "no.npz", "-o", out).refuses("there is no such file")
    words = ("quantize", network, "--calibration", calibration)
    command(*words, "-o", tmp_path / "o.tflite").refuses("is no .onnx file")
    command(*words, "-o", out, "--max-drop", "0.5").refuses("--max-drop", 'a share is written "0.5%"')
    command(*words, "-o", out, "--weights-bits", "2").refuses("--weights-bits", "8 is expected, or 4")
    command(*words, "-o", out, "--ranges", "minmax").refuses("--ranges", 'the closest is "min-max"')


def test_weights_that_are_no_numbers_are_refused(command: Command, tmp_path: Path) -> None:
    weights = np.ones((4, 3), np.float32)
    weights[2, 1] = np.inf
    model = onnx_file(
        tmp_path / "m.onnx",
        [node("Gemm", ["x", "w"], ["y"], name="layer")],
        {"x": (FLOAT, [1, 4])},
        {"y": (FLOAT, [1, 3])},
        {"w": weights},
    )
    np.savez(tmp_path / "c.npz", x=np.ones((9, 1, 4), np.float32))
    answer = command("quantize", model, "--calibration", tmp_path / "c.npz", "-o", tmp_path / "o.onnx")
    answer.refuses("a weight is not a number", "layer")


def test_a_model_without_anything_for_int8_is_refused(command: Command, tmp_path: Path) -> None:
    ends = {"x": (UINT8, [1, 4])}, {"y": (UINT8, [1, 4])}
    model = onnx_file(tmp_path / "m.onnx", [node("Max", ["x", "c"], ["y"])], *ends, {"c": np.ones(4, np.uint8)})
    np.savez(tmp_path / "c.npz", x=np.ones((9, 1, 4), np.uint8))
    answer = command("quantize", model, "--calibration", tmp_path / "c.npz", "-o", tmp_path / "o.onnx")
    answer.refuses("nothing in the model can be computed in int8", "m.onnx")


def test_free_dimensions_are_those_of_the_samples(command: Command, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    model = onnx_file(
        tmp_path / "m.onnx",
        [node("MatMul", ["x", "w"], ["y"])],
        {"x": (FLOAT, ["time", 4])},
        {"y": (FLOAT, ["time", 3])},
        {"w": rng.standard_normal((4, 3)).astype(np.float32)},
    )
    np.savez(tmp_path / "c.npz", x=rng.standard_normal((9, 5, 4)).astype(np.float32))
    out = tmp_path / "o.onnx"
    assert command("quantize", model, "--calibration", tmp_path / "c.npz", "-o", out).code == 0
    assert compiled(out).inputs[0].shape == (5, 4)


def test_a_model_that_answers_with_a_class_is_judged_by_its_scores(command: Command, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    model = onnx_file(
        tmp_path / "m.onnx",
        [node("MatMul", ["x", "w"], ["s"]), node("ArgMax", ["s"], ["y"], axis=1, keepdims=0)],
        {"x": (FLOAT, [1, 4])},
        {"y": (INT64, [1])},
        {"w": rng.standard_normal((4, 3)).astype(np.float32)},
    )
    np.savez(tmp_path / "c.npz", x=rng.standard_normal((40, 1, 4)).astype(np.float32))
    out = tmp_path / "o.onnx"
    answer = command("quantize", model, "--calibration", tmp_path / "c.npz", "-o", out)
    assert answer.code == 0, answer
    ratios = [float(line.split()[-2]) for line in answer.out.splitlines() if line.startswith("tried: ")]
    assert ratios and all(10 < ratio < 80 for ratio in ratios)
    assert onnx.load(out).graph.output[0].type.tensor_type.elem_type == INT64


def test_states_are_carried_from_sample_to_sample(command: Command, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    nodes = [
        node("Concat", ["x", "h"], ["c"], axis=1),
        node("Gemm", ["c", "w"], ["g"]),
        node("Tanh", ["g"], ["k"]),
        node("Gemm", ["k", "v"], ["y"]),
    ]
    constants = {
        "w": rng.standard_normal((7, 3)).astype(np.float32),
        "v": rng.standard_normal((3, 2)).astype(np.float32),
    }
    ends = {"x": (FLOAT, [1, 4]), "h": (FLOAT, [1, 3])}, {"y": (FLOAT, [1, 2]), "k": (FLOAT, [1, 3])}
    model = onnx_file(tmp_path / "m.onnx", nodes, *ends, constants)
    np.savez(tmp_path / "c.npz", x=rng.standard_normal((20, 1, 4)).astype(np.float32))
    out = tmp_path / "o.onnx"
    answer = command("quantize", model, "--calibration", tmp_path / "c.npz", "-o", out, "--state", "h=k")
    assert answer.code == 0, answer
    graph = onnx.load(out).graph
    assert {v.name for v in graph.input} == {"x", "h"} and {v.name for v in graph.output} == {"y", "k"}
    made = tmp_path / "made.npz"
    assert command("run", out, "--state", "h=k", "--inputs", tmp_path / "c.npz", "--outputs", made).code == 0


def test_the_key_quantises_on_the_way(command: Command, network: Path, calibration: Path, tmp_path: Path) -> None:
    out, direct, made = tmp_path / "out.onnx", tmp_path / "direct.npz", tmp_path / "made.npz"
    assert command("quantize", network, "--calibration", calibration, "-o", out).code == 0
    assert command("run", out, "--inputs", calibration, "--outputs", direct).code == 0
    key = f"calibration={calibration}"
    assert command("run", network, "--quantize", key, "--inputs", calibration, "--outputs", made).code == 0
    np.testing.assert_array_equal(np.load(direct)["y"], np.load(made)["y"])
    command("inspect", network, "--quantize", "max-drop=1%").refuses("`quantize` without `calibration`", "--quantize")


@pytest.mark.models
@pytest.mark.parametrize("name", ["residual", "keyword1d"])
def test_programs_of_pytorch_become_int8(name: str, command: Command, tmp_path: Path) -> None:
    folder, out = MODELS / "pt2" / name, tmp_path / "out.onnx"
    samples = np.load(folder / "in_0.npy")
    np.savez(tmp_path / "c.npz", input_0=samples)
    answer = command("quantize", folder / "model.pt2", "--calibration", tmp_path / "c.npz", "-o", out)
    assert answer.code == 0, answer
    assert {kind for kind in operators(out) if kind[1] == "f32"} == {("Dequantize", "f32")}


@pytest.mark.models
@needs_runtime
@pytest.mark.parametrize(
    "name", ["mlperf_kws_f32", "mlperf_ad_f32", "mlperf_ic_f32", "own_gru12_unrolled_f32", "own_tf_pre_d24_f32"]
)
def test_real_models_answer_in_onnxruntime_as_in_our_kernels(name: str, command: Command, tmp_path: Path) -> None:
    folder, out = MODELS / "dev" / name, tmp_path / "out.onnx"
    samples = np.load(folder / "in_0.npy")
    np.savez(tmp_path / "c.npz", input_0=samples)
    answer = command("quantize", folder / "model.tflite", "--calibration", tmp_path / "c.npz", "-o", out)
    assert answer.code == 0, answer
    steps = quanta(before_softmax(out), list(samples))
    assert steps.max() <= 2
    assert np.mean(steps <= 1) >= 0.99


#: Adds a constant, of random numbers where only its shape is said; returns its name.
Constant = Callable[[tuple[int, ...] | Array], str]


def _transposed(constant: Constant) -> list[onnx.NodeProto]:
    """A transposed convolution between others, which are int8."""
    return [
        node("Conv", ["x", constant((4, 2, 3, 3))], ["a"], pads=[1, 1, 1, 1]),
        node("Relu", ["a"], ["b"]),
        node("ConvTranspose", ["b", constant((4, 3, 2, 2)), constant((3,))], ["c"], strides=[2, 2]),
        node("Conv", ["c", constant((2, 3, 3, 3))], ["y"], pads=[1, 1, 1, 1]),
    ]


def _attention(constant: Constant) -> list[onnx.NodeProto]:
    """Scores of rows by each other, a softmax of them, and a layer normalisation."""
    return [
        node("MatMul", ["x", constant((6, 8))], ["q"]),
        node("MatMul", ["x", constant((6, 8))], ["k"]),
        node("Transpose", ["k"], ["t"], perm=[0, 1, 3, 2]),
        node("MatMul", ["q", "t"], ["s"]),
        node("Softmax", ["s"], ["p"]),
        node("MatMul", ["p", "q"], ["a"]),
        node("LayerNormalization", ["a", constant((8,)), constant((8,))], ["n"]),
        node("MatMul", ["n", constant((8, 3))], ["y"]),
    ]


def _enlarged(constant: Constant) -> list[onnx.NodeProto]:
    """An image that is interpolated between convolutions."""
    sizes = constant(np.array([1, 3, 12, 9], np.int64))
    return [
        node("Conv", ["x", constant((3, 2, 3, 3))], ["a"], pads=[1, 1, 1, 1]),
        node("Resize", ["a", "", "", sizes], ["b"], mode="linear"),
        node("Conv", ["b", constant((2, 3, 3, 3))], ["y"], pads=[1, 1, 1, 1]),
    ]


def _recurrent(constant: Constant) -> list[onnx.NodeProto]:
    """A GRU, which stays float32, and a dense layer."""
    weights = [constant((1, 15, 6)), constant((1, 15, 5)), constant((1, 30))]
    return [
        node("Squeeze", ["x", constant(np.array([0], np.int64))], ["r"]),
        node("GRU", ["r", *weights], ["h"], hidden_size=5, linear_before_reset=1),
        node("MatMul", ["h", constant((5, 3))], ["y"]),
    ]


PARTLY_FLOAT = {
    "transposed": (_transposed, [1, 2, 6, 6], [1, 2, 12, 12]),
    "attention": (_attention, [1, 2, 8, 6], [1, 2, 8, 3]),
    "enlarged": (_enlarged, [1, 2, 6, 6], [1, 2, 12, 9]),
    "recurrent": (_recurrent, [1, 7, 1, 6], [7, 1, 1, 3]),
}


@needs_runtime
@pytest.mark.parametrize("name", PARTLY_FLOAT)
@pytest.mark.parametrize("optimized", [True, False])
def test_what_stays_float32_answers_in_onnxruntime_as_in_our_kernels(
    name: str, optimized: bool, command: Command, tmp_path: Path
) -> None:
    """Else weights of float32 would be rounded there, and softmaxes computed its own way: the file prevents both."""
    build, given, made = PARTLY_FLOAT[name]
    rng, constants = np.random.default_rng(6), dict[str, Array]()

    def constant(what: tuple[int, ...] | Array) -> str:
        data = rng.standard_normal(what).astype(np.float32) if isinstance(what, tuple) else what
        constants[f"c{len(constants)}"] = data
        return f"c{len(constants) - 1}"

    ends = {"x": (FLOAT, given)}, {"y": (FLOAT, made)}
    model, out = onnx_file(tmp_path / "m.onnx", build(constant), *ends, constants), tmp_path / "o.onnx"
    samples = rng.standard_normal((40, *given)).astype(np.float32)
    np.savez(tmp_path / "c.npz", x=samples)
    answer = command("quantize", model, "--calibration", tmp_path / "c.npz", "-o", out)
    assert answer.code == 0, answer
    steps = quanta(out, list(samples), optimized=optimized)
    assert steps.max() <= 2
    assert np.mean(steps <= 1) >= 0.99
