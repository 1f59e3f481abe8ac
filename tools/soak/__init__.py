"""soak(board, cores, inferences) = what became of so many inferences on several cores, each answer checked.

The model of the digits example, cut into many more tiles than it is worth, so that queues, steals and wake-ups come
close upon one another. Inputs are noise; the right answers are those of the same model's single-core code in the same
firmware. QEMU runs the cores as threads of this computer, without a counter: who is first is for the host to say, and
differs from run to run.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ariel_build import boards
from ariel_build.codegen import generate
from ariel_build.config.options import ModelOptions
from ariel_build.cores.check_units import check_units
from ariel_build.cores.units import Units, build_units
from ariel_build.driver import compile_model
from ariel_build.kernels import Axis
from ariel_build.run import firmware
from ariel_build.run.emulate import emulate
from ariel_build.schedule import Step, Tile

__all__ = ["BEDS", "MODEL", "Report", "soak"]

ROOT = Path(__file__).resolve().parent.parent.parent
MODEL = ROOT / "examples" / "digits-mps2-an500" / "models" / "digits.tflite"
#: Boards, and on how many of their cores.
BEDS = (("qemu-riscv32", 2), ("qemu-riscv32", 4), ("qemu-cortex-m33x2", 2))
#: Seconds for which an inference may take: emulators on a busy machine are slow.
_SECONDS = 0.05
_TILES = 8


@dataclass(frozen=True)
class Report:
    """Answers checked and those wrong; inferences dropped half-way, forgotten, and run beside another model's."""

    checked: int
    wrong: int
    dropped: int
    forgotten: int
    beside: int
    refused: int


def soak(
    board: str,
    cores: int,
    inferences: int,
    seed: int = 1,
    *,
    spoil: Callable[[Units], Units] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Runs until so many answers are checked; `spoil` breaks the units, so that a test can see that this is found."""
    chosen = boards.load(board)
    compiled = compile_model(MODEL, replace(ModelOptions(MODEL), cores=cores), chosen, "soaked")
    units = build_units(compiled.schedule, compiled.plan, cores, finely)
    check_units(units, compiled.schedule, compiled.plan)
    units = spoil(units) if spoil else units
    plan = (compiled.graph, compiled.schedule, compiled.plan)
    module = generate("soaked", *plan, section=".rodata.ariel.soaked", target=chosen.target, units=units)
    with tempfile.TemporaryDirectory(prefix="ariel-soak-") as name:
        folder = Path(name)
        stand_in = Path(__file__).with_name("soak.rs").read_text(encoding="utf-8")
        (folder / "ariel_models.rs").write_text(module.text + stand_in, encoding="utf-8")
        (folder / "soaked.weights").write_bytes(module.weights)
        subject = firmware.Subject(folder, "soak", "self::soak::worker")
        image = firmware.build(chosen, subject, cores=cores, say=say)
        # The first order is only the warm-up's.
        orders = [struct.pack("<2I", count, seed + k) for k, count in enumerate((10, inferences))]
        seconds = 60 + _SECONDS * inferences
        emulated = emulate(chosen, image, orders, cores=cores, count=False, timeout=seconds, say=say)
    return Report(*struct.unpack("<6I", emulated.outputs[-1]))


def finely(step: Step, workers: int) -> Sequence[Tile]:
    """Returns tiles as small as they can be, eight at most."""
    tiling = step.call.tiling
    granules = -(-tiling.extent // max(tiling.granularity, 1))
    count = min(granules, _TILES)
    if workers == 1 or tiling.axis is Axis.WHOLE:
        return [step.whole]
    edges = [granules * k // count * tiling.granularity for k in range(count)]
    return [Tile(a, b) for a, b in zip(edges, [*edges[1:], tiling.extent], strict=True)]
