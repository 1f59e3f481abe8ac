"""node and rp2040js come when they are asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ariel_build.machine import resources
from tests.setup.machine import NEEDS, OK, Call, Machine
from tools import setup
from tools.setup import rp2040
from tools.setup.process import Refused, Result

NPM = "npm ci"


def fetched(call: Call) -> Result:
    """Answers as npm would in a folder with our lock file, and leaves the package behind."""
    assert '"integrity": "sha512-' in call.cwd.joinpath("package-lock.json").read_text()
    package = call.cwd / "node_modules" / "rp2040js"
    package.mkdir(parents=True)
    package.joinpath("package.json").write_text("{}")
    return OK


def with_node(machine: Machine, version: str) -> None:
    """Gives the machine a node of its own."""
    machine.complete()
    machine.programs |= set(rp2040.PROGRAMS)
    machine.answers["node --version"] = Result(0, f"{version}\n")


def test_they_are_left_alone_unless_asked_for(machine: Machine) -> None:
    machine.complete()
    setup.ensure(NEEDS)
    assert not machine.did("apt-get")
    assert not machine.did(NPM)


def test_a_users_node_is_used_and_the_package_fetched_once(machine: Machine) -> None:
    with_node(machine, "v22.1.0")
    machine.answers[NPM] = fetched
    assert not rp2040.is_complete()
    setup.ensure(replace(NEEDS, pico=True))
    assert rp2040.is_complete()
    setup.ensure(replace(NEEDS, pico=True))
    assert len(machine.did(NPM)) == 1
    assert not machine.did("apt-get")


def test_what_an_interruption_leaves_is_no_package(machine: Machine) -> None:
    def interrupted(call: Call) -> Result:
        fetched(call)
        raise KeyboardInterrupt

    with_node(machine, "v22.1.0")
    machine.answers[NPM] = interrupted
    with pytest.raises(KeyboardInterrupt):
        setup.ensure(replace(NEEDS, pico=True))
    assert resources.rp2040js() is None
    machine.answers[NPM] = fetched
    setup.ensure(replace(NEEDS, pico=True))
    assert rp2040.is_complete()


def test_debians_node_is_installed_where_there_is_none(machine: Machine) -> None:
    machine.complete()
    machine.answers |= {"apt-get update": OK, "apt-get install": OK, NPM: fetched}
    setup.ensure(replace(NEEDS, pico=True))
    (installed,) = machine.did("apt-get install")
    assert installed.endswith(" nodejs npm")


def test_an_old_node_is_refused(machine: Machine) -> None:
    with_node(machine, "v16.20.0")
    machine.answers[NPM] = fetched
    with pytest.raises(Refused, match="node 16 is older than 18"):
        setup.ensure(replace(NEEDS, pico=True))


def test_without_root_and_without_a_connection_all_is_asked_for_at_once(machine: Machine) -> None:
    machine.complete()
    machine.root = False
    machine.answers[NPM] = Result(1, stderr="npm ERR! code ENOTFOUND")
    with pytest.raises(Refused) as refused:
        setup.ensure(replace(NEEDS, pico=True))
    text = refused.value.render()
    assert "sudo apt-get install --no-install-recommends nodejs npm" in text
    assert f"npm install --ignore-scripts --prefix {resources.rp2040js_home()} {resources.RP2040JS}" in text
