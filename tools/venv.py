"""Makes `.venv` with nox in it, on a machine that has nothing but Python; a no-op where that is done.

    python3 tools/venv.py && .venv/bin/nox -s demo

Debian's own Python refuses `pip install` outside a virtual environment, and comes without the module that makes one:
as root this installs it, otherwise it says what to run. With pipx, `pipx run nox -s demo` is all that is needed.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST_PYTHON = (3, 11)


def say(text: str) -> None:
    """Prints a line about what is being done, at once."""
    print(f"set-up: {text}", flush=True)


def refuse(text: str) -> int:
    """Prints what the user has to do, and returns the exit code for it."""
    print(f"error: {text}", file=sys.stderr, flush=True)
    return 2


def runs(*command: str | Path) -> bool:
    """Returns whether the program is there and works (a virtual environment breaks when its Python goes away)."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def install_venv_module() -> bool:
    """Installs what Debian splits off from Python; returns False where the user has to do that."""
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    if shutil.which("apt-get") is None:
        refuse("this Python lacks `ensurepip`: install your distribution's package for `venv`, then run this again")
        return False
    if os.geteuid() != 0:
        refuse(
            f"this Python lacks `ensurepip`. Run this, then the same command again:\n"
            f"  sudo apt-get update && sudo apt-get install {package}\n"
            f"or, with pipx: pipx run nox -s demo"
        )
        return False
    say(f"installing {package}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", "--no-remove", package]
    for command in (install, ["apt-get", "update", "-qq"], install):  # the first fails where no lists are there yet
        result = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
        if result.returncode == 0 and command is install:
            importlib.invalidate_caches()
            return True
    refuse(f"apt-get could not install {package}:\n{result.stderr.strip()}")
    return False


def main() -> int:
    """Makes the environment where it is missing or broken; returns the exit code."""
    if sys.version_info < OLDEST_PYTHON:
        wanted, found = (".".join(map(str, v[:2])) for v in (OLDEST_PYTHON, sys.version_info))
        return refuse(f"Python {wanted} or newer is needed and this is {found}: run `python{wanted} tools/venv.py`")
    python, nox = VENV / "bin" / "python", VENV / "bin" / "nox"
    if runs(nox, "--version"):
        return 0
    if importlib.util.find_spec("ensurepip") is None and not install_venv_module():
        return 2
    if not runs(python, "-m", "pip", "--version"):
        say("making .venv")
        if subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=False).returncode != 0:
            return refuse(f"`{sys.executable} -m venv .venv` failed, see above")
    say("installing nox into .venv")
    if subprocess.run([python, "-m", "pip", "install", "-q", "nox>=2024.4.15"], check=False).returncode != 0:
        return refuse("pip could not install nox, see above")
    return 0


if __name__ == "__main__":
    sys.exit(main())
