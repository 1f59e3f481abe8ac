"""Verilator and the core's sources come when they are asked for."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from ariel_build.machine import resources
from tests.setup.machine import NEEDS, OK, Call, Machine
from tools import setup
from tools.setup import rtl
from tools.setup.process import Refused, Result

PIP = f"{sys.executable} -m pip install"


def fetched(call: Call) -> Result:
    """Answers as pip would, and leaves the sources behind."""
    call.last_path().joinpath("pythondata_cpu_cv32e40x", "system_verilog").mkdir(parents=True)
    return OK


def test_they_are_left_alone_unless_asked_for(machine: Machine) -> None:
    machine.complete()
    setup.ensure(NEEDS)
    assert not machine.did("apt-get")
    assert not machine.did(PIP)


def test_packages_and_sources_are_installed_once(machine: Machine) -> None:
    machine.complete()
    machine.answers |= {"apt-get update": OK, "apt-get install": OK, PIP: fetched}
    assert not rtl.is_complete()
    setup.ensure(replace(NEEDS, verilated=True))
    (installed,) = machine.did("apt-get install")
    assert installed.endswith(" verilator make g++")
    (pip,) = machine.did(PIP)
    assert pip.endswith(f" {resources.CV32E40X}")
    assert resources.cv32e40x() is not None
    machine.programs |= set(rtl.PROGRAMS)
    assert rtl.is_complete()
    setup.ensure(replace(NEEDS, verilated=True))
    assert machine.did(PIP) == [pip]


def test_without_root_and_without_a_connection_all_is_asked_for_at_once(machine: Machine) -> None:
    machine.complete()
    machine.root = False
    machine.answers[PIP] = Result(1, stderr="ERROR: Could not find a version that satisfies the requirement")
    with pytest.raises(Refused) as refused:
        setup.ensure(replace(NEEDS, verilated=True))
    text = refused.value.render()
    assert "sudo apt-get install --no-install-recommends verilator make g++" in text
    assert f"python3 -m pip install --no-deps --target {resources.cv32e40x_home()} {resources.CV32E40X}" in text
