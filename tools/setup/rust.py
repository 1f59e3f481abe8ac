"""The Rust side of the machine: compiler, linker, components, bare-metal targets."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from tools.setup import debian, distribution_rust
from tools.setup.probe import compiles
from tools.setup.process import Refused, run, say

__all__ = [
    "OLDEST",
    "ensure_compiler",
    "ensure_components",
    "ensure_linker",
    "ensure_sources",
    "ensure_targets",
    "missing_targets",
    "toolchains",
    "toolchains_with_sources",
]

OLDEST = (1, 88, 0)
_DOWNLOAD_SECONDS = 120


def toolchains() -> list[str | None]:
    """Returns the toolchains that may build firmware, in the order in which they are tried; None is the active one."""
    return [None, *filter(None, [os.environ.get("ARIEL_TOOLCHAIN")]), distribution_rust.TOOLCHAIN]


def missing_targets(targets: Iterable[str]) -> list[str]:
    """Returns the targets that no toolchain compiles for."""
    return [target for target in targets if not any(compiles(target, toolchain=name) for name in toolchains())]


def ensure_compiler() -> bool:
    """Refuses where Rust is missing or older than `OLDEST`; returns False, as there is nothing to install."""
    version = run("rustc", "--version")
    found = re.search(r"rustc (\d+)\.(\d+)\.(\d+)", version.stdout)
    if found is None:
        if Path.home().joinpath(".cargo", "env").exists() and shutil.which("rustc") is None:
            raise Refused("Rust is installed but not on PATH", commands=['. "$HOME/.cargo/env"'])
        if shutil.which("rustup"):
            raise Refused(f"rustup has no toolchain: {version.reason}", commands=["rustup default stable"])
        raise Refused("Rust is missing: install it from https://rustup.rs")
    if tuple(map(int, found.groups())) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise Refused(f"{found[0]} is older than {oldest}", commands=["rustup update stable"])
    return False


def ensure_linker() -> bool:
    """Installs the C compiler that rustc links host programs with (build scripts, procedural macros)."""
    if shutil.which("cc"):
        return False
    if not debian.has_apt():
        raise debian.other_systems("the linker `cc`", fedora="gcc", arch="gcc", macos="xcode-select --install")
    debian.refresh()
    debian.install(["gcc", "libc6-dev"], "a linker")
    return True


def ensure_components(components: Sequence[str]) -> bool:
    """Installs rustup's components (`clippy`, `rustfmt`) where the active toolchain lacks them."""
    missing = [name for name in components if not run(_COMMANDS[name], "--version").ok]
    if not missing:
        return False
    say(f"asking rustup for {', '.join(missing)}")
    result = run("rustup", "component", "add", *missing, timeout=_DOWNLOAD_SECONDS)
    if not result.ok:
        message = f"rustup could not install {', '.join(missing)}: {result.reason}"
        raise Refused(message, commands=[f"rustup component add {' '.join(missing)}"])
    return True


_COMMANDS = {"clippy": "cargo-clippy", "rustfmt": "rustfmt"}


def toolchains_with_sources() -> list[str | None]:
    """Returns the toolchains that have the sources of `core`, from which cargo builds it for targets without any."""
    found = []
    for name in toolchains():
        sysroot = run("rustc", "--print", "sysroot", env={"RUSTUP_TOOLCHAIN": name} if name else None)
        if sysroot.ok and Path(sysroot.stdout.strip(), "lib/rustlib/src/rust/library/core").is_dir():
            found.append(name)
    return found


def ensure_sources() -> bool:
    """Installs the sources of `core`: rustup's, or where it cannot download the distribution's."""
    if toolchains_with_sources():
        return False
    say("asking rustup for rust-src")
    added = run("rustup", "component", "add", "rust-src", timeout=_DOWNLOAD_SECONDS)
    if not added.ok or not toolchains_with_sources():
        say(f"rustup cannot: {added.reason}")
        distribution_rust.build(())
    if not toolchains_with_sources():
        raise Refused("there are no sources of Rust's core", commands=["rustup component add rust-src"])
    return True


def ensure_targets(targets: Sequence[str]) -> bool:
    """Makes the targets available: by rustup, or where it cannot download from the distribution's Rust sources."""
    missing = missing_targets(targets)
    if not missing:
        return False
    refused = "it has them, and yet they do not compile"
    for position, target in enumerate(missing):
        say(f"asking rustup for {target} ({position + 1} of {len(missing)})")
        result = run("rustup", "target", "add", target, timeout=_DOWNLOAD_SECONDS)
        if not result.ok:
            refused = result.reason
            break
    missing = missing_targets(missing)
    if not missing:
        return True
    say(f"rustup cannot: {refused}")
    try:
        distribution_rust.build(missing)
    except Refused as refusal:
        retry = f"rustup cannot download {', '.join(missing)} ({refused})"
        raise Refused.all_of([Refused(retry), refusal]) from refusal
    left = missing_targets(missing)
    if left:
        raise Refused(f"the toolchain `{distribution_rust.TOOLCHAIN}` does not compile for {', '.join(left)}")
    return True
