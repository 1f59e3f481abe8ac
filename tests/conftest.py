"""Marks for what a test needs from outside the repository, and the reason that is shown where it is absent.

    @pytest.mark.models                        the folder of real models beside the checkout
    @pytest.mark.emulator("qemu-system-arm")   an emulator
    @pytest.mark.target("thumbv6m-none-eabi")  a Rust toolchain that builds for a bare-metal target
    @pytest.mark.pico                          node and the npm package rp2040js
    @pytest.mark.rtl                           Verilator and the sources of the core: minutes, `nox -s rtl`

`nox -s tests` sets ARIEL_SET_UP: emulators and targets have just been installed, so that their absence is a failure.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

import pytest

from ariel_build import resources
from tools.setup import rp2040, rtl, rust

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT.parent / "shared" / "models"


@functools.cache
def _has_target(target: str) -> bool:
    return not rust.missing_targets([target])


def _absence(item: pytest.Item) -> str:
    """Returns what the test needs and set-up would have installed, or an empty string."""
    for mark in item.iter_markers("emulator"):
        if resources.emulator(mark.args[0]) is None:
            return f"no {mark.args[0]}: run `nox -s setup`"
    for mark in item.iter_markers("target"):
        if not _has_target(mark.args[0]):
            return f"no Rust toolchain with {mark.args[0]}: run `nox -s setup`"
    if item.get_closest_marker("rtl") and not rtl.is_complete():
        return "no Verilator, or no sources of the CV32E40X: run `nox -s setup -- rtl`"
    if item.get_closest_marker("pico") and not rp2040.is_complete():
        return "no node, or no rp2040js: run `nox -s setup -- rp2040`"
    return ""


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marks."""
    config.addinivalue_line("markers", "models: needs ../shared/models, which is not part of the repository")
    config.addinivalue_line("markers", "emulator(program): needs this emulator")
    config.addinivalue_line("markers", "pico: needs node and the npm package rp2040js")
    config.addinivalue_line("markers", "rtl: needs Verilator and the sources of the CV32E40X")
    config.addinivalue_line("markers", "target(triple): needs a Rust toolchain with this target")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test that lacks what it needs; fails it where set-up has run."""
    if item.get_closest_marker("models") and not MODELS.is_dir():
        pytest.skip("../shared/models is absent")
    absence = _absence(item)
    if absence:
        (pytest.fail if os.environ.get("ARIEL_SET_UP") else pytest.skip)(absence)


@pytest.fixture(scope="session")
def models() -> Path:
    """Returns the folder of real models with recorded answers, or skips the test."""
    if not MODELS.is_dir():
        pytest.skip("../shared/models is absent")
    return MODELS


@pytest.fixture(scope="session")
def root() -> Path:
    """Returns the root of the checkout."""
    return ROOT
