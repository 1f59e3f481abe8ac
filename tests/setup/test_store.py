"""Things come into the store whole, one set-up at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ariel_build.machine import resources
from tools.recorded import ROOT
from tools.setup import store


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return resources.cache_dir()


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def interrupted(place: Path) -> None:
    with store.in_one_step(place) as fresh:
        fresh.joinpath("new").touch()
        raise KeyboardInterrupt


def test_a_thing_is_there_when_it_is_whole(home: Path) -> None:
    with store.alone(), store.in_one_step(home / "thing") as fresh:
        fresh.joinpath("half").touch()
        assert not home.joinpath("thing").exists()
    assert names(home / "thing") == {"half"}
    assert names(home) == {"thing", "lock"}


def test_what_does_not_end_well_leaves_what_was_there(home: Path) -> None:
    with store.alone():
        with store.in_one_step(home / "thing") as fresh:
            fresh.joinpath("old").touch()
        with pytest.raises(KeyboardInterrupt):
            interrupted(home / "thing")
        assert names(home / "thing") == {"old"}
        with store.in_one_step(home / "thing") as fresh:
            fresh.joinpath("new").touch()
    assert names(home / "thing") == {"new"}
    assert names(home) == {"thing", "lock"}


def test_what_a_killed_set_up_left_is_swept(home: Path) -> None:
    with store.alone():
        home.joinpath(".new-killed", "new").mkdir(parents=True)
    with store.alone():
        assert names(home) == {"lock"}


def test_two_at_once_wait_for_each_other() -> None:
    code = "from tools.setup import store\nwith store.alone(): print('mine', flush=True)"
    with store.alone():
        other = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert other.stdout is not None
        assert "waiting" in other.stdout.readline()
        assert other.poll() is None
    assert other.communicate(timeout=60)[0] == "mine\n"
