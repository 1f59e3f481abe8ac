"""What tests need is what they are marked with, and they use nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ariel_build import boards
from tests import needs
from tools.setup import Needs

pytest_plugins = ("pytester",)

MODULE = """
import subprocess, pytest

@pytest.mark.target("thumbv8m.main-none-eabihf")
@pytest.mark.emulator("qemu-system-arm")
def test_marked(): pass

@pytest.mark.pico
@pytest.mark.parametrize("t", [pytest.param(1, marks=pytest.mark.target("thumbv6m-none-eabi")), 2])
def test_more(t): pass

def test_forgotten():
    subprocess.run(["cargo", "build", "--target", "thumbv7m-none-eabi"])

def test_skipped(): pytest.skip("no tool")

def test_without_models(): pytest.skip("../shared/models is absent")

def test_of_the_host(): subprocess.run(["true"], check=True)
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, root: Path) -> pytest.Pytester:
    """Returns a small suite under the rules of ours."""
    pytester.makeconftest((root / "tests" / "conftest.py").read_text())
    pytester.makepyfile(test_suite=MODULE)
    pytester.syspathinsert(root)
    return pytester


def test_set_up_is_told_the_marks_of_the_chosen_tests(suite: pytest.Pytester) -> None:
    suite.runpytest_inprocess("--collect-only", "--needs=all.json").assert_outcomes()
    found = Needs.read(suite.path / "all.json")
    assert found == Needs(("thumbv6m-none-eabi", "thumbv8m.main-none-eabihf"), ("qemu-system-arm",), pico=True)
    suite.runpytest_inprocess("--collect-only", "--needs=one.json", "-k", "marked")
    assert json.loads((suite.path / "one.json").read_text())["targets"] == ["thumbv8m.main-none-eabihf"]


def test_a_forgotten_mark_and_a_skip_after_set_up_fail(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = ("-k", "forgotten or skipped or models or host", "--skipped=skipped.txt")
    monkeypatch.delenv("ARIEL_SET_UP", raising=False)
    suite.runpytest_inprocess(*chosen).assert_outcomes(failed=1, skipped=2, passed=1)
    monkeypatch.setenv("ARIEL_SET_UP", "1")
    ended = suite.runpytest_inprocess(*chosen)
    ended.assert_outcomes(failed=2, skipped=1, passed=1)
    ended.stdout.fnmatch_lines_random(
        ["*test_forgotten uses thumbv7m-none-eabi and is not marked*", "*skipped although set-up has run: no tool*"]
    )
    told = (suite.path / "skipped.txt").read_text()
    assert "1 skipped: ../shared/models is absent\n    1 of test_suite.py" in told


@pytest.mark.parametrize(
    "command, used",
    [
        (["rustc", "--target=thumbv6m-none-eabi", "x.rs"], {"thumbv6m-none-eabi"}),
        (["cargo", "build", "--target", "riscv32imac-unknown-none-elf"], {"riscv32imac-unknown-none-elf"}),
        (["/a/b/qemu-system-riscv32", "-kernel", "x"], {"qemu-system-riscv32"}),
        (["python", "-m", "ariel_build", "run", "--on", "qemu-cortex-m3"], {"thumbv7m-none-eabi", "qemu-system-arm"}),
        (["python", "-m", "ariel_build", "run", "--on", "host"], set()),
        (["cargo", "build", "--target", "x86_64-unknown-linux-gnu"], set()),
    ],
)
def test_commands_tell_what_they_use(command: list[str], used: set[str]) -> None:
    assert set(needs.used_by(command)) == used


def test_boards_need_what_their_files_say() -> None:
    found = Needs.of_boards()
    for name in ("rp2350", "qemu-cortex-m33x2", "qemu-riscv32"):
        assert boards.load(name).target in found.targets
    assert found.emulators == ("qemu-system-arm", "qemu-system-riscv32")
    assert not any(target.startswith(("xtensa", "host", "any")) for target in found.targets)
