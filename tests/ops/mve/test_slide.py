"""Rows that Helium moves: over each other or not, of all sizes that end within a vector, emulated."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from tests.ops import parity, tflm
from tests.ops.armv7e_m.test_kernels import emulated

BOARD = boards.load("qemu-cortex-m55")

pytestmark = [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target(BOARD.target)]

#: Bytes of each move, and how far up: none, within a vector, by one, beyond the rows.
MOVES = [(size, up) for size in (*range(1, 36), 63, 64, 65) for up in (0, 1, 5, 15, 16, 17, 70)]

MOVED = """
    /// A sum whose elements are moved before others read them.
    struct Moved(isa::mve::Linear);

    impl Moved {
        const fn check(&self, arena_bytes: usize) {
            self.0.check(arena_bytes);
        }

        const fn work(&self) -> ariel_ml_rs::plan::Work {
            self.0.work()
        }

        unsafe fn run(&self, memory: ariel_ml_rs::memory::Memory<'_>, tile: ariel_ml_rs::tile::Tile) {
            use ariel_ml_rs::memory::Region;
            // SAFETY: as for the sum, which is one tile; the moves stay within its elements.
            unsafe {
                self.0.run(memory, tile);
                let mut at = self.0.output.offset;
                for (bytes, up) in [MOVES] {
                    let (from, to) = (Region::new(at + up, bytes), Region::new(at, bytes));
                    ariel_ml_rs::slide::helium::Slide { from, to }.run(memory, ariel_ml_rs::tile::Tile::new(0, 1));
                    at += up + bytes;
                }
            }
        }
    }
}
"""


def test_rows_are_as_if_they_had_been_kept_aside(tmp_path: Path) -> None:
    rng, size = np.random.default_rng(41), sum(bytes_ + up for bytes_, up in MOVES) + 16
    inputs: list[tflm.Tensor | None] = [
        tflm.Tensor("int8", (1, size), 0.05, 3),
        tflm.Tensor("int8", (1, size), 0.06, -7),
    ]
    options = {"fusedActivationFunction": 0, "potScaleInt16": False}
    made = [tflm.Operator("ADD", inputs, [tflm.Tensor("int8", (1, size), 0.09, 1)], ("AddOptions", options), 2)]
    samples = [[rng.integers(-128, 128, (1, size)).astype(np.int8) for _ in inputs] for _ in range(2)]
    path = tmp_path / "sum.tflite"
    want = parity.tflite(path, made, samples)
    compiled = compile_model(path, ModelOptions(path, cores=1), BOARD, "model")
    text, count = re.subn(
        r"static (\w+): isa::mve::Linear =\s+isa::mve::Linear \{(.*?)\n    \};",
        r"static \1: Moved = Moved(isa::mve::Linear {\2\n    });",
        compiled.module_text,
        flags=re.DOTALL,
    )
    assert count == 1
    moves = ", ".join(f"({bytes_}, {up})" for bytes_, up in MOVES)
    text = re.sub(r"\n\}\n*$", lambda _: MOVED.replace("[MOVES]", f"[{moves}]"), text)
    for (answer,) in want:
        at = 0
        for bytes_, up in MOVES:
            row = answer[0, at + up : at + up + bytes_].copy()
            answer[0, at : at + bytes_] = row
            at += up + bytes_
    parity.agree(emulated(compiled, text, tmp_path, samples, "3", BOARD), want, "moved")
