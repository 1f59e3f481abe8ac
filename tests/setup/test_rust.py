"""Rust is made complete by rustup, by the distribution, or by the user who is told how."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.setup.machine import FETCH, M0, M7, NEEDS, OK, Machine
from tools import setup
from tools.setup import Needs, distribution_rust, rust
from tools.setup.process import Refused, Result


def test_a_complete_machine_is_left_alone(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.complete()
    setup.ensure(NEEDS)
    assert [line for line in machine.ran if "--version" not in line] == [f"{FETCH} --offline"]
    assert capsys.readouterr().out == ""


def test_rustup_is_asked_first(machine: Machine) -> None:
    machine.complete()
    machine.can_build.remove((None, M0))
    machine.answers[f"rustup target add {M0}"] = machine.gains(targets=(M0,))
    setup.ensure(NEEDS)
    assert machine.did("rustup target") == [f"rustup target add {M0}"]
    assert not machine.did("apt-get")


def test_a_target_of_the_embedded_toolchain_counts(machine: Machine) -> None:
    machine.can_build = {("embedded", M7)}
    assert rust.missing_targets([M7, M0]) == [M0]


def test_a_toolchain_named_by_the_user_counts(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIEL_TOOLCHAIN", "mine")
    machine.can_build = {("mine", M7)}
    assert rust.missing_targets([M7]) == []


def test_where_rustup_cannot_download_the_distribution_steps_in(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built: list[str] = []

    def build(targets: list[str]) -> None:
        built.extend(targets)
        machine.can_build |= {("embedded", target) for target in targets}

    monkeypatch.setattr(distribution_rust, "build", build)
    machine.answers["rustup target add"] = Result(1, stderr="info: downloading\nerror: could not download file\n")
    assert rust.ensure_targets([M7, M0])
    assert built == [M7, M0]
    assert len(machine.did("rustup target")) == 1, "one refusal is enough"
    assert "could not download file" in capsys.readouterr().out


def test_without_debian_the_command_to_repeat_is_named(machine: Machine) -> None:
    machine.programs.discard("apt-get")
    machine.answers["rustup target add"] = Result(1, stderr="error: no network")
    with pytest.raises(Refused) as refused:
        rust.ensure_targets([M7])
    assert "error: no network" in refused.value.render()
    assert f"  rustup target add {M7}" in refused.value.render()


@pytest.mark.parametrize(
    "answer, help_text",
    [
        (Result(0, "rustc 1.75.0 (82e1608df 2023-12-21)"), "rustup update stable"),
        (Result(1, stderr="error: no default toolchain"), "rustup default stable"),
    ],
)
def test_rust_that_will_not_do_is_named_with_its_remedy(machine: Machine, answer: Result, help_text: str) -> None:
    machine.answers["rustc --version"] = answer
    with pytest.raises(Refused) as refused:
        setup.ensure(NEEDS)
    assert help_text in refused.value.render()
    assert len(refused.value.messages) == 1, "the other steps would only repeat it"


def test_no_rust_at_all(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    machine.programs -= {"rustc", "rustup"}
    del machine.answers["rustc --version"]
    with pytest.raises(Refused, match=r"https://rustup\.rs"):
        rust.ensure_compiler()
    tmp_path.joinpath(".cargo").mkdir()
    tmp_path.joinpath(".cargo", "env").touch()
    with pytest.raises(Refused, match="not on PATH"):
        rust.ensure_compiler()


def test_without_root_one_list_names_everything(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.root = False
    machine.programs.discard("cc")
    machine.answers |= {
        "rustup target add": Result(1, stderr="error: no network"),
        "apt-cache policy rustc-web": Result(0, "rustc-web:\n  Candidate: 1.96.0+dfsg1-1~deb12u2\n"),
        "apt-get install -s": OK,
    }
    with pytest.raises(Refused) as refused:
        setup.ensure(NEEDS)
    packages = [
        "gcc",
        "libc6-dev",
        "rustc-web",
        "cargo-web",
        "rust-web-src",
        "lld",
        "qemu-system-arm",
        "qemu-system-misc",
    ]
    shown = refused.value.render().splitlines()
    assert shown[-3:] == [
        "Run this, then the same command again:",
        "  sudo apt-get update",
        f"  sudo apt-get install --no-install-recommends {' '.join(packages)}",
    ]
    assert not machine.did("apt-get install -y"), "nothing is installed behind the user's back"


def test_set_up_without_root_leaves_with_2(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tools.setup import __main__ as command  # noqa: PLC0415  importing it is part of the test

    machine.root = False
    machine.answers["apt-get install -s"] = OK
    machine.can_build = {(None, target) for target in Needs.of_boards().targets}
    assert command.main() == 2
    assert "sudo apt-get install" in capsys.readouterr().err


def test_sources_of_core_come_from_rustup_or_the_distribution(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.answers["rustc --print sysroot"] = Result(0, f"{tmp_path}\n")
    core = tmp_path / "lib" / "rustlib" / "src" / "rust" / "library" / "core"

    def lay_out(_: object) -> Result:
        core.mkdir(parents=True)
        return OK

    machine.answers["rustup component add rust-src"] = lay_out
    assert rust.ensure_sources()
    assert not rust.ensure_sources()
    core.rmdir()
    machine.answers["rustup component add rust-src"] = Result(1, stderr="error: no network")
    with pytest.raises(Refused, match=r"no Rust of 1\.88"):
        rust.ensure_sources()
    monkeypatch.setattr(distribution_rust, "build", lay_out)
    assert rust.ensure_sources()


def test_a_missing_component_is_asked_of_rustup(machine: Machine) -> None:
    machine.answers |= {"rustfmt --version": OK, "rustup component add clippy": OK}
    assert rust.ensure_components(["clippy", "rustfmt"])
    assert not machine.did("rustup component add clippy rustfmt")
