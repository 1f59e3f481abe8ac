"""A stand-in for a compiled model, so that these tests need no compiler: see fake_model.rs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ariel_build.run.firmware import Subject

FAKE = Path(__file__).with_name("fake_model.rs")


@pytest.fixture
def fake(tmp_path: Path) -> Callable[[int], Subject]:
    """Returns a maker of fake models with an arena of so many bytes."""

    def make(arena_bytes: int) -> Subject:
        text = FAKE.read_text().replace("ARENA: usize = 1000", f"ARENA: usize = {arena_bytes}")
        folder = tmp_path / f"fake-{arena_bytes}"
        folder.mkdir(exist_ok=True)
        (folder / "ariel_models.rs").write_text(text)
        return Subject(folder, "fake")

    return make
