"""Builds this folder's firmware, runs it on an emulated Cortex-M7, and shows what it read and what that costs.

    nox -s demo        at the root of the repository: sets up all that is needed first

Every number is measured in the run that shows it; `models/digits.json` only tells what the reference answers.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.columns import Columns
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ariel_build.errors import ArielError, SetupError
from ariel_build.machine import process, resources
from ariel_build.run import elf, toolchain

HERE = Path(__file__).resolve().parent
MODELS = HERE / "models"
TARGET = "thumbv7em-none-eabihf"
EMULATOR = "qemu-system-arm"
MACHINE = [
    "-machine",
    "mps2-an500",
    "-cpu",
    "cortex-m7",
    "-nographic",
    "-semihosting-config",
    "enable=on,target=native",
]
BOARD = "qemu-cortex-m7"
SHADES = " ░▒▓█"
INK = 16
SHOWN = 8

Images = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Reading:
    """What the firmware printed: its answer to each image, and its remarks."""

    answers: list[int]
    remarks: list[str]


@contextmanager
def step(console: Console, doing: str) -> Iterator[None]:
    """Says what is being done and, when it is done, how long it took."""
    console.print(f"[bold]{doing}")
    start = time.monotonic()
    with console.status("working"):
        yield
    console.print(f"  [dim]{time.monotonic() - start:.1f} s")


def run(*command: str | Path, env: dict[str, str] | None = None) -> str:
    """Returns what a program prints; where it fails, what it said is the error."""
    done = process.run(command, timeout=1200, cwd=HERE, env=env)
    if done.status:
        words = " ".join([Path(command[0]).name, *map(str, command[1:4])])
        raise SetupError(f"`{words}` failed:\n{done.last_lines(40)}")
    return done.stdout


def build() -> Path:
    """Returns the firmware's ELF file: cargo compiles the model, through build.rs, and the program."""
    env = toolchain.find(TARGET).environment() | {"ARIEL_PYTHON": sys.executable}
    run("cargo", "build", "--release", env=env)
    return HERE / "target" / TARGET / "release" / HERE.name


def emulate(firmware: Path) -> Reading:
    """Returns what the firmware prints on the emulated board."""
    emulator = resources.emulator(EMULATOR)
    if emulator is None:
        raise SetupError(f"there is no `{EMULATOR}` here", help="run `nox -s setup`")
    lines = run(emulator, *MACHINE, "-kernel", firmware).splitlines()
    answers = [int(digit) for line in lines if line.startswith("read ") for digit in line[5:]]
    return Reading(answers, [line for line in lines if line and not line.startswith(("read ", "true "))])


def measure(images: Images) -> dict[str, Any]:
    """Returns what one inference costs, counted by `ariel-build run` on the first images."""
    model = MODELS / "digits.tflite"
    takes = json.loads(run(sys.executable, "-m", "ariel_build", "inspect", model, "--json"))["inputs"][0]
    # As `Input::from_scaled` in the firmware: exactly, halves up.
    steps = np.floor(images[:SHOWN] / INK / np.float64(np.float32(takes["scale"])) + 0.5)
    quantised = np.clip(steps + takes["zero_point"], -128, 127).astype(np.int8)
    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs, stats = (Path(folder, name) for name in ("in.npz", "out.npz", "stats.json"))
        np.savez(inputs, input_0=quantised.reshape(-1, *takes["shape"]))
        files = ("--inputs", inputs, "--outputs", outputs, "--stats", stats)
        run(sys.executable, "-m", "ariel_build", "run", model, "--on", BOARD, *files)
        facts: dict[str, Any] = json.loads(stats.read_text())
    return facts


def drawn(image: Images, answer: int, truth: int) -> Text:
    """Returns the image in shades, two characters to a pixel, over the firmware's answer."""
    ink = image.astype(int) * (len(SHADES) - 1) + INK // 2
    rows = ["".join(SHADES[shade] * 2 for shade in row) for row in ink // INK]
    caption, style = (f"read {answer}", "green") if answer == truth else (f"read {answer}, is {truth}", "red")
    return Text.assemble("\n".join(rows), "\n", (caption.center(16), f"bold {style}"), "\n")


def show(console: Console, images: Images, truths: Images, answers: list[int]) -> None:
    """Draws some of the images, and those that were misread."""
    some = [round(index) for index in np.linspace(0, len(images) - 1, SHOWN)]
    wrong = [index for index, (answer, truth) in enumerate(zip(answers, truths, strict=True)) if answer != truth]
    for title, chosen in ((f"{SHOWN} of {len(images)} images", some), ("Misread", wrong[:SHOWN])):
        if chosen:
            console.print(f"\n[bold]{title}")
            console.print(Columns([drawn(images[i], answers[i], truths[i]) for i in chosen], padding=(0, 2)))


def costs(stats: dict[str, Any], firmware: elf.Sizes, test_bytes: int) -> Table:
    """Returns the table of what the network and the firmware cost."""
    table = Table(show_header=False)
    table.add_column(style="bold")
    table.add_column()
    instructions, macs = stats["instructions_per_inference"], stats["macs"]
    table.add_row("instructions per inference", f"{instructions:,.0f}, for {macs:,} multiplications")
    table.add_row("RAM of the network", f"{stats['ram_bytes']:,} bytes, and {stats['stack_bytes']:,} of stack")
    table.add_row("flash of the network", f"{stats['flash_bytes']:,} bytes, {stats['weights_bytes']:,} of them weights")
    table.add_row("RAM of the firmware", f"{firmware.ram:,} bytes without stack")
    table.add_row("flash of the firmware", f"{firmware.flash:,} bytes, {test_bytes:,} of them the test images")
    return table


def main() -> int:
    """Builds, runs, shows; returns 1 where the firmware answers otherwise than the reference."""
    console = Console(highlight=False)
    file = MODELS / "digits-test.bin"
    records = np.fromfile(file, np.uint8).reshape(-1, 65)
    images, truths = records[:, :64].reshape(-1, 8, 8), records[:, 64]
    reference = [int(digit) for digit in json.loads((MODELS / "digits.json").read_text())["int8_answers"]]

    first = "" if (HERE / "target").exists() else "; half a minute the first time"
    with step(console, f"Building the Embassy firmware around models/digits.tflite{first}"):
        firmware = build()
    with step(console, "Running it on an emulated Cortex-M7 (QEMU mps2-an500)"):
        reading = emulate(firmware)
    with step(console, "Counting the instructions of an inference (ariel-build run --stats)"):
        stats = measure(images)

    show(console, images, truths, reading.answers)
    right = sum(answer == truth for answer, truth in zip(reading.answers, truths, strict=True))
    console.print(f"[bold]{right} of {len(truths)} held-out images read right: {right / len(truths):.1%}")
    same = reading.answers == reference
    console.print("Every answer is that of TFLite-Micro's reference kernels." if same else "[red]Not as the reference!")
    console.print("\nThe firmware's own words:")
    for remark in reading.remarks:
        console.print(f"  {remark}", style="dim")
    console.print(costs(stats, elf.sizes(firmware.read_bytes()), file.stat().st_size))
    console.print(f"Start from it: {os.path.relpath(HERE / 'src' / 'main.rs')}")
    return 0 if same else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ArielError as error:
        print(error.render(), file=sys.stderr)
        sys.exit(error.exit_code)
