"""docs/quick-start.md from an installed package, in a folder of a user's, where nothing is known of the checkout."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ariel_build.machine import resources
from tests.package.conftest import Installed
from tools import pages
from tools.recorded import DIGITS, ROOT


@pytest.mark.emulator("qemu-system-arm")
@pytest.mark.target("thumbv7em-none-eabihf")
def test_the_quick_start(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    if installed.name != "newest":
        pytest.skip("the oldest NumPy changes nothing in it")
    folder = installed.folder / "start"
    (folder / "models").mkdir(parents=True)
    monkeypatch.chdir(folder)
    # What the page copies from the clone, and the user's own model of its last chapters.
    shutil.copy(DIGITS, folder / "digits.tflite")
    shutil.copy(DIGITS, folder / "models" / "keywords.onnx")
    env = installed.env("thumbv7em-none-eabihf")
    emulator = resources.emulator("qemu-system-arm")
    assert emulator is not None
    path = os.pathsep.join([env["PATH"], str(emulator.parent)])
    pages.perform(ROOT / "docs" / "quick-start.md", env | {"PATH": path}, installed.venv / "bin" / "python")
    assert Path(folder, "reader", "tests").is_dir()
