"""The npz files of `run`: what is wrong with one is said with the names, shapes and types that would be right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.commands.conftest import Answer, Command
from tests.zoo import INT8, node, onnx_file

GOOD = np.zeros((2, 2, 3), np.float32)


def run(command: Command, model: Path, **arrays: npt.ArrayLike) -> Answer:
    inputs = model.with_suffix(".npz")
    np.savez(inputs, **{name: np.asarray(array) for name, array in arrays.items()})  # type: ignore[arg-type]
    return command("run", model, "--inputs", inputs, "--outputs", inputs.with_name("out.npz"))


def test_a_missing_name(flip: Path, command: Command) -> None:
    run(command, flip, z=GOOD).refuses("no array for the model's input `x`", "it has `z`", "input_0", "flip.npz")


def test_no_arrays(flip: Path, command: Command) -> None:
    run(command, flip).refuses("no array for the model's input `x`", "it has none")


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 2), (3,), ()])
def test_a_wrong_shape(shape: tuple[int, ...], flip: Path, command: Command) -> None:
    array = np.zeros(shape, np.float32)
    run(command, flip, x=array).refuses(str(list(shape)), "the model's input is [2, 3]", "[samples, 2, 3]")


@pytest.mark.parametrize("dtype", ["float64", "int8", "float16"])
def test_a_wrong_type(dtype: str, flip: Path, command: Command) -> None:
    run(command, flip, x=GOOD.astype(dtype)).refuses(f"`x` is {dtype}, the model's input is float32")


def test_objects_are_not_unpickled(flip: Path, command: Command) -> None:
    run(command, flip, x=np.array([{}], object)).refuses("cannot be read", "numpy.savez")


def test_no_samples(flip: Path, command: Command) -> None:
    run(command, flip, x=GOOD[:0]).refuses("there are no samples")


def test_different_numbers_of_samples(tmp_path: Path, command: Command) -> None:
    nodes = [node("Concat", ["a", "b"], ["y"], axis=0)]
    ends = {"a": (INT8, [3]), "b": (INT8, [3])}
    model = onnx_file(tmp_path / "two.onnx", nodes, ends, {"y": (INT8, [6])})
    a = np.zeros((2, 3), np.int8)
    run(command, model, a=a, b=a[:1]).refuses("different numbers of samples")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip at all", b"\x93NUMPY\x01\x00"])
def test_a_file_that_is_none(content: bytes, flip: Path, command: Command) -> None:
    inputs = flip.with_suffix(".npz")
    inputs.write_bytes(content)
    command("run", flip, "--inputs", inputs, "--outputs", "out.npz").refuses("cannot be read", "flip.npz")


def test_a_bare_array(flip: Path, command: Command) -> None:
    inputs = flip.with_suffix(".npy")
    np.save(inputs, GOOD)
    command("run", flip, "--inputs", inputs, "--outputs", "out.npz").refuses("one bare array", "numpy.savez")


def test_a_missing_file(flip: Path, command: Command) -> None:
    command("run", flip, "--inputs", "no.npz", "--outputs", "out.npz").refuses("there is no such file", "no.npz")


def test_outputs_that_cannot_be_written(flip: Path, command: Command) -> None:
    inputs = flip.with_suffix(".npz")
    np.savez(inputs, x=GOOD)
    answer = command("run", flip, "--inputs", inputs, "--outputs", flip / "out.npz")
    answer.refuses("cannot write", "flip.onnx")


def test_either_name_works_and_samples_come_back_in_order(flip: Path, command: Command, tmp_path: Path) -> None:
    samples = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    for name in ("x", "input_0"):
        answer = run(command, flip, **{name: samples})
        assert answer.code == 0, answer
        with np.load(tmp_path / "out.npz") as out:
            assert out.files == ["y"]
            assert (out["y"] == samples.transpose(0, 2, 1)).all()
