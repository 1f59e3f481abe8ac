"""Instructions of each step of a model on an emulated board: firmware in which every step stands between markers."""

from __future__ import annotations

import json
import re
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ariel_build.boards.board import Board
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.errors import InternalError
from ariel_build.kernels import KernelCall
from ariel_build.machine import process
from ariel_build.run import emulate, firmware

__all__ = ["Measured", "measure"]

_SECONDS = 900.0
_STATIC = re.compile(r"static (\w+): ([\w:]+(?:<[\w:, ]+>)?) =\s+([\w:]+) \{(.*?)(?:\n    | )\};\n", re.DOTALL)
#: A kernel whose every run is a section of its own for the counter.
_MARKED = """
    struct Marked<K>(K);

    macro_rules! marked {
        ($kernel:ty) => {
            impl Marked<$kernel> {
                const fn check(&self, arena_bytes: usize) {
                    self.0.check(arena_bytes);
                }

                const fn work(&self) -> ariel_ml_rs::plan::Work {
                    self.0.work()
                }

                unsafe fn run(&self, memory: ariel_ml_rs::memory::Memory<'_>, tile: ariel_ml_rs::tile::Tile) {
                    crate::platform::start();
                    // SAFETY: forwarded to the caller.
                    unsafe { self.0.run(memory, tile) };
                    crate::platform::stop();
                }
            }
        };
    }
"""


@dataclass(frozen=True)
class Measured:
    """One step: its kernel call, and the instructions of one run over all of its output."""

    call: KernelCall
    instructions: int


def measure(path: Path, board: Board, say: Callable[[str], None] = lambda _: None) -> list[Measured]:
    """Returns the steps of the model at `path`, in their order; inputs are random."""
    compiled = compile_model(path, ModelOptions(path), board, "model")
    kernels: dict[str, None] = {}

    def wrap(found: re.Match[str]) -> str:
        name, kernel, literal, fields = found.groups()
        kernels[kernel] = None
        return f"static {name}: Marked<{kernel}> = Marked({literal} {{{fields}\n    }});\n"

    text, count = _STATIC.subn(wrap, compiled.module_text)
    calls = compiled.schedule.calls
    if count != len(calls):
        raise InternalError("the module has other statics than steps", {"statics": count, "steps": len(calls)})
    marked = _MARKED + "".join(f"    marked!({kernel});\n" for kernel in kernels)
    text = re.sub(r"\n\}\n*$", marked.replace("\\", "\\\\") + "}\n", text)
    rng = np.random.default_rng(0)
    sample = b"".join(
        rng.standard_normal(value.type.elements).astype(np.float32).tobytes()
        if value.type.dtype.value == "f32"
        else rng.integers(0, 256, value.type.bytes, np.uint8).tobytes()
        for value in compiled.graph.inputs
    )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "ariel_models.rs").write_text(text)
        (folder / "model.weights").write_bytes(compiled.weights)
        elf = firmware.build(board, firmware.Subject(folder, "model"), say=say)
        (folder / "in.bin").write_bytes(struct.pack("<II", 1, len(sample)) + sample)
        done = process.run(emulate.command(board, elf, cores=1, count=True, say=say), cwd=folder, timeout=_SECONDS)
        if done.status:
            raise InternalError(f"{path.name} on {board.name} failed: {done.last_lines()}")
        sections = json.loads((folder / "counts.json").read_text())["sections"]
    # A step may run in pieces, between those of others.
    order = [step.index for step, _ in compiled.schedule.pieces]
    if len(sections) != 2 * len(order):
        raise InternalError("other sections than pieces", {"sections": len(sections), "pieces": len(order)})
    taken = dict.fromkeys(range(len(calls)), 0)
    for index, section in zip(order, sections[len(order) :], strict=True):
        taken[index] += section["executed"][0]
    return [Measured(call, taken[index]) for index, call in enumerate(calls)]
