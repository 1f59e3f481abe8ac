"""The models of ../shared/models with their recorded inputs and outputs, and what counts as equal."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.recorded import MODELS

__all__ = ["Recorded", "dev_models", "exported_programs", "single_operators", "successors_models"]

Numbers = npt.NDArray[Any]


@dataclass(frozen=True)
class Recorded:
    """A model file, and the files of its inputs and of the outputs that an oracle gave."""

    name: str
    path: Path
    inputs: Sequence[Path]
    outputs: Sequence[Path]
    tolerance: str = "exact"
    #: Single operators are recorded without an axis of samples.
    single: bool = False
    #: Whether the samples follow one another; else each begins with what the model keeps as it is at first.
    sequence: bool = False

    def given(self, samples: int | None = None) -> dict[str, Numbers]:
        """Returns the inputs as `run` takes them, the first so many samples of each."""
        arrays = [np.load(path) for path in self.inputs]
        return {f"input_{k}": a[None] if self.single else a[:samples] for k, a in enumerate(arrays)}

    def wrong(self, got: Sequence[Numbers], samples: int | None = None) -> list[str]:
        """Returns what differs from the recorded outputs by more than the tolerance."""
        wanted = [np.load(path) for path in self.outputs]
        if len(got) != len(wanted):
            return [f"{len(got)} outputs, not {len(wanted)}"]
        complaints = []
        for k, (mine, want) in enumerate(zip(got, wanted, strict=True)):
            wants = want if self.single else want[:samples]
            complaint = self._difference(mine.reshape(wants.shape), wants)
            if complaint:
                complaints.append(f"output {k}: {complaint}")
        return complaints

    def _difference(self, got: Numbers, want: Numbers) -> str:
        a, b = got.astype(np.float64), want.astype(np.float64)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        distance = np.where(same, 0.0, np.nan_to_num(np.abs(a - b), nan=np.inf, posinf=np.inf))
        quanta = 2 if "99 percent" in self.tolerance else 1 if "allow 1 LSB" in self.tolerance else 0
        if quanta:
            one = _quantum(want)
            wrong = distance > 1.01 * one * quanta
            if (distance > 1.01 * one).mean() > 0.01:
                return f"more than 1 % of the elements are off by more than a quantum of {one:g}"
        else:
            relative, absolute = self._limits(want)
            wrong = distance > absolute + relative * np.abs(b)
        return f"{wrong.sum()} of {wrong.size} differ, by {distance.max():g} at most" if wrong.any() else ""

    def _limits(self, want: Numbers) -> tuple[float, float]:
        """Returns relative and absolute tolerance."""
        if self.single:
            return (1e-5, 1e-6) if want.dtype.kind == "f" else (0.0, 0.0)
        relative = re.search(r"rtol ([0-9.e-]+)", self.tolerance)
        absolute = re.search(r"atol ([0-9.e-]*[0-9])", self.tolerance)
        return float(relative[1]) if relative else 0.0, float(absolute[1]) if absolute else 0.0


def _quantum(want: Numbers) -> float:
    """Returns 1 for integers; for dequantised floats the smallest step between recorded values."""
    if want.dtype.kind in "iu":
        return 1.0
    steps = np.diff(np.unique(want.astype(np.float64)))
    return float(steps[steps > 1e-9].min(initial=1.0))


def dev_models() -> Mapping[str, Recorded]:
    """Returns the models of `dev` by name; none where the folder is absent."""
    return _manifest("dev")


def exported_programs() -> Mapping[str, Recorded]:
    """Returns the archives of torch.export by name; none where the folder is absent."""
    return _manifest("pt2")


def successors_models() -> Mapping[str, Recorded]:
    """Returns the models that the successor of the paper's code is measured with; none where the folder is absent."""
    return _manifest("oneliner")


def _manifest(folder_name: str) -> Mapping[str, Recorded]:
    """Returns the models that the manifest of a folder lists."""
    manifest = MODELS / folder_name / "manifest.toml"
    if not manifest.exists():
        return {}
    found = {}
    for entry in tomllib.loads(manifest.read_text())["model"]:
        folder = manifest.parent / entry["name"]
        inputs, outputs = (sorted(folder.glob(f"{kind}_*.npy"), key=_number) for kind in ("in", "expected"))
        path = manifest.parent / entry["file"]
        found[entry["name"]] = Recorded(
            entry["name"],
            path,
            inputs,
            outputs,
            entry.get("tolerance", "exact"),
            sequence=entry.get("golden_sequence", False),
        )
    return found


def single_operators() -> Mapping[str, Recorded]:
    """Returns the models of one operator by name; none where the folder is absent."""
    folder = MODELS / "tflite-ops"
    return {
        path.stem: Recorded(
            path.stem,
            path,
            sorted(folder.glob(f"{path.stem}.in*.npy")),
            sorted(folder.glob(f"{path.stem}.out*.npy")),
            single=True,
            # The rows of a case with state follow one another.
            sequence=True,
        )
        for path in sorted(folder.glob("*.tflite"))
        if path.with_suffix(".out0.npy").exists()
    }


def _number(path: Path) -> int:
    return int(path.stem.rpartition("_")[2])
