"""What the board rp2040-sim needs: node, and the npm package that emulates the chip."""

from __future__ import annotations

import re
import shutil

from ariel_build.machine import resources
from ariel_build.run.emulators import rp2040
from tools.setup import debian, store
from tools.setup.process import Refused, run, say

__all__ = ["ensure_node", "ensure_package", "is_complete"]

#: The programs, and the packages of Debian that they are in.
PROGRAMS = {"node": "nodejs", "npm": "npm"}
_FILES = ("package.json", "package-lock.json")
_FETCH = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")


def is_complete() -> bool:
    """Returns whether the board can run."""
    return _version() >= rp2040.OLDEST_NODE and resources.rp2040js() is not None


def ensure_node() -> bool:
    """Installs node, and npm where the package is still to be fetched; returns whether anything was missing."""
    version = _version()
    if 0 < version < rp2040.OLDEST_NODE:
        raise Refused(f"node {version} is older than {rp2040.OLDEST_NODE}: install a newer one from https://nodejs.org")
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if resources.rp2040js():
        missing = [name for name in missing if name != "npm"]
    if not missing:
        return False
    if not debian.has_apt():
        raise debian.other_systems(
            " and ".join(missing), fedora="nodejs nodejs-npm", arch="nodejs npm", macos="brew install node"
        )
    debian.refresh()
    debian.install([PROGRAMS[name] for name in missing], "node")
    return True


def ensure_package() -> bool:
    """Has npm put rp2040js into a folder of the cache, its bytes as locked; returns whether it was missing."""
    if resources.rp2040js():
        return False
    say("fetching the npm package rp2040js (1 MB)")
    home = resources.rp2040js_home()
    with store.in_one_step(home) as fresh:
        for name in _FILES:
            shutil.copyfile(rp2040.HARNESS / name, fresh / name)
        result = run(*_FETCH, cwd=fresh)
        if not result.ok:
            command = f"npm install --ignore-scripts --prefix {home} {resources.RP2040JS}"
            raise Refused(f"npm could not fetch {resources.RP2040JS}: {result.reason}", commands=[command])
    return True


def _version() -> int:
    """Returns the major version of node, or 0 where there is none."""
    found = re.match(r"v(\d+)\.", run("node", "--version").stdout)
    return int(found[1]) if found else 0
