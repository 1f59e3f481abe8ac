"""The fixture that stands for a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.setup.machine import Machine


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """Returns a Debian with a linker and a current Rust; nothing else."""
    return Machine(monkeypatch, tmp_path)
