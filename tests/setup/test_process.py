"""Programs are run, and their failures told."""

from __future__ import annotations

import sys

import pytest

from tools.setup import probe, process
from tools.setup.process import Result


def test_run_reports_what_cannot_run_and_what_hangs() -> None:
    assert process.run("no-such-program").code == 127
    hanging = process.run(sys.executable, "-c", "import time; time.sleep(60)", timeout=0.2)
    assert (hanging.ok, "no answer within" in hanging.reason) == (False, True)


def test_run_changes_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIEL_A", "1")
    code = "import os; print(os.environ.get('ARIEL_A'), os.environ.get('ARIEL_B'))"
    assert process.run(sys.executable, "-c", code, env={"ARIEL_A": None, "ARIEL_B": "2"}).stdout == "None 2\n"


def test_the_reason_is_the_line_with_the_error() -> None:
    assert Result(1, stderr="info: a\nerror: b\nnote: c\n").reason == "error: b"
    assert Result(3).reason == "exit code 3"


def test_this_machine_compiles_for_itself() -> None:
    host = next(line[6:] for line in process.run("rustc", "-vV").stdout.splitlines() if line.startswith("host: "))
    assert probe.compiles(host)
    assert not probe.compiles("no-such-target")
