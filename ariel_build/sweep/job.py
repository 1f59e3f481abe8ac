"""cost(job) -> row: one model on one board with one set of options; whatever is wrong with it is in the row."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ariel_build import __version__
from ariel_build.config.options import ModelOptions, Reader
from ariel_build.errors import ArielError, MetadataError
from ariel_build.records import dataclass
from ariel_build.sweep.table import Row

__all__ = ["Job", "cost", "options_of"]


@dataclass(frozen=True)
class Job:
    """What is to be costed: absolute paths, options as TOML has them, and how the user names the model.

    `key` stands for all that the row depends on: the contents of the files, the options and our version.
    """

    name: str
    model: Path
    board: str
    options: Mapping[str, object]
    accuracy: float | None = None

    @property
    def key(self) -> str:
        """Returns the same for the same work, also in another run."""
        total = hashlib.sha256(__version__.encode())
        # Constants of an ONNX file may lie beside it.
        beside = sorted(self.model.parent.glob("*.data")) if self.model.suffix == ".onnx" else []
        for path in (self.model, *beside, *_files(self.options), Path(self.board)):
            total.update(_digest(path))
        said = [self.name, Path(self.board).name, self.options, self.accuracy]
        total.update(json.dumps(said, sort_keys=True, default=str).encode())
        return total.hexdigest()[:24]

    def row(self, **known: str | float | bool | None) -> Row:
        """Returns a row with what is known."""
        options = json.dumps(self.options, sort_keys=True, default=str) if self.options else ""
        board = Path(self.board).stem if self.board.endswith(".toml") else self.board
        return {"model": self.name, "board": board, "options": options, "accuracy": self.accuracy, **known}


def _digest(path: Path) -> bytes:
    """Returns what stands for a file's content; many jobs have one file, which is read once unless it changes."""
    try:
        found = path.stat()
    except OSError:
        return b""
    return _digest_of(path, found.st_mtime_ns, found.st_size) if path.is_file() else b""


@functools.cache
def _digest_of(path: Path, changed: int, size: int) -> bytes:  # noqa: ARG001 - another time, another content
    return hashlib.sha256(path.read_bytes()).digest()


def _files(options: Mapping[str, object]) -> list[Path]:
    wish = options.get("quantize")
    return [Path(str(wish.get("calibration", "")))] if isinstance(wish, dict) else []


def options_of(model: Path, table: Mapping[str, object]) -> ModelOptions:
    """Returns the options of a model; MetadataError lists all that is wrong with them."""
    reader = Reader(lambda path: f"options.{'.'.join(path)}" if path else "options")
    options = reader.model({"path": str(model), **table}, (), "`options`", {}, {})
    if options is None or reader.problems:
        raise MetadataError(reader.problems)
    return options


def cost(job: Job) -> Row:
    """Returns what the model takes on the board, or the error that says why that cannot be said."""
    # A worker's first job waits for the compiler, which nobody else does.
    from ariel_build import boards  # noqa: PLC0415
    from ariel_build.machine import resources  # noqa: PLC0415
    from ariel_build.quantize import quantized  # noqa: PLC0415
    from ariel_build.report.fitting import Fitting  # noqa: PLC0415

    try:
        options = quantized(options_of(job.model, job.options), resources.cache_dir() / "quantized")
        found = Fitting(options.path, replace(options, path=options.path)).on(boards.load(job.board), advise=False)
    except ArielError as error:
        return job.row(error="; ".join(diagnostic.message for diagnostic in error.diagnostics))
    except Exception as error:  # noqa: BLE001 - one bad model is a row, whatever is bad about it
        return job.row(error=f"this is a defect of ariel_build {__version__}: {type(error).__name__}: {error}")
    return job.row(
        cores=found.cores,
        fits=found.fits,
        ram_bytes=found.ram_bytes,
        stack_bytes=found.stack_bytes,
        flash_bytes=found.flash_bytes,
        weights_bytes=found.weights_bytes,
        macs=found.macs,
        instructions=found.instructions,
        latency_ms=found.latency_ms,
        energy_uj=found.energy_uj,
        slowest=found.slowest,
        reason=found.reason,
    )
