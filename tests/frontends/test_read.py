"""`read`: real models are read whole, damaged ones are answered with a ModelError and nothing else."""

from __future__ import annotations

import random
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ariel_build.errors import ModelError
from ariel_build.frontends import SourceModel, read


def manifest(models: Path) -> list[dict[str, Any]]:
    """Returns what is recorded of the real models."""
    return list(tomllib.loads((models / "dev/manifest.toml").read_text())["model"])


def operators(model: SourceModel) -> Counter[str]:
    """Counts the operators of a model and of the subgraphs that it calls."""
    counts: Counter[str] = Counter()
    for node in model.nodes:
        counts[node.op] += 1
        for subgraph in node.subgraphs.values():
            counts += operators(subgraph)
    return counts


def check(model: SourceModel) -> None:
    """Checks what every SourceModel promises."""
    made = {key for node in model.nodes for key in node.outputs}
    ready = set(model.inputs) | set(model.captured)
    ready |= {k for k, t in model.tensors.items() if t.data is not None or t.is_variable}
    ready |= {k for k, t in model.tensors.items() if t.dtype is None and k not in made}  # constants without data
    for node in model.nodes:
        assert all(key is None or key in ready for key in node.inputs), node
        assert not ready & set(node.outputs), node
        assert node.origin.isprintable()
        ready |= set(node.outputs)
        for subgraph in node.subgraphs.values():
            check(subgraph)
    assert set(model.outputs) <= ready
    assert len(set(model.input_names)) == len(model.input_names) == len(model.inputs)
    assert len(set(model.output_names)) == len(model.output_names) == len(model.outputs)
    for tensor in model.tensors.values():
        assert tensor.data is None or tensor.shape == tensor.data.shape
        assert tensor.data is None or tensor.dtype is None or tensor.dtype.numpy == tensor.data.dtype


@pytest.mark.models
def test_real_models_are_read_as_recorded(models: Path) -> None:
    entries = manifest(models)
    assert len(entries) > 60
    for entry in entries:
        source = read(models / "dev" / entry["file"])
        check(source)
        recorded = {op: n for op, n in entry["ops"].items() if op != "Constant"}
        assert operators(source) == recorded, entry["name"]
        for kind, keys, names in (
            ("input", source.inputs, source.input_names),
            ("output", source.outputs, source.output_names),
        ):
            for number, (key, name) in enumerate(zip(keys, names, strict=True)):
                tensor, wanted = source.tensors[key], entry[f"{kind}s"][number]
                assert name == (wanted["name"] or f"{kind}_{number}")
                if kind == "output" and source.format == "onnx":
                    continue
                shape = [n if isinstance(n, int) else 1 for n in wanted["shape"]]
                assert list(tensor.shape or ()) == shape, entry["name"]
                assert tensor.dtype is not None
                assert tensor.dtype.numpy.name == wanted["dtype"]
                if "scale" in wanted:
                    assert tensor.quant is not None
                    assert (tensor.quant.scale, tensor.quant.zero_point) == (wanted["scale"], wanted["zero_point"])


@pytest.mark.models
def test_models_of_one_operator_are_read(models: Path) -> None:
    files = sorted((models / "tflite-ops").glob("*.tflite"))
    assert files
    for file in files:
        source = read(file)
        check(source)
        assert len(source.nodes) == 1


def damage(data: bytes, rng: random.Random) -> bytes:
    """Returns the data with some bytes changed, removed, repeated or cut off."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 4, 64))):
        at = rng.randrange(len(damaged))
        match rng.randrange(5):
            case 0:
                damaged[at] = rng.randrange(256)
            case 1:
                damaged[at] ^= 1 << rng.randrange(8)
            case 2:
                damaged[at : at + 4] = rng.choice((b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", bytes(4)))
            case 3:
                source = rng.randrange(len(damaged))
                damaged[at : at + 8] = damaged[source : source + 8]
            case _:
                del damaged[at : at + rng.randrange(1, 9)]
    if rng.randrange(5) == 0:
        del damaged[rng.randrange(len(damaged)) :]
    return bytes(damaged)


@pytest.mark.models
@pytest.mark.parametrize(
    "name",
    [
        "mlperf_kws_int8/model.tflite",
        "tflm_hello_int8/model.tflite",
        "mww_vad_v2/model.tflite",
        "onnx2c_tfl_helloworld/model.onnx",
        "tflm_micro_speech_int8_tf2onnx_qdq/model.onnx",
        "own_lstm20_onnx/model.onnx",
    ],
)
def test_damaged_files_are_read_or_refused(models: Path, tmp_path: Path, name: str) -> None:
    file = models / "dev" / name
    data = file.read_bytes()
    rng = random.Random(name)  # noqa: S311 - reproducible, not secret
    path = tmp_path / file.name
    answers: Counter[str] = Counter()
    for _ in range(300):
        path.write_bytes(damage(data, rng))
        try:
            check(read(path))
            answers["read"] += 1
        except ModelError as error:
            told = all(d.message.isprintable() and d.origin.startswith(str(path)) for d in error.diagnostics)
            answers["refused" if told else "badly told"] += 1
    assert set(answers) == {"read", "refused"}, answers
    assert answers["read"] > 10, answers
    assert answers["refused"] > 50, answers


@pytest.mark.parametrize("name", ["missing.tflite", "missing.onnx", "folder.tflite", "model.h5", "model"])
def test_a_path_that_is_no_model_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.tflite").mkdir()
    (tmp_path / "model.h5").write_bytes(b"")
    with pytest.raises(ModelError) as caught:
        read(tmp_path / name)
    assert name in caught.value.render()
    assert caught.value.diagnostics[0].help


def test_a_file_of_absurd_size_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match="MiB"):
        read(path)


def test_the_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    path = tmp_path / "NET.TFLITE"
    path.write_bytes(b"no model")
    with pytest.raises(ModelError, match="identifier"):
        read(path)
