"""Calls cargo for crates of ours: what the machine lacks is told as such, anything else is a defect of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ariel_build.errors import InternalError, SetupError
from ariel_build.machine import process
from ariel_build.run.toolchain import Toolchain

__all__ = ["Unbuilt", "build"]

_SECONDS = 1800.0
#: What cargo says when it needs a crate that is not on this machine.
_NO_CRATES = (
    "failed to download",
    "failed to get",
    "failed to query",
    "unable to update",
    "attempting to make an http",
)
_NO_LINKER = "linker `"


class Unbuilt(InternalError):
    """The crate does not build, for a reason that cargo told on standard error: the context's `stderr`."""


def build(
    chosen: Toolchain, crate: Path, target_dir: Path, options: Sequence[str], env: Mapping[str, str], what: str
) -> None:
    """Runs `cargo build --release`; raises SetupError where a tool or a crate is missing, else Unbuilt."""
    environment = {
        **chosen.environment(),
        **env,
        "CARGO_TARGET_DIR": str(target_dir),
        "CARGO_TERM_COLOR": "never",
    }
    command = ["cargo", "build", "--release", "--quiet", *options]
    done = process.run(command, cwd=crate, env=environment, timeout=_SECONDS)
    if not done.status:
        return
    said = done.stderr.lower()
    if _NO_LINKER in said and "not found" in said:
        raise SetupError(
            "Rust has no linker here:\n" + done.last_lines(6),
            help="`nox -s setup` in a checkout installs it, or Debian's package gcc",
        )
    if any(words in said for words in _NO_CRATES):
        raise SetupError(
            "cargo cannot get a crate that the runtime needs:\n" + done.last_lines(),
            help="run the command once with a connection to crates.io; after that it works offline",
        )
    raise Unbuilt(f"{what} does not build:\n{done.last_lines(40)}", {"stderr": done.stderr})
