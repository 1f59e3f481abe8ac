"""Crates around generated modules, built with cargo as a user would."""

from __future__ import annotations

import fcntl
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ariel_build import boards
from ariel_build.boards import Board
from ariel_build.config.options import ModelOptions
from ariel_build.driver import Compiled, compile_model
from ariel_build.machine import resources
from ariel_build.run import toolchain
from tools.recorded import ROOT

__all__ = ["build", "compiled", "one_at_a_time", "target_folder", "write_crate"]

_MANIFEST = """\
[package]
name = "generated"
version = "0.0.0"
edition = "{edition}"

[workspace]

[dependencies]
ariel-ml-rs = {{ path = "{runtime}" }}

[profile.release]
opt-level = {level}
lto = "fat"
codegen-units = 1
panic = "abort"
"""


def compiled(path: Path, module: str = "model", board: Board | None = None) -> Compiled:
    """Returns the compiled model of a file, for any target where no board is given."""
    return compile_model(path, ModelOptions(path, cores=1), board or boards.load("generic"), module)


class Generated(Protocol):
    """The files of one model."""

    @property
    def module(self) -> str:
        """Name of the module."""

    @property
    def module_text(self) -> str:
        """Its source."""

    @property
    def weights(self) -> bytes:
        """The blob beside it."""


def write_crate(
    folder: Path, source: str, modules: Iterable[Generated], *, edition: str = "2024", level: str = "3"
) -> None:
    """Writes a crate with the modules in it: `source` is main.rs or lib.rs, whichever it can be.

    `include!("models.rs")` brings them in; `each_model!(m)` of `each_model.rs` calls `m!` with their names.
    """
    src = folder / "src"
    src.mkdir(parents=True, exist_ok=True)
    names = []
    for module in modules:
        names.append(module.module)
        (src / f"{module.module}.rs").write_text(module.module_text, encoding="utf-8")
        (src / f"{module.module}.weights").write_bytes(module.weights)
    (src / "models.rs").write_text("".join(f'include!("{name}.rs");\n' for name in names), encoding="utf-8")
    each = f"macro_rules! each_model {{ ($then:ident) => {{ $then! {{ {' '.join(names)} }} }}; }}\n"
    (src / "each_model.rs").write_text(each, encoding="utf-8")
    (src / ("main.rs" if re.search(r"no_main|fn main", source) else "lib.rs")).write_text(source, encoding="utf-8")
    runtime = resources.path("ariel-ml-rs").as_posix()
    shown = level if level.isdigit() else f'"{level}"'
    (folder / "Cargo.toml").write_text(_MANIFEST.format(edition=edition, runtime=runtime, level=shown))


def target_folder(shared: str) -> Path:
    """Returns cargo's target folder of that name, which stays for the next run."""
    return ROOT / "target" / "tests" / shared


@contextmanager
def one_at_a_time(shared: str) -> Iterator[Path]:
    """Returns the target folder, which no other worker of the tests has meanwhile."""
    folder = target_folder(shared)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def build(
    folder: Path, *words: str, target: str = "host", shared: str, rustflags: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Runs cargo in the crate with a toolchain for `target`; `shared` names the target folder."""
    environment: dict[str, str] = toolchain.find(target).environment() | {
        "CARGO_TARGET_DIR": str(target_folder(shared)),
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(rustflags),
        # Each crate is built once, and nobody looks into it with a debugger.
        "CARGO_INCREMENTAL": "0",
        "CARGO_PROFILE_DEV_DEBUG": "false",
    }
    triple = [] if target == "host" else ["--target", target]
    if target == "host":
        # To optimise the standard library with each crate is most of the time of a build.
        environment |= {"CARGO_PROFILE_RELEASE_LTO": "off"}
    return subprocess.run(
        ["cargo", *words, *triple], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
