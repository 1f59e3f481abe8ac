"""Asks a Rust compiler whether it can build for a target."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tools.setup.process import run

__all__ = ["compiles"]


def compiles(target: str, *, rustc: str | Path = "rustc", toolchain: str | None = None) -> bool:
    """Returns whether the compiler builds for the target, by trying: a `core` of another version is as bad as none."""
    env = {"RUSTUP_TOOLCHAIN": toolchain} if toolchain else None
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.rs")
        source.write_text("#![no_std]\nextern crate alloc;\n")
        output = Path(folder, "probe.rmeta")
        command = (rustc, "--crate-type=rlib", "--emit=metadata", "--target", target, "-o", output, source)
        return run(*command, env=env).ok
