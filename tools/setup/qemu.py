"""The emulators: from the system's packages, or unpacked into a folder of our own where those cannot be installed.

Debian's resolver refuses, for one, beside a newer qemu-utils. Then the same packages are downloaded and unpacked, and
only the shared libraries that they need are installed. QEMU finds its data relative to itself, so that each package
has a folder of its own in `~/.cache/ariel-ml`, with all of QEMU's that it depends on: what one set-up unpacks is never
touched by the next, whose packages may be of another version. `machine.resources.emulator` finds QEMU there.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ariel_build.machine import resources
from tools.setup import debian, store
from tools.setup.process import Refused, run, say

__all__ = ["ensure"]


def ensure(emulators: Sequence[str]) -> bool:
    """Installs the emulators that are missing; returns whether there were any."""
    missing = _missing(emulators)
    if not missing:
        return False
    if not debian.has_apt():
        raise debian.other_systems(
            " and ".join(missing),
            fedora="qemu-system-arm-core qemu-system-riscv-core",
            arch="qemu-system-arm qemu-system-riscv",
            macos="brew install qemu",
        )
    debian.refresh()
    packages = sorted({_package(emulator) for emulator in missing})
    answer = debian.allowed("install", *packages)
    if answer.ok or not _is_conflict(answer.stdout + answer.stderr):
        debian.install(packages, "emulators")
    else:
        say(f"apt-get would have to remove other packages for {', '.join(packages)}: unpacking them for ourselves")
        for package in packages:
            _unpack(package)
    left = _missing(missing)
    if left:
        reason = run(resources.emulator(left[0]) or left[0], "--version").reason
        raise Refused(f"{left[0]} does not start: {reason}")
    return True


def _missing(emulators: Sequence[str]) -> list[str]:
    """Returns those that are not there or do not start (a shared library may be missing)."""
    return [name for name in emulators if not run(resources.emulator(name) or name, "--version").ok]


def _package(emulator: str) -> str:
    """Returns Debian's package with the emulator: since 13, RISC-V has one of its own."""
    if emulator == "qemu-system-arm":
        return emulator
    if emulator == "qemu-system-xtensa":
        return "qemu-system-misc"
    return "qemu-system-riscv" if debian.candidate("qemu-system-riscv") else "qemu-system-misc"


def _is_conflict(answer: str) -> bool:
    """Returns whether apt knows the packages and cannot fit them in, as opposed to not finding them."""
    return bool(re.search(r"held broken packages|need to be removed|pkgProblemResolver|unmet dependencies", answer))


def _unpack(package: str) -> None:
    """Downloads a package with its kin, installs the libraries they need, and unpacks them into a folder of theirs."""
    with store.in_one_step(resources.cache_dir() / package) as tree, tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        _install_libraries(_download(package, work))
        for archive in sorted(work.glob("*.deb")):
            result = run("dpkg-deb", "-x", archive, tree)
            if not result.ok:
                raise Refused(f"{archive.name} cannot be unpacked: {result.reason}")


def _download(wanted: str, work: Path) -> list[str]:
    """Downloads the package and all of QEMU's that it depends on; returns the other dependencies."""
    queue, seen, others = [wanted], set[str](), set[str]()
    while queue:
        package = queue.pop()
        seen.add(package)
        # As root, apt would otherwise warn that its own user may not write here.
        result = run("apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", package, cwd=work)
        archives = list(work.glob(f"{package}_*.deb"))
        if not result.ok or not archives:
            raise Refused(f"apt-get could not download {package}: {result.reason}")
        for dependency in run("dpkg-deb", "-f", archives[0], "Depends").stdout.strip().split(", "):
            name = dependency.split(" ")[0]
            if not name.startswith("qemu-system-"):
                others.add(dependency)
            elif name not in seen and name not in queue:
                queue.append(name)
    return sorted(others - {""})


def _install_libraries(libraries: Sequence[str]) -> None:
    """Has apt satisfy the dependencies that are not met yet."""
    wanted = ", ".join(libraries)
    answer = debian.allowed("satisfy", wanted)
    if not answer.ok:
        raise Refused(f"apt-get cannot install the libraries of QEMU: {answer.reason}")
    packages = re.findall(r"^Inst (\S+)", answer.stdout, re.MULTILINE)
    if packages:
        debian.install(packages, "the libraries of QEMU")
