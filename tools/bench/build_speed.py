"""What a model adds to a build: CPU time of cargo and all that it starts (build.rs, Python, rustc), user and system.

CPU time, since the machine may have other work; on an idle one it bounds the time by the clock from above. Python's
bytecode is there before, as where pip installed the package.
"""

from __future__ import annotations

import os
import resource
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ariel_build import boards, driver
from ariel_build.config.options import ModelOptions
from ariel_build.machine import process, resources
from ariel_build.project import crates
from ariel_build.project.manifest import inline
from ariel_build.run import toolchain
from tools.bench.models import Model

__all__ = ["Speed", "measure", "table"]

_BOARD = "stm32h7"
_MANIFEST = """\
[package]
name = "firmware"
version = "0.0.0"
edition = "2024"

[workspace]

[lib]
crate-type = ["staticlib"]

[profile.release]
panic = "abort"
"""
_OURS = """
[dependencies]
ariel-ml-rs = {runtime}

[build-dependencies]
ariel-ml-build = {{ path = "{root}/ariel-ml-build" }}

[package.metadata.ariel]
model = "model{suffix}"
board = "{board}"
"""
_BUILD = "fn main() {\n    ariel_ml_build::compile();\n}\n"
_EMPTY = """\
#![no_std]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
"""
_CALL = """
ariel_ml_rs::include_models!();

#[unsafe(no_mangle)]
pub extern "C" fn infer(model: &mut model::Model, input: &model::Input) -> u8 {
    model.infer(input).map_or(0, |output| ariel_ml_rs::Tensor::part(output, 0)[0])
}
"""


@dataclass(frozen=True)
class Speed:
    """CPU seconds of builds of one firmware: an empty one, with the model, again, and behind a change of main.rs."""

    empty: float
    clean: float
    again: float
    touched: float

    @property
    def added(self) -> float:
        """Seconds that the model adds to a clean build."""
        return self.clean - self.empty


def measure(model: Model, folder: Path, python: str) -> Speed:
    """Builds a firmware crate without the model and with it; `python` is the interpreter that build.rs uses."""
    board = boards.load(_BOARD)
    root = resources.path("ariel-ml-rs").parent
    chosen = toolchain.find(board.target)
    env = {**chosen.environment(), "ARIEL_PYTHON": python, "PYTHONPATH": str(root)}
    env["CARGO_TARGET_DIR"] = str(folder / "target")
    env["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [python, "-m", "ariel_build", "compile", str(model.recorded.path), "-o", str(folder / "before")]
    done = process.run([*command, "--board", _BOARD], env=env, timeout=600)
    assert done.status == 0, done.stderr

    def build() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = process.run(
            ["cargo", "build", "--release", "--quiet", "--target", board.target], cwd=crate, env=env, timeout=600
        )
        assert done.status == 0, done.stderr
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    crate = folder / "crate"
    (crate / "src").mkdir(parents=True)
    source, suffix = crate / "src" / "lib.rs", model.recorded.path.suffix
    (crate / "Cargo.toml").write_text(_MANIFEST)
    source.write_text(_EMPTY)
    empty = build()
    # As `init` writes it: with the features that the model needs.
    options = ModelOptions(path=model.recorded.path)
    features = driver.compile_model(options.path, options, board, "model").features
    runtime = inline(crates.runtime(crate, sorted(features)))
    shutil.rmtree(folder / "target")
    (crate / "Cargo.toml").write_text(_MANIFEST + _OURS.format(runtime=runtime, root=root, suffix=suffix, board=_BOARD))
    (crate / "build.rs").write_text(_BUILD)
    shutil.copyfile(model.recorded.path, crate / f"model{suffix}")
    source.write_text(_EMPTY + _CALL)
    clean = build()
    again = build()
    # Cargo compares times to the second on some file systems.
    os.utime(source, (time.time() + 2, time.time() + 2))
    return Speed(empty, clean, again, build())


def table(model: Model, folder: Path, python: str, say: Callable[[str], None]) -> None:
    """Prints what the model adds to a build."""
    speed = measure(model, folder, python)
    say(f"{model.name} in firmware for {_BOARD}, CPU seconds of cargo and all that it starts:")
    say(f"  a clean release build without the model  {speed.empty:6.2f}")
    say(f"  with it: build.rs, Python, rustc         {speed.clean:6.2f}   adds {speed.added:.2f}")
    say(f"  again, nothing changed                   {speed.again:6.2f}")
    say(f"  again, another main.rs                   {speed.touched:6.2f}")
