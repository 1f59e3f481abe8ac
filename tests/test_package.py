"""One version for all, and what stands outside the package is found: `tests/package` has what is shipped."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ariel_build
from ariel_build.machine import resources
from tools.setup import rust

CRATES = ("ariel-ml-build", "ariel-ml-macros", "ariel-ml-rs")


def test_python_and_the_crates_share_one_version(root: Path) -> None:
    workspace = tomllib.loads(root.joinpath("Cargo.toml").read_text())["workspace"]
    assert workspace["package"]["version"] == ariel_build.__version__
    assert workspace["package"]["rust-version"] == ".".join(map(str, rust.OLDEST[:2]))
    for crate in CRATES:
        package = tomllib.loads(root.joinpath(crate, "Cargo.toml").read_text())
        assert package["package"]["version"] == {"workspace": True}
        for name, dependency in package.get("dependencies", {}).items():
            if name in CRATES:
                assert dependency["version"] == ariel_build.__version__


def test_resources_come_from_the_wheel_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "ariel_build")
    assert resources.path("boards") == tmp_path / "boards"
    packaged = tmp_path / "ariel_build" / "_data" / "boards"
    packaged.mkdir(parents=True)
    assert resources.path("boards") == packaged


def program(folder: Path, name: str) -> Path:
    """Returns an executable file made at that place."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_emulators_are_found_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ARIEL_QEMU", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert resources.emulator("qemu-system-arm") is None
    unpacked = program(tmp_path / "cache" / "ariel-ml" / "qemu" / "usr" / "bin", "qemu-system-arm")
    assert resources.emulator("qemu-system-arm") == unpacked
    on_path = program(tmp_path / "path", "qemu-system-arm")
    assert resources.emulator("qemu-system-arm") == on_path
    chosen = program(tmp_path / "chosen", "qemu-system-arm")
    monkeypatch.setenv("ARIEL_QEMU", str(tmp_path / "chosen"))
    assert resources.emulator("qemu-system-arm") == chosen


def test_a_relative_cache_home_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert resources.cache_dir() == Path.home() / ".cache" / "ariel-ml"


def test_importing_resources_needs_no_dependency() -> None:
    # Set-up imports it before anything is installed.
    code = "import sys; sys.path.insert(0, '.'); import tools.setup; print(*sorted(sys.modules))"
    root = Path(importlib.import_module("tools").__path__[0]).parent
    shown = subprocess.run([sys.executable, "-I", "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert not {"numpy", "onnx", "rich", "tflite", "tomlkit"} & set(shown.stdout.split())
