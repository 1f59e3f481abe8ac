"""What is published, made once for all tests: wheel, sdist, crates, and virtual environments with the package.

Nothing here reads the checkout but `python -m build` and `cargo package`: what is installed is used in another folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ariel_build.machine import resources
from ariel_build.run import toolchain
from tests.package.metadata import oldest

__all__ = ["CRATES", "Distributions", "Installed"]

CRATES = ("ariel-ml-build", "ariel-ml-macros", "ariel-ml-rs")


def call(
    command: Sequence[str | Path], cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end; what it said is shown where it fails."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Returns a function that fills a folder of that name once, however many processes pytest has."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base

    def fill(name: str, make: Callable[[Path], object]) -> Path:
        folder = shared / f"package-{name}"
        with (shared / f"package-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = folder / ".made"
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                made.touch()
        return folder

    return fill


@dataclass(frozen=True)
class Distributions:
    """The files that the package index would get."""

    wheel: Path
    sdist: Path


@pytest.fixture(scope="session")
def distributions(root: Path, once: Once) -> Distributions:
    """Returns the sdist, and the wheel that is built from it."""
    folder = once(
        "distributions",
        lambda folder: call([sys.executable, "-m", "build", "--no-isolation", "-o", str(folder)], root),
    )
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Distributions(wheel, sdist)


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the package, and a folder to work in."""

    name: str
    venv: Path
    folder: Path
    cache: Path

    @property
    def packages(self) -> Path:
        """Where the modules are."""
        (found,) = self.venv.glob("lib/python*/site-packages")
        return found

    def env(self, target: str = "host") -> dict[str, str]:
        """Returns a user's environment: of ours, only PATH and where the emulators are."""
        ours = ("ARIEL_", "PYTHON", "PYTEST", "VIRTUAL_ENV")
        inherited = toolchain.find(target).environment()
        env = {name: value for name, value in inherited.items() if not name.startswith(ours)}
        # Not the environment of these tests, in which the package is the checkout.
        path = [place for place in env["PATH"].split(os.pathsep) if not place.startswith(sys.prefix)]
        env |= {"PATH": os.pathsep.join([str(self.venv / "bin"), *path]), "XDG_CACHE_HOME": str(self.cache)}
        emulator = resources.emulator("qemu-system-arm")
        return env | ({"ARIEL_QEMU": str(emulator.parent)} if emulator else {})

    def run(self, *command: str | Path) -> str:
        """Returns what a command printed that has to end well."""
        return call(command, self.folder, self.env()).stdout

    def ariel(self, *words: str | Path) -> str:
        """Returns what `python -m ariel_build` printed."""
        return self.run(self.venv / "bin" / "python", "-m", "ariel_build", *words)


@pytest.fixture(scope="session", params=["newest", "oldest"])
def installed(
    request: pytest.FixtureRequest,
    distributions: Distributions,
    once: Once,
    root: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Installed:
    """Returns the wheel beside the newest dependencies that it allows, and the sdist beside the oldest."""
    name: str = request.param
    if name == "oldest" and sys.version_info >= (3, 13):
        pytest.skip("the oldest NumPy that is allowed has no wheel for this Python: 3.11 and 3.12 test it")

    def install(folder: Path) -> None:
        venv.create(folder / "venv", with_pip=False)
        pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", folder / "venv" / "bin" / "python", "install"]
        what: list[str | Path] = [distributions.wheel] if name == "newest" else [distributions.sdist, *oldest(root)]
        call([*pip, "--quiet", "--no-compile", "--disable-pip-version-check", *what], folder)

    made = once(f"installed-{name}", install)
    # The two are one compiler: firmware that one has built does for the other.
    cache = once("cache", lambda folder: folder)
    return Installed(name, made / "venv", tmp_path_factory.mktemp("work"), cache)


@dataclass(frozen=True)
class Crates:
    """The crates as the registry would give them, unpacked, and what cargo said when it made them."""

    folder: Path
    said: str

    def crate(self, name: str) -> Path:
        """Returns the folder of a crate."""
        (found,) = self.folder.glob(f"{name}-[0-9]*")
        return found


@pytest.fixture(scope="session")
def crates(root: Path, once: Once) -> Crates:
    """Returns what `cargo package --workspace` makes and checks."""

    def package(folder: Path) -> None:
        # A tree that is worked in is packaged as it is.
        command: list[str | Path] = [
            "cargo",
            "package",
            "--workspace",
            "--allow-dirty",
            "--color=never",
            "--target-dir",
            folder / "target",
        ]
        done = call(command, root, toolchain.find("host").environment())
        (folder / "said").write_text(done.stderr)
        for archive in (folder / "target" / "package").glob("*.crate"):
            # Not `tarfile`: what it extracts needs a filter from Python 3.12 on, which Debian's 3.11 does not know.
            (folder / "crates").mkdir(exist_ok=True)
            call(["tar", "-xzf", archive, "-C", folder / "crates"], root)

    made = once("crates", package)
    return Crates(made / "crates", (made / "said").read_text())
