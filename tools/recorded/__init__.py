"""Models with recorded answers, and crates around modules that answer them: what the tests and the tools both need."""

from __future__ import annotations

from pathlib import Path

__all__ = ["DIGITS", "MODELS", "ROOT"]

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT.parent / "shared" / "models"
DIGITS = ROOT / "examples" / "digits-mps2-an500" / "models" / "digits.tflite"
