"""The first of the two commands: a virtual environment with nox."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import venv


def test_python_without_venv_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(venv, "VENV", tmp_path / ".venv")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/apt-get")
    assert venv.main() == 2
    shown = capsys.readouterr().err
    assert f"sudo apt-get install python{sys.version_info[0]}.{sys.version_info[1]}-venv" in shown
    assert "pipx run nox -s demo" in shown


def test_old_python_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.version_info", (3, 9, 2))
    assert venv.main() == 2
    assert "Python 3.11 or newer is needed and this is 3.9" in capsys.readouterr().err


def test_ci_runs_the_readme_s_command(root: Path) -> None:
    command = root.joinpath(".ci", "run").read_text().rstrip().splitlines()[-1]
    assert command == "python3 tools/venv.py && .venv/bin/nox -s tests"
    readme = root.joinpath("README.md").read_text()
    assert command in readme
    assert command.replace("-s tests", "-s demo") in readme
