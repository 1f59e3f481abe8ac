"""A browser comes when it is asked for: the smallest that there is, and none beside one that is there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.setup.machine import NEEDS, OK, Machine
from tools import setup
from tools.setup import browser
from tools.setup.process import Refused, Result

POLICY = "apt-cache policy chromium"
KNOWN = Result(0, "  Candidate: 150.0.7871.100-1~deb12u1\n")


def test_it_is_left_alone_unless_asked_for(machine: Machine) -> None:
    machine.complete()
    setup.ensure(NEEDS)
    assert not machine.did("apt-get")


def test_the_smallest_is_installed_once(machine: Machine) -> None:
    machine.complete()
    machine.answers |= {"apt-get update": OK, "apt-get install": OK, POLICY: KNOWN}
    assert browser.program() is None
    setup.ensure(replace(NEEDS, browser=True))
    (installed,) = machine.did("apt-get install")
    assert installed.endswith(" chromium-headless-shell")
    machine.programs.add("chromium-headless-shell")
    assert browser.program() is not None
    setup.ensure(replace(NEEDS, browser=True))
    assert machine.did("apt-get install") == [installed]


def test_where_the_smallest_is_unknown_it_is_the_other(machine: Machine) -> None:
    machine.complete()
    machine.answers |= {"apt-get update": OK, "apt-get install": OK, f"{POLICY}-headless-shell": Result(0)}
    machine.answers[POLICY] = KNOWN
    setup.ensure(replace(NEEDS, browser=True))
    (installed,) = machine.did("apt-get install")
    assert installed.endswith(" chromium")


def test_one_that_is_there_is_enough(machine: Machine) -> None:
    machine.complete()
    machine.programs.add("chromium")
    setup.ensure(replace(NEEDS, browser=True))
    assert not machine.did("apt-get")


def test_without_root_it_is_asked_for(machine: Machine) -> None:
    machine.complete()
    machine.root = False
    machine.answers[POLICY] = KNOWN
    with pytest.raises(Refused) as refused:
        setup.ensure(replace(NEEDS, browser=True))
    assert "sudo apt-get install --no-install-recommends chromium" in refused.value.render()
