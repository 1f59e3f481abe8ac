"""Instructions of each step of a model: firmware with a marker before every step, so that outliers show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ariel_build import boards
from ariel_build.driver import Compiled
from ariel_build.errors import ArielError
from ariel_build.run import firmware
from ariel_build.run.emulate import Count, emulate
from ariel_build.run.firmware import Subject
from tools.bench.models import M4, M7, RISCV, Model
from tools.bench.ours import compiled_into

__all__ = ["CALL", "MAIN", "Layer", "of_all", "of_model"]

#: Models and boards whose steps docs/benchmarks.md lists.
MAIN = {
    "digits": (M7,),
    "made transformer, float32": (M7,),
    "kws (DS-CNN)": (M7, M4, RISCV),
    "ResNet-8": (M7, RISCV),
    "vww (MobileNet v1)": (M7,),
    "ad (autoencoder)": (M7,),
    "micro_speech": (M7,),
    "kws (DS-CNN), float32": (M7,),
}
#: What lies around the steps.
CALL = "call"


@dataclass(frozen=True)
class Layer:
    """One step: its kernel, what it gives, and what it cost in one inference; cycles where they are estimated."""

    step: str
    kernel: str
    output: str
    macs: int
    instructions: int
    cycles: int | None = None


def of_model(model: Model, board_name: str, folder: Path) -> list[Layer]:
    """Returns what each step takes in one inference, and what is left for the call."""
    board = boards.load(board_name)
    folder.mkdir(parents=True, exist_ok=True)
    result, samples, _ = compiled_into(model, board, folder)
    image = firmware.build(board, Subject(folder, "model", features=("trace",)))
    counts = emulate(board, image, samples[:1], count=True, timeout=600).counts
    assert counts
    return _layers(result, counts[0])


def _layers(result: Compiled, count: Count) -> list[Layer]:
    taken = count.steps or {}
    layers = []
    for index, step in enumerate(result.schedule.steps):
        instructions, cycles = taken.get(index, (0, 0))
        call = step.call
        output = str(call.outputs[0].type).split(" *")[0] if call.outputs else ""
        known = cycles if count.cycles is not None else None
        layers.append(Layer(str(index), call.kernel.path, output, call.macs, instructions, known))
    rest = sum(count.instructions) - sum(instructions for instructions, _ in taken.values())
    late = None if count.cycles is None else count.cycles - sum(cycles for _, cycles in taken.values())
    return [*layers, Layer(CALL, "", "", 0, rest, late)]


def of_all(models: Sequence[Model], folder: Path, say: Callable[[str], None]) -> list[tuple[str, str, Sequence[Layer]]]:
    """Returns the steps of the main models that are here."""
    found: list[tuple[str, str, Sequence[Layer]]] = []
    for model in models:
        for board in MAIN.get(model.name, ()):
            try:
                found.append((model.name, board, of_model(model, board, folder / f"{len(found)}")))
            except ArielError as error:
                say(f"{model.name} on {board}, step by step: {error}")
    return found
