"""Which Rust toolchain builds: the active one if it has the target, else `ARIEL_TOOLCHAIN`, else `embedded`."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from ariel_build.errors import SetupError
from ariel_build.machine import process
from ariel_build.records import dataclass

__all__ = ["MINIMUM", "Toolchain", "find"]

#: The oldest Rust that has what the runtime needs (naked functions).
MINIMUM = (1, 88)

#: Variables that would change what is built, so that figures differ from one shell to the next. `CARGO_HOME` and the
#: proxies' settings stay.
_UNWANTED = re.compile(
    r"RUSTFLAGS|RUSTDOCFLAGS|RUSTC|RUSTC_WRAPPER|RUSTC_WORKSPACE_WRAPPER|CARGO_ENCODED_RUSTFLAGS|CARGO_INCREMENTAL"
    r"|CARGO_(BUILD|PROFILE|TARGET|UNSTABLE)_.*|CARGO_TARGET_DIR|CARGO_(PKG|CFG|FEATURE|MANIFEST)_.*|OUT_DIR|TARGET|HOST"
)


@dataclass(frozen=True)
class Toolchain:
    """A Rust toolchain: the name by which rustup knows it (None: the active one), and the version line of its rustc."""

    name: str | None
    version: str

    def environment(self) -> dict[str, str]:
        """Returns the variables under which `cargo` and `rustc` are this toolchain's, free of outside settings."""
        return _environment(self.name)


def find(target: str) -> Toolchain:
    """Returns a toolchain that can build for `target` (a triple, or `host`)."""
    if shutil.which("cargo") is None or shutil.which("rustc") is None:
        raise SetupError(
            "there is no Rust here: `cargo` and `rustc` are not on PATH",
            help="install it from https://rustup.rs, or with the system's packages `rustc` and `cargo` (1.88 or later)",
        )
    tried: list[str] = []
    for name in _candidates():
        reason, version = _examine(name, target)
        if not reason:
            return Toolchain(name, version)
        tried.append(f"{name or 'the active toolchain'} ({reason})")
    wanted = "this computer" if target == "host" else target
    add = "" if target == "host" else f"`rustup target add {target}`; where rustup cannot download, "
    raise SetupError(
        f"no Rust toolchain here can build for {wanted}: tried " + ", ".join(tried),
        help=f"{add}`nox -s setup` in a checkout sets one up; `ARIEL_TOOLCHAIN` names another to use",
    )


def _candidates() -> list[str | None]:
    """Returns the toolchains to try, in order."""
    named = os.environ.get("ARIEL_TOOLCHAIN")
    return list(dict.fromkeys([None, *([named] if named else []), "embedded"]))


def _environment(name: str | None) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not _UNWANTED.fullmatch(key)}
    return kept if name is None else {**kept, "RUSTUP_TOOLCHAIN": name}


def _examine(name: str | None, target: str) -> tuple[str, str]:
    """Returns why a toolchain cannot build for the target (empty where it can), and its version line."""
    env = _environment(name)
    asked = process.run(["rustc", "--version"], env=env, timeout=120)
    found = re.search(r"rustc (\d+)\.(\d+)\.", asked.stdout)
    if asked.status or not found:
        return "not installed", ""
    version = asked.stdout.strip()
    if (int(found[1]), int(found[2])) < MINIMUM:
        return f"{found[1]}.{found[2]} is older than {MINIMUM[0]}.{MINIMUM[1]}", version
    if target == "host":
        return "", version
    library = process.run(["rustc", "--print", "target-libdir", "--target", target], env=env, timeout=120)
    if library.status or not any(Path(library.stdout.strip()).glob("libcore-*.rlib")):
        return "it lacks this target", version
    return "", version
