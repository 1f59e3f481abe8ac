"""A float model and calibration samples -> a QDQ ONNX file, and what it is worth: the whole of the way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

import ariel_build
from ariel_build import frontends
from ariel_build.answers.samples import bind_dims
from ariel_build.config.at_most import AtMost
from ariel_build.config.options import ModelOptions, Quantization
from ariel_build.driver import import_file
from ariel_build.errors import ArielError, MetadataError, UnsupportedError
from ariel_build.frontends import SourceModel
from ariel_build.ir import Graph, verify
from ariel_build.machine.files import write_atomically
from ariel_build.quantize import judge
from ariel_build.quantize.choice import suggested
from ariel_build.quantize.clean import clean
from ariel_build.quantize.form import rewrite
from ariel_build.quantize.samples import read
from ariel_build.quantize.search import Result, Tell, Wish, find
from ariel_build.quantize.writers import write_model
from ariel_build.records import dataclass

__all__ = ["Outcome", "quantize", "quantized"]


@dataclass(frozen=True)
class Outcome:
    """The file, and how it was found; `graph` is the float model as it was quantised."""

    model: onnx.ModelProto
    result: Result
    graph: Graph
    samples: int
    notes: tuple[str, ...] = ()


def _silent(_: str, __: int, ___: int) -> None:
    pass


@np.errstate(all="ignore")
def quantize(options: ModelOptions, wish: Quantization, tell: Tell = _silent) -> Outcome:
    """Returns the quantised model for a float model's options; raises ArielError for what is wrong with either file."""
    bounds = [name for name, size in options.dims.items() if isinstance(size, AtMost)]
    if bounds:
        raise MetadataError(
            f"`{bounds[0]}` is only bounded, and the quantised file has fixed shapes",
            options.given.get(f"dims.{bounds[0]}", str(options.path)),
            "quantise with fixed `dims`, or compile the float model with the bound",
        )
    with _named(options.path):
        options = _bound(options, wish)
    graph, source = import_file(options.path, options.dims, options.signature, options)
    data = read(wish.calibration, graph)
    with _named(options.path):
        classes = judge.is_classifier(graph) or (options.labels is not None and judge.has_classes(graph))
        clean(graph)
        if not suggested(graph):
            raise UnsupportedError("nothing in the model can be computed in int8", help="compile it as it is")
        found = find(replace(data, graph=graph), Wish(wish.ranges, wish.max_drop, classes, wish.weights_bits), tell)
        written = rewrite(found.form)
        verify(written, "quantize")
        return Outcome(write_model(written), found, graph, data.count, _notes(source, data))


def _bound(options: ModelOptions, wish: Quantization) -> ModelOptions:
    """Returns the options with the sizes that the samples give to dimensions that are free."""
    source = frontends.read(options.path, options.dims, options.signature)
    return replace(options, dims={**bind_dims(wish.calibration, source), **options.dims})


def _notes(source: SourceModel, data: judge.Data) -> tuple[str, ...]:
    few = [f"{data.count} samples are few: some dozens or hundreds show what is usual"] if data.count < _FEW else []
    return (*source.notes, *few)


_FEW = 8


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Names the model in errors that know only a place in it."""
    try:
        yield
    except ArielError as error:
        error.diagnostics = [
            d if path.name in d.origin else replace(d, origin=f"{path}: {d.origin}" if d.origin else str(path))
            for d in error.diagnostics
        ]
        raise


def quantized(options: ModelOptions, folder: Path, tell: Tell = _silent) -> ModelOptions:
    """Returns the options of the quantised model, which is kept in `folder`.

    Where it has been made before, of the same files and by the same program, it is not made again. Options without
    `quantize` come back as they are.
    """
    wish = options.quantize
    if wish is None:
        return options
    key = _digest(options, wish)
    path = folder / key / f"{options.path.stem or 'model'}.onnx"
    if not path.is_file():
        outcome = quantize(options, wish, tell)
        try:
            write_atomically(path, outcome.model.SerializeToString(deterministic=True))
        except OSError as error:
            raise MetadataError(f"cannot write the quantised model: {error.strerror}", str(path.parent)) from None
    return replace(options, path=path, dims={}, signature="", quantize=None)


def _digest(options: ModelOptions, wish: Quantization) -> str:
    """Returns what stands for all that the result depends on; a file that cannot be read is told of by who needs it."""
    total = hashlib.sha256(ariel_build.__version__.encode())
    program = sorted(Path(ariel_build.__file__).parent.rglob("*.py"))
    beside = sorted(options.path.parent.glob("*.data")) if options.path.suffix == ".onnx" else []
    for path in (*program, options.path, *beside, wish.calibration):
        content = path.read_bytes() if path.is_file() else b""
        total.update(len(content).to_bytes(8, "little") + content)
    said = (sorted(options.dims.items()), options.signature, sorted(options.state.items()), options.labels is not None)
    total.update(repr((said, replace(wish, calibration=Path()))).encode())
    return total.hexdigest()[:24]
