"""Compiles all cases, builds those that compile in a few crates, runs them, and compares."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ariel_build import boards, frontends
from ariel_build.answers.samples import bind_dims, load, split_outputs
from ariel_build.config.options import ModelOptions
from ariel_build.driver import Compiled, compile_model
from ariel_build.errors import ArielError
from tools.conformance.suites import Case, Numbers, constant_parameters
from tools.recorded.batch import run

__all__ = ["Verdict", "judged"]

#: Models in one crate: few enough that a defect in one of them is found soon, many enough to be fast.
_TOGETHER = 100


@dataclass(frozen=True)
class Verdict:
    """What became of a case: `passed`, `refused` or `wrong`, and why."""

    case: Case
    outcome: str
    reason: str = ""


@dataclass(frozen=True)
class _Ready:
    """A case that compiles, in which module, and the axes in front of a sample's."""

    case: Case
    compiled: Compiled
    lead: tuple[int, ...]


def judged(name: str, cases: Sequence[Case], folder: Path, say: Callable[[str], None]) -> list[Verdict]:
    """Returns the verdict of each case, in order."""
    verdicts: dict[str, Verdict] = {}
    ready: list[_Ready] = []
    for index, case in enumerate(cases):
        found = _compiled(case, f"c{index}", folder)
        other = constant_parameters(case) if isinstance(found, str) else None
        if other is not None:
            again = _compiled(other, f"c{index}", folder)
            found = found if isinstance(again, str) else again
        if isinstance(found, str):
            verdicts[case.name] = Verdict(case, "refused", found)
        else:
            ready.append(found)
    say(f"{name}: {len(ready)} of {len(cases)} compile")
    for start in range(0, len(ready), _TOGETHER):
        part = ready[start : start + _TOGETHER]
        for verdict in _run(name, part, folder):
            verdicts[verdict.case.name] = verdict
        say(f"{name}: {start + len(part)} of {len(ready)} ran")
    return [verdicts[case.name] for case in cases]


def _compiled(case: Case, module: str, folder: Path) -> _Ready | str:
    """Returns the compiled case, its samples written, or why it is refused."""
    path = case.path
    if path is None:
        path = folder / f"{module}.onnx"
        path.write_bytes(case.data)
    npz = folder / f"{module}.npz"
    try:
        arrays: Mapping[str, Numbers] = {f"input_{k}": array[None] for k, array in enumerate(case.inputs)}
        np.savez(npz, **arrays)  # type: ignore[arg-type]
        dims = bind_dims(npz, frontends.read(path))
        compiled = compile_model(path, ModelOptions(path, dims=dims, cores=1), boards.load("host"), module)
        given = load(npz, compiled.graph.inputs)
    except ArielError as error:
        return error.diagnostics[0].message
    (folder / f"{module}.in").write_bytes(b"".join(given.raw()) if given.arrays else b"")
    return _Ready(case, compiled, given.lead)


def _run(name: str, ready: Sequence[_Ready], folder: Path) -> Iterator[Verdict]:
    """Builds and runs some cases in one program; where it fails, halves it until the culprit is found."""
    try:
        run(f"conformance-{name}", {entry.compiled.module: entry.compiled for entry in ready}, folder)
    except (AssertionError, subprocess.CalledProcessError) as error:
        if len(ready) == 1:
            yield Verdict(ready[0].case, "wrong", f"does not build or run: {str(error).strip().splitlines()[0][:120]}")
            return
        middle = len(ready) // 2
        yield from _run(name, ready[:middle], folder)
        yield from _run(name, ready[middle:], folder)
        return
    for entry in ready:
        values = entry.compiled.graph.outputs
        answer = folder / f"{entry.compiled.module}.out"
        if not answer.exists():
            yield Verdict(entry.case, "refused", "a model without inputs")
            continue
        raw, size = answer.read_bytes(), sum(value.type.bytes for value in values)
        # A case may have axes in front of the model's own: it ran once for each of their elements.
        parts = [raw[start : start + size] for start in range(0, len(raw), size)] if size else [raw]
        outputs = split_outputs(values, parts, entry.lead or (1,))
        difference = entry.case.wrong(list(outputs.values()))
        yield Verdict(entry.case, "wrong" if difference else "passed", difference)
