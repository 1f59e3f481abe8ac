"""The emulated RP2040: rp2040js with a second core, which `harness/rp2040` adds. node runs it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from ariel_build.errors import SetupError
from ariel_build.machine import process, resources
from ariel_build.run.emulators.base import Emulator, Job, register

__all__ = ["HARNESS", "OLDEST_NODE", "RP2040JS_VARIABLE", "Rp2040", "command", "environment"]

HARNESS = resources.path("harness/rp2040")
#: The first version of node that rp2040js supports: Debian 12 has it.
OLDEST_NODE = 18
#: The variable that tells `harness/rp2040` where the package is.
RP2040JS_VARIABLE = "ARIEL_RP2040JS"


@register
class Rp2040(Emulator):
    """The chip in JavaScript; it counts, asked or not."""

    names = ("rp2040js",)
    pace = "instruction by instruction: a minute for a large model"
    notes_stores = True

    def command(self, job: Job) -> list[str | Path]:
        """Returns node with the harness and its words."""
        watch = [] if job.timeline is None else ["--timeline", f"{job.timeline[0]}:{job.timeline[1]}"]
        return [*command(), "--cores", str(job.cores), "--counts", "counts.json", *watch, job.elf]

    def environment(self) -> Mapping[str, str]:
        """Returns where the package is."""
        return environment()


def command() -> list[str | Path]:
    """Returns the command that `[options] ELF` is put behind, having made sure that it can run here."""
    node = shutil.which("node")
    if node is None:
        raise SetupError(
            "the board rp2040-sim runs on rp2040js: there is no `node`",
            help="`nox -s setup -- rp2040` in a checkout installs it, or "
            "`sudo apt-get install --no-install-recommends nodejs npm`",
        )
    asked = process.run([node, "--version"], timeout=60)
    found = re.match(r"v(\d+)\.", asked.stdout)
    if not found or int(found[1]) < OLDEST_NODE:
        raise SetupError(
            f"node {OLDEST_NODE} or later is needed; this is `{asked.stdout.strip() or asked.last_lines(1)}`",
            help="Debian 12, Ubuntu 24.04 and later have it, or see https://nodejs.org",
        )
    _package()
    return [node, HARNESS / "main.mjs"]


def environment() -> dict[str, str]:
    """Returns the variables that the command needs."""
    return {RP2040JS_VARIABLE: str(_package())}


def _package() -> Path:
    """Returns the folder of the package rp2040js."""
    found = resources.rp2040js()
    if found is None:
        raise SetupError(
            f"the npm package {resources.RP2040JS}, which emulates the RP2040, is not here",
            help="`nox -s setup -- rp2040` in a checkout fetches it, or "
            f"`npm install --ignore-scripts --prefix {resources.rp2040js_home()} {resources.RP2040JS}`",
        )
    return found
