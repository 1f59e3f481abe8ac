"""Crates around generated modules, built with cargo as a user would."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ariel_build import boards, resources
from ariel_build.driver import Compiled, compile_model
from ariel_build.options import ModelOptions
from ariel_build.run import toolchain

__all__ = ["build", "compiled", "write_crate"]

PROFILE = """
[profile.release]
opt-level = {level}
lto = "fat"
codegen-units = 1
panic = "abort"
"""


def compiled(path: Path, module: str = "model") -> Compiled:
    """Returns the compiled model of a file."""
    return compile_model(path, ModelOptions(path), boards.load("generic"), module)


def write_crate(folder: Path, main: str, *, edition: str = "2024", level: str = "3", manifest: str = "") -> None:
    """Writes a crate that depends on the runtime crate of this checkout; `level` as TOML writes it."""
    runtime = resources.path("ariel-ml-rs").as_posix()
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src" / "main.rs").write_text(main)
    (folder / "Cargo.toml").write_text(
        f'[package]\nname = "generated"\nversion = "0.0.0"\nedition = "{edition}"\n\n[workspace]\n\n'
        f'[dependencies]\nariel-ml-rs = {{ path = "{runtime}" }}\n{manifest}{PROFILE.format(level=level)}'
    )


def build(folder: Path, *words: str, target: str = "host", target_dir: Path) -> subprocess.CompletedProcess[str]:
    """Runs cargo in the crate with a toolchain for `target`, and returns how it ended."""
    environment = toolchain.find(target).environment() | {"CARGO_TARGET_DIR": str(target_dir)}
    if "RUSTFLAGS" in os.environ:
        environment["RUSTFLAGS"] = os.environ["RUSTFLAGS"]
    triple = [] if target == "host" else ["--target", target]
    return subprocess.run(
        ["cargo", *words, *triple], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
