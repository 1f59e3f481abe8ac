"""The crates as `cargo package` makes them: ready for the registry, and firmware builds against them.

The compiler is the installed package, which build.rs finds as a user's does: in `.venv`, or `VIRTUAL_ENV`.
"""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import pytest
import tomlkit

from ariel_build import __version__
from tests.examples.support import EXAMPLES
from tests.package.conftest import CRATES, Crates, Installed, call
from tools.recorded import DIGITS


def test_cargo_packages_them_without_a_warning(crates: Crates) -> None:
    assert "warning" not in crates.said
    assert crates.said.count("Verifying ") == len(CRATES)


@pytest.mark.parametrize("name", CRATES)
def test_they_have_what_the_registry_shows(crates: Crates, name: str, root: Path) -> None:
    crate = crates.crate(name)
    package = tomllib.loads((crate / "Cargo.toml").read_text())["package"]
    assert package["version"] == __version__
    assert package["license"] == "MIT OR Apache-2.0"
    for licence in ("LICENSE-MIT", "LICENSE-APACHE"):
        assert not (crate / licence).is_symlink()
        assert (crate / licence).read_bytes() == (root / licence).read_bytes()
    assert (crate / package["readme"]).read_text().startswith(f"# {name}\n")
    assert package["description"]
    assert package["repository"].startswith("https://")
    # The registry's rules, which cargo does not check before it uploads.
    assert 0 < len(package["keywords"]) <= 5
    assert all(len(keyword) <= 20 for keyword in package["keywords"])
    assert 0 < len(package["categories"]) <= 5


def test_the_documentation_shows_every_feature(crates: Crates) -> None:
    manifest = tomllib.loads((crates.crate("ariel-ml-rs") / "Cargo.toml").read_text())
    assert manifest["package"]["metadata"]["docs"]["rs"]["all-features"] is True


def example(name: str, crates: Crates, installed: Installed) -> Path:
    """Returns a copy of an example in the user's folder, as it will be once the crates are published."""
    copy = installed.folder / name
    shutil.copytree(EXAMPLES / name, copy, ignore=shutil.ignore_patterns("target"))
    shutil.copytree(DIGITS.parent, installed.folder / DIGITS.parent.relative_to(EXAMPLES), dirs_exist_ok=True)
    manifest = tomlkit.parse((copy / "Cargo.toml").read_text())
    for table in ("dependencies", "build-dependencies"):
        for dependency in manifest[table].values():
            if isinstance(dependency, dict) and dependency.pop("path", None):
                dependency["version"] = __version__
    manifest["patch"] = {"crates-io": {name: {"path": str(crates.crate(name))} for name in CRATES}}
    (copy / "Cargo.toml").write_text(tomlkit.dumps(manifest))
    return copy


def right(text: str) -> str:
    """Returns the line that an example has to print among others."""
    recorded = json.loads(DIGITS.with_suffix(".json").read_text())
    line = f"{recorded['int8_correct']} of {recorded['images']} right"
    assert line in text.splitlines(), text
    return line


def test_a_program_of_the_host_builds_against_them(crates: Crates, installed: Installed) -> None:
    copy = example("digits-threads", crates, installed)
    env = installed.env() | {"VIRTUAL_ENV": str(installed.venv), "CARGO_TARGET_DIR": str(crates.folder / "host")}
    right(call(["cargo", "run", "--locked"], copy, env).stdout)


@pytest.mark.emulator("qemu-system-arm")
@pytest.mark.target("thumbv7em-none-eabihf")
def test_firmware_builds_against_them(crates: Crates, installed: Installed) -> None:
    copy = example("digits-bare-loop", crates, installed)
    (copy / ".venv").symlink_to(installed.venv)
    env = installed.env("thumbv7em-none-eabihf") | {"CARGO_TARGET_DIR": str(crates.folder / "firmware")}
    # Behind: the emulator may lie in /usr/bin, beside a Rust that is not rustup's.
    env["PATH"] = f"{env['PATH']}:{env.get('ARIEL_QEMU', '')}"
    right(call(["cargo", "run", "--locked"], copy, env).stdout)
