"""What the tests of reports look with: a Chromium without windows, from Debian's packages."""

from __future__ import annotations

import shutil

from tools.setup import debian

__all__ = ["PROGRAMS", "ensure", "program"]

#: What serves, the smallest first, which are packages of Debian by the same names.
PROGRAMS = ("chromium-headless-shell", "chromium")


def program() -> str | None:
    """Returns the path of a browser that can be told what to do, or None where there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def ensure() -> bool:
    """Installs a browser where there is none; returns whether it was missing."""
    if program():
        return False
    if not debian.has_apt():
        raise debian.other_systems("chromium", fedora="chromium", arch="chromium", macos="brew install chromium")
    debian.refresh()
    # Debian has had the smaller one since 12.
    known = [name for name in PROGRAMS if debian.candidate(name)]
    debian.install(known[:1] or list(PROGRAMS[-1:]), "a browser")
    return True
