"""Many models in one crate, built once, each run on its own samples: seconds, not minutes."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ariel_build import boards, frontends
from ariel_build.answers.samples import bind_dims, load, split_outputs
from ariel_build.config.module_name import module_name
from ariel_build.config.options import ModelOptions
from ariel_build.driver import Compiled, compile_model
from ariel_build.errors import ArielError
from tools.recorded.crate import build, one_at_a_time, write_crate
from tools.recorded.models import Numbers, Recorded

__all__ = ["Answers", "answers_of", "compile_recorded"]

BATCH = Path(__file__).with_name("batch.rs").read_text()


@dataclass(frozen=True)
class Answers:
    """What became of each model: its outputs, or the error with which it was refused."""

    outputs: Mapping[str, Sequence[Numbers]]
    refused: Mapping[str, ArielError]


def compile_recorded(model: Recorded, npz: Path) -> Compiled:
    """Returns the model compiled for the samples in the npz: its free dimensions have their sizes."""
    dims = bind_dims(npz, frontends.read(model.path))
    module = f"m_{module_name(model.name)}"
    return compile_model(model.path, ModelOptions(model.path, dims=dims), boards.load("host"), module)


def answers_of(kind: str, models: Mapping[str, Recorded], folder: Path, samples: Mapping[str, int]) -> Answers:
    """Compiles all models, builds them into one program, and returns what it answers; `folder` is for files of ours."""
    compiled: dict[str, Compiled] = {}
    refused: dict[str, ArielError] = {}
    leads: dict[str, tuple[int, ...]] = {}
    for name, model in models.items():
        npz = folder / f"{name}.npz"
        np.savez(npz, **model.given(samples.get(name)))  # type: ignore[arg-type]
        try:
            compiled[name] = compile_recorded(model, npz)
        except ArielError as error:
            refused[name] = error
            continue
        given = load(npz, compiled[name].graph.inputs)
        leads[name] = given.lead
        (folder / f"{compiled[name].module}.in").write_bytes(b"".join(given.raw()))
        if not model.sequence:
            (folder / f"{compiled[name].module}.apart").touch()
    run(kind, compiled, folder)
    outputs = {}
    for name, result in compiled.items():
        values = result.graph.outputs
        raw, size = (folder / f"{result.module}.out").read_bytes(), sum(v.type.bytes for v in values)
        parts = [raw[start : start + size] for start in range(0, len(raw), size)]
        outputs[name] = list(split_outputs(values, parts, leads[name]).values())
    return Answers(outputs, refused)


def run(kind: str, compiled: Mapping[str, Compiled], folder: Path) -> None:
    """Builds the program and runs it; one process at a time has the target folder."""
    shared = f"batch-{kind}"
    with one_at_a_time(shared) as target:
        write_crate(folder / "crate", BATCH, compiled.values(), level="2")
        settings = ["--config", "profile.release.lto=false", "--config", "profile.release.codegen-units=16"]
        ended = build(folder / "crate", "build", "--release", "--quiet", *settings, shared=shared)
        assert ended.returncode == 0, ended.stderr
        subprocess.run([target / "release" / "generated", folder], check=True)
