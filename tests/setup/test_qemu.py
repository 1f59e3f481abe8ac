"""Emulators come from the packages, or are unpacked where those cannot be installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.setup.machine import OK, Machine
from tools import setup
from tools.setup import debian, qemu
from tools.setup.process import Refused, Result


def test_emulators_come_from_the_packages(machine: Machine) -> None:
    machine.complete()
    machine.emulators.clear()
    machine.answers["apt-get update"] = OK
    machine.answers["apt-get install"] = machine.gains(emulators=qemu.EMULATORS)
    setup.ensure()
    (installed,) = [line for line in machine.did("apt-get install") if " -s " not in line]
    assert "--no-remove" in installed
    assert installed.endswith("qemu-system-arm qemu-system-misc")


def test_riscv_has_its_own_package_since_debian_13(machine: Machine) -> None:
    machine.answers["apt-cache policy qemu-system-riscv"] = Result(0, "  Candidate: 1:10.0.2+ds-2\n")
    assert qemu._package("qemu-system-riscv32") == "qemu-system-riscv"


def unpacking(machine: Machine) -> list[str]:
    """Prepares a machine whose resolver would remove packages; returns the list of what gets unpacked."""
    unpacked: list[str] = []
    depends = {
        "qemu-system-arm": "libfdt1 (>= 1.6.1), qemu-system-common (= 1:7.2), qemu-system-data (>> 1:7.2~)",
        "qemu-system-common": "libfdt1 (>= 1.6.1), libaio1",
        "qemu-system-data": "",
    }

    def run(*command: str | Path, **options: object) -> Result:
        line = Machine.run(machine, *command, **options)
        if command[:2] == ("apt-get", "download"):
            folder = options["cwd"]
            assert isinstance(folder, Path)
            folder.joinpath(f"{command[-1]}_1%3a7.2_amd64.deb").touch()
            return OK
        if command[:2] == ("dpkg-deb", "-f"):
            return Result(0, depends[Path(command[2]).name.split("_")[0]] + "\n")
        if command[:2] == ("dpkg-deb", "-x"):
            unpacked.append(Path(command[2]).name.split("_")[0])
            Path(command[3]).mkdir(exist_ok=True)
            machine.emulators |= set(qemu.EMULATORS)
            return OK
        return line

    machine.answers |= {
        "apt-get update": OK,
        "apt-get install -s": Result(100, stderr="E: Packages need to be removed but remove is disabled.\n"),
        "apt-get satisfy -s": Result(0, "Inst libfdt1 (1.6.1-4 Debian:12 [amd64])\n"),
        "apt-get install -y": OK,
    }
    for module in (debian, qemu):
        module.run = run  # type: ignore[attr-defined]  # the fixture's monkeypatch puts the real one back
    return unpacked


def test_where_apt_would_remove_packages_the_emulators_are_unpacked(machine: Machine, tmp_path: Path) -> None:
    unpacked = unpacking(machine)
    assert qemu.ensure(["qemu-system-arm"])
    assert unpacked == ["qemu-system-arm", "qemu-system-common", "qemu-system-data"]
    assert machine.did("apt-get satisfy")[0].endswith("libaio1, libfdt1 (>= 1.6.1)")
    (installed,) = machine.did("apt-get install -y")
    assert installed.endswith(" libfdt1"), "only the library that is missing"
    assert tmp_path.joinpath("ariel-ml", "qemu").is_dir()


def test_unpacking_without_root_asks_for_the_libraries_only(machine: Machine) -> None:
    machine.root = False
    unpacked = unpacking(machine)
    with pytest.raises(Refused) as refused:
        qemu.ensure(["qemu-system-arm"])
    assert refused.value.packages == ["libfdt1"]
    assert unpacked == []


def test_an_emulator_that_does_not_start_is_an_error(machine: Machine) -> None:
    machine.answers |= {"apt-get update": OK, "apt-get install": OK}
    machine.answers["qemu-system-arm --version"] = Result(127, stderr="libfdt.so.1: cannot open shared object file")
    with pytest.raises(Refused, match=r"does not start: libfdt\.so\.1"):
        qemu.ensure(["qemu-system-arm"])


def test_other_systems_are_told_their_packages(machine: Machine) -> None:
    machine.programs = {"dnf"}
    with pytest.raises(Refused) as refused:
        qemu.ensure(qemu.EMULATORS)
    assert "sudo dnf install qemu-system-arm-core qemu-system-riscv-core" in refused.value.render()
    machine.programs = set()
    with pytest.raises(Refused, match="on Arch qemu-system-arm qemu-system-riscv; on macOS `brew install qemu`"):
        qemu.ensure(qemu.EMULATORS)
