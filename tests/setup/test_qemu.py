"""Emulators come from the packages, or are unpacked where those cannot be installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ariel_build.machine import resources
from tests.setup.machine import EMULATORS, NEEDS, OK, Call, Machine
from tools import setup
from tools.setup import qemu
from tools.setup.process import Refused, Result


def test_emulators_come_from_the_packages(machine: Machine) -> None:
    machine.complete()
    machine.emulators.clear()
    machine.answers["apt-get update"] = OK
    machine.answers["apt-get install"] = machine.gains(emulators=EMULATORS)
    setup.ensure(NEEDS)
    (installed,) = [line for line in machine.did("apt-get install") if " -s " not in line]
    assert "--no-remove" in installed
    assert installed.endswith("qemu-system-arm qemu-system-misc")


def test_riscv_has_its_own_package_since_debian_13(machine: Machine) -> None:
    machine.answers["apt-cache policy qemu-system-riscv"] = Result(0, "  Candidate: 1:10.0.2+ds-2\n")
    assert qemu._package("qemu-system-riscv32") == "qemu-system-riscv"


DEPENDS = {
    "qemu-system-arm": "libfdt1 (>= 1.6.1), qemu-system-common (= 1:7.2), qemu-system-data (>> 1:7.2~)",
    "qemu-system-misc": "libfdt1 (>= 1.6.1), qemu-system-common (= 1:7.2), qemu-system-data (>> 1:7.2~)",
    "qemu-system-common": "libfdt1 (>= 1.6.1), libaio1",
    "qemu-system-data": "",
}
PROGRAMS = {"qemu-system-arm": "qemu-system-arm", "qemu-system-misc": "qemu-system-riscv32"}


@pytest.fixture
def conflict(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Returns a machine whose resolver would have to remove packages; emulators are where they are unpacked."""

    def package(call: Call) -> str:
        return Path(call.words[2]).name.split("_")[0]

    def download(call: Call) -> Result:
        call.cwd.joinpath(f"{call.words[-1]}_1%3a7.2_amd64.deb").touch()
        return OK

    def extract(call: Call) -> Result:
        folder = Path(call.words[3])
        programs, data = folder / "usr" / "bin", folder / "usr" / "share" / "qemu"
        for place in (programs, data):
            place.mkdir(parents=True, exist_ok=True)
        data.joinpath(package(call)).touch()
        if package(call) in PROGRAMS:
            program = programs / PROGRAMS[package(call)]
            program.touch()
            program.chmod(0o755)
        return OK

    def starts(call: Call) -> Result:
        # A program needs all of its kin beside it.
        data = Path(call.words[0]).parents[1] / "share" / "qemu"
        kin = {"qemu-system-common", "qemu-system-data"}
        return OK if kin <= {file.name for file in data.iterdir()} else Result(1, stderr="no data")

    machine.answers |= {
        "apt-get update": OK,
        "apt-get install -s": Result(100, stderr="E: Packages need to be removed but remove is disabled.\n"),
        "apt-get satisfy -s": Result(0, "Inst libfdt1 (1.6.1-4 Debian:12 [amd64])\n"),
        "apt-get install -y": OK,
        "apt-get download": download,
        "dpkg-deb -f": lambda call: Result(0, DEPENDS[package(call)] + "\n"),
        "dpkg-deb -x": extract,
        str(resources.cache_dir()): starts,
    }
    monkeypatch.setattr("ariel_build.machine.resources.emulator", machine.found_emulator)
    return machine


def start(*emulators: str) -> bool:
    """Returns whether set-up finds these in working order."""
    return qemu._missing(emulators) == []


def test_where_apt_would_remove_packages_the_emulators_are_unpacked(conflict: Machine) -> None:
    assert qemu.ensure(["qemu-system-arm"])
    unpacked = [Path(line.split()[2]).name.split("_")[0] for line in conflict.did("dpkg-deb -x")]
    assert unpacked == ["qemu-system-arm", "qemu-system-common", "qemu-system-data"]
    assert conflict.did("apt-get satisfy")[0].endswith("libaio1, libfdt1 (>= 1.6.1)")
    (installed,) = conflict.did("apt-get install -y")
    assert installed.endswith(" libfdt1"), "only the library that is missing"
    assert start("qemu-system-arm")


@pytest.mark.parametrize("order", [EMULATORS, EMULATORS[::-1]])
def test_one_emulator_after_the_other_in_any_order_and_twice(conflict: Machine, order: tuple[str, ...]) -> None:
    first, second = order
    assert qemu.ensure([first])
    assert qemu.ensure([second])
    assert start(first, second)
    conflict.ran.clear()
    for wanted in ([first], [second], [first, second]):
        assert not qemu.ensure(wanted)
    assert not conflict.did("apt-get")


@pytest.mark.parametrize("after", range(1, 4))
def test_an_interrupted_unpacking_leaves_no_half_an_emulator(conflict: Machine, after: int) -> None:
    qemu.ensure(["qemu-system-riscv32"])
    extract = conflict.answers["dpkg-deb -x"]

    def interrupted(call: Call) -> Result:
        assert not isinstance(extract, Result)
        extract(call)
        if len(conflict.did("dpkg-deb -x")) == 3 + after:
            raise KeyboardInterrupt
        return OK

    conflict.answers["dpkg-deb -x"] = interrupted
    with pytest.raises(KeyboardInterrupt):
        qemu.ensure(["qemu-system-arm"])
    assert resources.emulator("qemu-system-arm") is None
    conflict.answers["dpkg-deb -x"] = extract
    assert qemu.ensure(EMULATORS)
    assert start(*EMULATORS)


def test_a_broken_emulator_is_replaced_alone(conflict: Machine) -> None:
    qemu.ensure(EMULATORS)
    (resources.cache_dir() / "qemu-system-arm/usr/share/qemu/qemu-system-data").unlink()
    assert not start("qemu-system-arm")
    conflict.ran.clear()
    assert qemu.ensure(EMULATORS)
    assert {line.split()[-1] for line in conflict.did("apt-get download")} == DEPENDS.keys() - {"qemu-system-misc"}
    assert start(*EMULATORS)


def test_emulators_of_the_older_folder_for_all_stay_in_use(conflict: Machine) -> None:
    qemu.ensure(EMULATORS)
    old = resources.cache_dir() / "qemu"
    (resources.cache_dir() / "qemu-system-misc").rename(old)
    assert start(*EMULATORS)
    assert not qemu.ensure(EMULATORS)
    assert resources.emulator("qemu-system-riscv32") == old / "usr/bin/qemu-system-riscv32"


def test_unpacking_without_root_asks_for_the_libraries_only(conflict: Machine) -> None:
    conflict.root = False
    with pytest.raises(Refused) as refused:
        qemu.ensure(["qemu-system-arm"])
    assert refused.value.packages == ["libfdt1"]
    assert not conflict.did("dpkg-deb -x")


def test_an_emulator_that_does_not_start_is_an_error(machine: Machine) -> None:
    machine.answers |= {"apt-get update": OK, "apt-get install": OK}
    machine.answers["qemu-system-arm --version"] = Result(127, stderr="libfdt.so.1: cannot open shared object file")
    with pytest.raises(Refused, match=r"does not start: libfdt\.so\.1"):
        qemu.ensure(["qemu-system-arm"])


def test_an_interrupted_dpkg_is_completed_first(machine: Machine) -> None:
    machine.answers |= {"apt-get update": OK, "dpkg --configure -a": OK}
    machine.answers["dpkg --audit"] = Result(0, "The following packages are only half configured ..\n")
    machine.answers["apt-get install"] = machine.gains(emulators=EMULATORS)
    assert qemu.ensure(EMULATORS)
    order = [line for line in machine.ran if line.startswith(("dpkg --configure", "apt-get install"))]
    assert order[0] == "dpkg --configure -a"


def test_other_systems_are_told_their_packages(machine: Machine) -> None:
    machine.programs = {"dnf"}
    with pytest.raises(Refused) as refused:
        qemu.ensure(EMULATORS)
    assert "sudo dnf install qemu-system-arm-core qemu-system-riscv-core" in refused.value.render()
    machine.programs = set()
    with pytest.raises(Refused, match="on Arch qemu-system-arm qemu-system-riscv; on macOS `brew install qemu`"):
        qemu.ensure(EMULATORS)
