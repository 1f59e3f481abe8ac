"""The models of the table: the example's, which ships with the repository, and public ones from ../shared/models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["PLANS", "SMALL", "models"]

_ROOT = Path(__file__).resolve().parents[2]
_SHARED = {
    "kws": "mlperf_kws_int8",
    "ResNet-8": "mlperf_ic_int8",
    "vww": "mlperf_vww_int8",
    "ad": "mlperf_ad_int8",
}
#: Models that verilated cores are done with in minutes.
SMALL = ("kws", "ad", "digits")
#: Board: numbers of cores, and the models that are measured there; the RTL takes minutes for large ones.
PLANS: Mapping[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    "qemu-riscv32": ((1, 2, 4), ("kws", "ResNet-8", "vww", "ad", "digits")),
    "qemu-cortex-m33x2": ((1, 2), ("kws", "ResNet-8", "vww", "ad", "digits")),
    "rp2040-sim": ((1, 2), ("kws", "ad", "digits")),
    "rtl-riscv32": ((1, 2, 4), ("kws", "ResNet-8", "ad", "digits")),
    "rtl-riscv32-shared": ((1, 2, 4), ("kws", "ResNet-8", "ad", "digits")),
}


def models() -> dict[str, Path]:
    """Returns the models that are here, by name."""
    folder = _ROOT.parent / "shared" / "models" / "dev"
    found = {name: folder / key / "model.tflite" for name, key in _SHARED.items()}
    found["digits"] = _ROOT / "examples" / "digits-mps2-an500" / "models" / "digits.tflite"
    return {name: path for name, path in found.items() if path.exists()}
