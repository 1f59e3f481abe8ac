"""Marks for what a test needs from outside the repository, and what becomes of a test where it is absent.

    @pytest.mark.models                        the folder of real models beside the checkout
    @pytest.mark.emulator("qemu-system-arm")   an emulator
    @pytest.mark.target("thumbv6m-none-eabi")  a Rust toolchain that builds for a bare-metal target
    @pytest.mark.pico                          node and the npm package rp2040js
    @pytest.mark.rust_sources                  the sources of Rust's core, for targets without a built one
    @pytest.mark.rtl                           Verilator and the sources of the core: minutes, `nox -s rtl`
    @pytest.mark.browser                       a Chromium without windows: 200 MB, `nox -s browser`
    @pytest.mark.at_length                     time: its kin tells nearly as much sooner; `nox -s fuzz` runs it

The marks are all that set-up knows: `nox -s tests` has the chosen tests collected with `--needs`, installs what they
are marked with, and sets ARIEL_SET_UP, under which a test may be skipped for nothing but what tests/needs.py lists. So
that no mark is forgotten, a test that starts a program for a target or an emulator without its mark fails.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from ariel_build.machine import resources
from tests import needs
from tools.recorded import MODELS, ROOT
from tools.setup import browser, rp2040, rtl, rust

# The command line is started thousands of times: Python would read all its sources anew each time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@functools.cache
def _has_target(target: str) -> bool:
    return not rust.missing_targets([target])


def _absence(item: pytest.Item) -> str:
    """Returns what the test needs and set-up would have installed, or an empty string."""
    for mark in item.iter_markers("emulator"):
        if resources.emulator(mark.args[0]) is None:
            return f"no {mark.args[0]}: `nox -s tests` and `nox -s setup` install it"
    for mark in item.iter_markers("target"):
        if not _has_target(mark.args[0]):
            return f"no Rust toolchain with {mark.args[0]}: `nox -s tests` and `nox -s setup` install it"
    if item.get_closest_marker("rust_sources") and not rust.toolchains_with_sources():
        return "no sources of Rust's core: `nox -s tests` and `rustup component add rust-src` install them"
    if item.get_closest_marker("rtl") and not rtl.is_complete():
        return "no Verilator, or no sources of the CV32E40X: run `nox -s setup -- rtl`"
    if item.get_closest_marker("browser") and browser.program() is None:
        return "no Chromium: run `nox -s setup -- browser`"
    if item.get_closest_marker("pico") and not rp2040.is_complete():
        return "no node, or no rp2040js: run `nox -s setup -- rp2040`"
    return ""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options through which nox asks what the tests need, and which were skipped."""
    group = parser.getgroup("ariel")
    group.addoption("--needs", type=Path, metavar="FILE", help="write what the collected tests need, for set-up")
    group.addoption("--skipped", type=Path, metavar="FILE", help="write which tests were skipped, and why")


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marks, and watches which programs the tests start."""
    config.addinivalue_line("markers", "models: needs ../shared/models, which is not part of the repository")
    config.addinivalue_line("markers", "emulator(program): needs this emulator")
    config.addinivalue_line("markers", "pico: needs node and the npm package rp2040js")
    config.addinivalue_line("markers", "rust_sources: needs the sources of Rust's core")
    config.addinivalue_line("markers", "rtl: needs Verilator and the sources of the CV32E40X")
    config.addinivalue_line("markers", "browser: needs a Chromium without windows")
    config.addinivalue_line("markers", "at_length: takes long, and `nox -s tests` has its kin: nox -s fuzz")
    config.addinivalue_line("markers", "target(triple): needs a Rust toolchain with this target")
    needs.watch()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Writes what the tests need, where that is asked for."""
    file = session.config.getoption("--needs")
    if file:
        needs.of_tests(session.items).write(file)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Lets the watch know which test runs."""
    with needs.running(item):
        return (yield)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test that lacks what it needs; fails it where set-up has run."""
    if item.get_closest_marker("models") and not MODELS.is_dir():
        pytest.skip(needs.MODELS_ABSENT)
    with needs.running(None):
        absence = _absence(item)
    if absence:
        pytest.skip(absence)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fails a test that is skipped although set-up has run."""
    report = yield
    # Where there are no models, those that a test is parametrised with are none.
    without_models = item.get_closest_marker("models") and not MODELS.is_dir()
    if os.environ.get("ARIEL_SET_UP") and not without_models:
        needs.refuse_skip(report)
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Names a test as soon as it fails: a run of an hour that is stopped has told what it found."""
    if report.failed and not os.environ.get("PYTEST_XDIST_WORKER"):
        sys.stdout.write(f"\nFAILED {report.nodeid} ({report.when})\n")
        sys.stdout.flush()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Writes which tests were skipped, and what others have to tell, where that is asked for."""
    file = terminalreporter.config.getoption("--skipped")
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(needs.summary(terminalreporter.stats))


@pytest.fixture(scope="session")
def models() -> Path:
    """Returns the folder of real models with recorded answers, or skips the test."""
    if not MODELS.is_dir():
        pytest.skip(needs.MODELS_ABSENT)
    return MODELS


@pytest.fixture(scope="session")
def root() -> Path:
    """Returns the root of the checkout."""
    return ROOT
