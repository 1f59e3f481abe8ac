"""The crates of the harness are fetched once."""

from __future__ import annotations

import pytest

from tests.setup.machine import FETCH, OK, Machine
from tools.setup import crates
from tools.setup.process import Refused, Result


def test_crates_that_are_there_are_not_fetched(machine: Machine) -> None:
    assert not crates.ensure()
    assert machine.ran == [f"{FETCH} --offline"]


def test_crates_that_are_missing_are_fetched(machine: Machine) -> None:
    machine.answers[f"{FETCH} --offline"] = Result(101, stderr="error: failed to download")
    machine.answers[FETCH] = OK
    assert crates.ensure()
    assert machine.ran == [f"{FETCH} --offline", FETCH]


def test_without_a_network_the_command_to_repeat_is_named(machine: Machine) -> None:
    machine.answers[FETCH] = Result(101, stderr="error: failed to download from the registry")
    with pytest.raises(Refused) as refused:
        crates.ensure()
    assert "failed to download from the registry" in refused.value.render()
    assert f"  {FETCH}" in refused.value.render()
