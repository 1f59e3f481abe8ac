"""Debian's package manager, asked politely: it may add packages and never removes one."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence

from tools.setup.process import Refused, Result, run, say

__all__ = ["allowed", "candidate", "ensure_program", "has_apt", "install", "is_root", "other_systems", "refresh"]

# A simulated install of QEMU on a machine with a newer qemu-utils removes that: we would rather be refused.
_OPTIONS = ("-y", "-q", "--no-install-recommends", "--no-remove", "-o", "DPkg::Lock::Timeout=300")
_QUIET = {"DEBIAN_FRONTEND": "noninteractive"}
_refreshed = False


def has_apt() -> bool:
    """Returns whether this system installs with apt-get."""
    return shutil.which("apt-get") is not None


def is_root() -> bool:
    """Returns whether packages may be installed without sudo."""
    return os.geteuid() == 0


def candidate(package: str) -> tuple[int, ...] | None:
    """Returns the upstream version that would be installed, `(1, 96, 0)`, or None where the package is unknown."""
    answer = run("apt-cache", "policy", package, env={"LC_ALL": "C"})
    found = re.search(r"Candidate: (?:\d+:)?(\d+(?:\.\d+)*)", answer.stdout)
    return tuple(int(part) for part in found[1].split(".")) if found else None


def refresh() -> None:
    """Updates the package lists, once in a run, where that is permitted; ends what an interrupted run left halfway."""
    global _refreshed  # noqa: PLW0603  one run of set-up is one process
    if _refreshed or not is_root():
        return
    _refreshed = True
    if run("dpkg", "--audit").stdout.strip():
        say("completing packages whose installation was interrupted")
        run("dpkg", "--configure", "-a", env=_QUIET)
    say("asking for Debian's package lists")
    run("apt-get", "update", "-qq", env=_QUIET)


def allowed(verb: str, *what: str) -> Result:
    """Returns apt's answer to the question whether it would do this (`install` packages, `satisfy` dependencies)."""
    return run("apt-get", verb, "-s", *_OPTIONS, *what, env={"LC_ALL": "C"})


def install(packages: Sequence[str], purpose: str, verb: str = "install") -> None:
    """Installs the packages (or satisfies the dependencies); raises `Refused` without root, or where apt refuses."""
    if not is_root():
        raise Refused(f"{purpose} must be installed by root", packages=packages)
    say(f"installing {purpose}: {', '.join(packages)}")
    result = run("apt-get", verb, *_OPTIONS, *packages, env=_QUIET)
    if not result.ok:
        message = f"apt-get could not install {purpose}: {result.reason}"
        raise Refused(message, commands=[f"sudo apt-get {verb} --no-install-recommends {' '.join(packages)}"])


def ensure_program(name: str, package: str = "") -> None:
    """Installs a program that only Debian has, where it is missing; its package has its name, or that of `package`."""
    if shutil.which(name):
        return
    if not has_apt():
        raise Refused(f"`{name}` is missing, and this needs a Debian")
    refresh()
    install([package or name], f"`{name}`")


def other_systems(purpose: str, *, fedora: str, arch: str, macos: str) -> Refused:
    """Returns the refusal for systems without apt-get, with the names that the packages have there."""
    for program, command in (
        ("dnf", f"sudo dnf install {fedora}"),
        ("pacman", f"sudo pacman -S {arch}"),
        ("brew", macos),
    ):
        if shutil.which(program):
            return Refused(f"{purpose} is missing", commands=[command])
    message = f"{purpose} is missing, and set-up installs with apt-get only; on Fedora the packages are {fedora}"
    return Refused(f"{message}; on Arch {arch}; on macOS `{macos}`")
