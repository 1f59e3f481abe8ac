"""Stand-ins for a compiled model, so that these tests need no compiler."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ariel_build.run.firmware import Subject

FAKE = Path(__file__).with_name("fake_model.rs")


@pytest.fixture
def fake(tmp_path: Path) -> Callable[[int], Subject]:
    """Returns a maker of fake models with an arena of so many bytes: see fake_model.rs."""

    def make(arena_bytes: int) -> Subject:
        text = FAKE.read_text().replace("ARENA: usize = 1000", f"ARENA: usize = {arena_bytes}")
        folder = tmp_path / f"fake-{arena_bytes}"
        folder.mkdir(exist_ok=True)
        (folder / "ariel_models.rs").write_text(text)
        return Subject(folder, "fake")

    return make


@pytest.fixture
def pool(tmp_path: Path) -> Subject:
    """Returns a fake model whose work several cores share: see fake_pool.rs."""
    (tmp_path / "ariel_models.rs").write_text(FAKE.with_name("fake_pool.rs").read_text())
    return Subject(tmp_path, "fake", "self::fake::worker")
