"""Programs for QEMU's Xtensa, from a compiler whose own objects for it are wrong.

Espressif's Rust has the whole back end. Everybody else's makes right assembly of Rust without `asm!`, in the call0
ABI; its objects misplace literals. So each crate is compiled to assembly, Debian's binutils for the ESP8266 (the same
instruction set) assemble and link it, and `start.S` adds the few lines that Rust cannot say.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ariel_build.errors import InternalError
from ariel_build.machine import process, resources
from ariel_build.run import toolchain
from tools.recorded import ROOT
from tools.setup import rust

__all__ = ["build", "environment", "literals_in_place", "run", "write_target"]

TARGET = "xtensa-esp32s3-none-elf"
EMULATOR = "qemu-system-xtensa"
#: What the names of the assembler and the linker begin with.
PREFIX = "xtensa-lx106-elf-"
#: What LLVM says of its Xtensa; rustc's own target is for Espressif's LLVM.
DATA_LAYOUT = "e-m:e-p:32:32-i8:8:32-i16:16:32-i64:64-n32"
_HERE = Path(__file__).parent
_SECONDS = 1800.0


def environment() -> dict[str, str]:
    """Returns the variables with which cargo compiles for Xtensa: a Rust that has the sources of `core`."""
    name, *_ = rust.toolchains_with_sources()
    return {**toolchain.Toolchain(name, "").environment(), "RUSTC_BOOTSTRAP": "1"}


def write_target(folder: Path) -> Path:
    """Writes the target as LLVM has it, without register windows; returns the file."""
    command = ["rustc", "-Zunstable-options", "--print", "target-spec-json", "--target", TARGET]
    printed = process.run(command, env=environment(), timeout=120)
    if printed.status:
        raise InternalError(f"rustc has no {TARGET}: {printed.last_lines()}")
    own = {"cpu": "generic", "data-layout": DATA_LAYOUT, "features": "-windowed", "linker": shutil.which("true")}
    target = folder / f"{TARGET}.json"
    target.write_text(json.dumps(json.loads(printed.stdout) | own))
    return target


def build(crate: Path, name: str) -> Path:
    """Returns the ELF file of the crate, a binary of that name that begins at `program`."""
    folder = ROOT / "target" / "xtensa"
    folder.mkdir(parents=True, exist_ok=True)
    own = {"RUSTFLAGS": "--emit=asm", "CARGO_TARGET_DIR": str(folder)}
    options = ["-Zbuild-std=core", "-Zbuild-std-features=compiler-builtins-mem", "-Zjson-target-spec"]
    command = ["cargo", "build", "--release", "--quiet", *options, "--target", str(write_target(folder))]
    made = process.run(command, cwd=crate, env=environment() | own, timeout=_SECONDS)
    if made.status:
        raise InternalError(f"no assembly for Xtensa: {made.stderr[-2000:]}")
    (crate / "start.s").write_text((_HERE / "start.S").read_text())
    for part in (name, "compiler_builtins"):
        found = (folder / TARGET / "release" / "deps").glob(f"{part}-*.s")
        text = max(found, key=lambda file: file.stat().st_mtime).read_text()
        (crate / f"{part}.s").write_text("\n".join(literals_in_place(text)) + "\n")
    objects = [_assembled(crate / f"{part}.s") for part in ("start", name, "compiler_builtins")]
    elf = crate / f"{name}.elf"
    _tool("ld", "--gc-sections", "--no-warn-rwx-segments", "-T", _HERE / "link.x", "-o", elf, *objects)
    return elf


def run(elf: Path) -> bytes:
    """Returns what the program writes."""
    emulator = resources.emulator(EMULATOR)
    if emulator is None:
        raise InternalError(f"no {EMULATOR}")
    options = ["-M", "sim", "-cpu", "dc232b", "-semihosting", "-nographic", "-monitor", "none"]
    done = subprocess.run([emulator, *options, "-kernel", elf], capture_output=True, timeout=_SECONDS, check=False)
    if done.returncode:
        raise InternalError(f"{elf.name} ended with {done.returncode}: {done.stderr[-2000:].decode(errors='replace')}")
    return done.stdout


def literals_in_place(text: str) -> Iterator[str]:
    """Yields the lines with each function's literals in its own section: LLVM writes them before it says which.

    `l32r` reaches 256 KB back, so literals lie before the function that loads them.
    """
    waiting: list[str] = []
    for line in text.splitlines():
        words = line.split(maxsplit=1)
        if words and words[0] in (".literal_position", ".literal"):
            waiting.append(line)
            continue
        yield line
        if waiting and words and words[0] == ".section" and '"ax"' in line:
            yield from waiting
            waiting = []
    if waiting:
        raise InternalError(f"literals of no function: {waiting[:3]}")


def _assembled(source: Path) -> Path:
    made = source.with_suffix(".o")
    _tool("as", "--text-section-literals", "--longcalls", "-o", made, source)
    return made


def _tool(name: str, *words: str | Path) -> None:
    done = process.run([f"{PREFIX}{name}", *words], timeout=_SECONDS)
    if done.status:
        raise InternalError(f"{PREFIX}{name}: {done.stderr[-2000:]}")
