"""`python -m tools.timeline_picture` draws docs/timeline.svg: four emulated RISC-V cores read a digit."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from ariel_build import cli
from tools.recorded import DIGITS, ROOT

__all__ = ["COMMAND", "main"]

PICTURE = ROOT / "docs" / "timeline.svg"
#: What README says that draws it.
COMMAND = "run digits.tflite --inputs in.npz --outputs out.npz --on qemu-riscv32 --cores 4 --timeline timeline.svg"


def main() -> None:
    """Writes the picture, of the first image that the network was not trained on."""
    image = np.frombuffer(DIGITS.with_name("digits-test.bin").read_bytes(), np.uint8)[:64]
    stored = np.clip(np.round(image / 16.0 * 255.0) - 128, -128, 127).astype(np.int8)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        np.savez(Path(name, "in.npz"), input_0=stored.reshape(1, 1, 8, 8, 1))
        places = {
            "digits.tflite": DIGITS,
            "in.npz": Path(name, "in.npz"),
            "out.npz": Path(name, "out.npz"),
            "timeline.svg": PICTURE,
        }
        code = cli.main([str(places.get(word, word)) for word in COMMAND.split()])
    if code != 0:
        raise SystemExit(code)
    print(f"{PICTURE}: {PICTURE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
