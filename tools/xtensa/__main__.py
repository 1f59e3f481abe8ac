"""`python -m tools.xtensa [--only KERNEL] [MODEL ..]`: kernels on QEMU's Xtensa and here; 1 where a bit differs."""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ariel_build import boards
from ariel_build.errors import ArielError, InternalError
from ariel_build.ir import DType, Graph
from tools.costs.corpus import corpus
from tools.costs.measure import Model, Way, sample
from tools.kernels import paths
from tools.recorded.crate import build as build_here
from tools.recorded.crate import target_folder, write_crate
from tools.xtensa import build

#: Models of one program, at most; and products of one model, of which one of floats, in software, counts as so many.
_MODELS, _PRODUCTS, _FLOAT = 40, 20_000_000, 16
_PROGRAM = Path(__file__).with_name("program.rs").read_text()


def main() -> int:
    """Builds and runs all models in batches; says which kernels they had."""
    parser = argparse.ArgumentParser(prog="python -m tools.xtensa", description=__doc__)
    parser.add_argument("--only", default="", metavar="KERNEL", help="only models with such a kernel")
    parser.add_argument("files", nargs="*", type=Path, metavar="MODEL", help="models in place of all")
    arguments = parser.parse_args()
    only, files = arguments.only, arguments.files
    every = [
        model
        for model in _models(files or itertools.chain(*corpus()))
        if any(only in call.kernel.path for call in model.schedule.calls)
    ]
    wrong = set[str]()
    for start in range(0, len(every), _MODELS):
        batch = every[start : start + _MODELS]
        wrong |= set(_differing(batch))
        print(f"{min(start + _MODELS, len(every))} of {len(every)} models", flush=True)
    had = {call.kernel.path for model in every for call in model.schedule.calls}
    known = {path for path in paths().values() if not path.startswith("isa::") or path.startswith("isa::scalar")}
    print(f"{len(had)} kernels in {len(every)} models; {len(wrong)} outputs differ", *sorted(wrong), sep="\n  ")
    if not only and not files:
        print("in no model:", *sorted(known - had), sep="\n  ")
    return 1 if wrong else 0


def _models(subjects: Iterable[Path | Graph]) -> Iterator[Model]:
    """Yields the models as they are compiled for an Xtensa core."""
    board = boards.load("generic-xtensa")
    for number, subject in enumerate(subjects):
        make = Model.of_file if isinstance(subject, Path) else Model.of_graph
        try:
            model = make(subject, board, Way.FAST, f"m{number}")  # type: ignore[arg-type]
        except (ArielError, InternalError) as error:
            print(f"{subject}: left out: {str(error).splitlines()[0]}")
            continue
        is_float = any(value.type.dtype.is_real for value in model.graph.inputs)
        if sum(call.macs for call in model.schedule.calls) * (_FLOAT if is_float else 1) > _PRODUCTS:
            print(f"{model.name}: left out: takes too long")
            continue
        yield model


def _differing(models: Sequence[Model]) -> Iterator[str]:
    """Yields the outputs whose numbers on the emulated core are not those of this computer."""
    with tempfile.TemporaryDirectory() as place:
        crate = Path(place)
        write_crate(crate, _PROGRAM, models)
        for model in models:
            (crate / "src" / f"{model.module}.in").write_bytes(sample(model))
        built = build_here(crate, "build", "--release", "--quiet", shared="xtensa-host")
        if built.returncode:
            raise InternalError(built.stderr[-2000:])
        here = subprocess.run(
            [target_folder("xtensa-host") / "release" / "generated"], capture_output=True, check=True
        ).stdout
        there = build.run(build.build(crate, "generated"))
    if len(here) != len(there):
        raise InternalError("the programs wrote different amounts", {"here": len(here), "there": len(there)})
    start = 0
    for model in models:
        for output in model.graph.outputs:
            end = start + output.type.bytes
            if not _agree(output.type.dtype, here[start:end], there[start:end]):
                yield f"{model.name}: {output.name}"
            start = end
    if start != len(here):
        raise InternalError("the outputs have another size", {"written": len(here), "known": start})


def _agree(dtype: DType, here: bytes, there: bytes) -> bool:
    """Returns whether the numbers are equal to the bit; what is not a number may have any sign and payload."""
    if here == there:
        return True
    if not dtype.is_real:
        return False
    one, other = (np.frombuffer(raw, dtype.numpy) for raw in (here, there))
    differing = one.view(np.uint8).reshape(len(one), -1) != other.view(np.uint8).reshape(len(one), -1)
    return bool(np.all(np.isnan(one[differing.any(axis=1)]) & np.isnan(other[differing.any(axis=1)])))


if __name__ == "__main__":
    sys.exit(main())
