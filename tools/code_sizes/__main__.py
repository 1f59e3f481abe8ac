"""Builds the runtime crate's kernels for each target and level, and writes `ariel_build/codegen/code_sizes.json`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from ariel_build.machine import resources
from ariel_build.run import toolchain
from tools.code_sizes.objects import Program, Section
from tools.kernels import in_rust, paths

TARGETS = ("thumbv6m-none-eabi", "thumbv7m-none-eabi", "thumbv7em-none-eabihf", "riscv32imac-unknown-none-elf")
#: Rooms of `kernels::isa` that targets have beside `scalar`.
ROOMS = {
    "thumbv7m-none-eabi": ("thumb2",),
    "thumbv7em-none-eabihf": ("thumb2", "unequal", "armv7e_m", "dsp_fpu", "vfpv4_sp"),
}
#: Targets of which only the kernels of a room are measured: all others are taken for those of a target before.
ONLY = {"thumbv8m.main-none-eabihf": "mve"}
LEVELS = ("3", "s", "z")
FILE = resources.path("ariel-ml-rs").parent / "ariel_build" / "codegen" / "code_sizes.json"
#: Stack of what the compiler notes nothing of, all of it together: core, compiler_builtins, naked functions.
UNKNOWN_DEPTH = 128
#: One target's part of the file: lists of names and of numbers.
Table = Mapping[str, Sequence[object]]


#: A crate that calls the kernels: those that are compiled where they are called, too.
MANIFEST = """\
[package]
name = "sizes"
version = "0.0.0"
edition = "2024"

[lib]
path = "lib.rs"

[dependencies]
ariel-ml-rs = {{ path = "{root}/ariel-ml-rs" }}

[workspace]
"""
SOURCE = """\
#![no_std]
use ariel_ml_rs::memory::Memory;
use ariel_ml_rs::tile::Tile;

fn keep<K>(run: unsafe fn(&K, Memory<'static>, Tile)) {{
    core::hint::black_box(run);
}}

pub fn all() {{
{calls}
}}
"""


def build(target: str, level: str) -> Program:
    """Returns the runtime crate with all its kernels, compiled for a target at an optimisation level."""
    root = resources.path("ariel-ml-rs").parent
    crate = root / "target" / "sizes"
    folder = crate / f"{target}-{level}"
    crate.mkdir(parents=True, exist_ok=True)
    (crate / "Cargo.toml").write_text(MANIFEST.format(root=root.as_posix()))
    shutil.copyfile(root / "Cargo.lock", crate / "Cargo.lock")
    there = tuple(f"isa::{room}::" for room in ("scalar", *ROOMS.get(target, ())))
    only = f"isa::{ONLY[target]}::" if target in ONLY else ""
    chosen = ((k, path) for k, path in paths().items() if path.startswith(only))
    called = (k for k, path in chosen if only or not path.startswith("isa::") or path.startswith(there))
    calls = (f"    keep(<{in_rust(kernel)}>::run);" for kernel in called)
    (crate / "lib.rs").write_text(SOURCE.format(calls="\n".join(calls)))
    environment = toolchain.find(target).environment() | {
        "CARGO_PROFILE_RELEASE_OPT_LEVEL": level,
        "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "1",
        "CARGO_PROFILE_RELEASE_PANIC": "abort",
        # The stable default for names is not the one of RUSTC_BOOTSTRAP, which the first flag needs.
        "CARGO_ENCODED_RUSTFLAGS": "-Zemit-stack-sizes\x1f-Zunstable-options\x1f-Csymbol-mangling-version=legacy",
        "RUSTC_BOOTSTRAP": "1",
    }
    words = ["cargo", "build", "--release", "--quiet", "--target", target, "--target-dir", str(folder)]
    subprocess.run(words, cwd=crate, env=environment, check=True)
    words = ["rustc", "--print", "target-libdir", "--target", target]
    told = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    deps, core = folder / target / "release" / "deps", Path(told.stdout.strip())
    ours = [*deps.glob("lib*.rlib")]
    return Program([*ours, *core.glob("libcore-*.rlib"), *core.glob("libcompiler_builtins-*.rlib")])


def kernels(program: Program) -> dict[str, str]:
    """Returns the symbol of `run` of each kernel, by the kernel's path."""
    found = {}
    for symbol in program.defined:
        words = _words(symbol)
        if words[:2] == ["ariel_ml_rs", "kernels"] and words[-1] == "run" and len(words) >= 5:
            room = words[2:4] if words[2] == "isa" else words[2:3]
            name, parameters = _type(words[-2])
            spelled = "::".join([*room, name]) + (f"<{', '.join(parameters)}>" if parameters else "")
            found[paths()[spelled]] = symbol
    return found


def _type(word: str) -> tuple[str, list[str]]:
    """Returns the name of a mangled type, and the last words of its parameters."""
    name, _, rest = word.removesuffix("$GT$").partition("$LT$")
    return name, [part.rpartition("..")[2] for part in rest.split("$C$")] if rest else []


def _words(symbol: str) -> list[str]:
    """Returns the path that a mangled name stands for, its hash left out."""
    words: list[str] = []
    rest = symbol.removeprefix("_ZN") if symbol.startswith("_ZN") else ""
    while match := re.match(r"\d+", rest):
        end = match.end() + int(match[0])
        words.append(rest[match.end() : end])
        rest = rest[end:]
    return words[:-1]


def measure(target: str) -> Table:
    """Returns what the kernels take on a target: bytes of their own, bytes that several share, and stack."""
    sizes: dict[str, int] = {}
    users: dict[str, set[str]] = defaultdict(set)
    extra: dict[str, int] = {}
    stack: dict[str, int] = {}
    for level in LEVELS:
        program = build(target, level)
        room = f"isa::{ONLY[target]}::" if target in ONLY else ""
        for kernel, symbol in ((k, symbol) for k, symbol in kernels(program).items() if k.startswith(room)):
            stack[kernel] = max(stack.get(kernel, 0), program.depth(symbol, UNKNOWN_DEPTH))
            closure = {_key(number, section): _padded(section) for number, section in program.closure(symbol)}
            if level == LEVELS[0]:
                for key, size in closure.items():
                    sizes[key] = size
                    users[key].add(kernel)
            else:
                first = sum(sizes[key] for key in sizes if kernel in users[key])
                extra[kernel] = max(extra.get(kernel, 0), sum(closure.values()) - first)
    own = {kernel: bytes_ for kernel, bytes_ in extra.items() if bytes_ > 0}
    shared: dict[tuple[str, ...], int] = defaultdict(int)
    for key, size in sizes.items():
        if len(users[key]) == 1:
            (kernel,) = users[key]
            own[kernel] = own.get(kernel, 0) + size
        else:
            shared[tuple(sorted(users[key]))] += size
    names = sorted(stack)
    return {
        "kernels": names,
        "own": [own.get(kernel, 0) for kernel in names],
        "stack": [stack[kernel] for kernel in names],
        "shared": [[size, [names.index(user) for user in users]] for users, size in sorted(shared.items())],
    }


def _json(found: Mapping[str, Table]) -> str:
    """Returns JSON with a line for each name and each list of numbers."""
    targets = []
    for target, table in found.items():
        rows = [f'  "{name}": {json.dumps(table[name])}' for name in ("own", "stack")]
        for name in ("kernels", "shared"):
            items = ",\n".join(f"   {json.dumps(item)}" for item in table[name])
            rows.append(f'  "{name}": [\n{items}\n  ]')
        targets.append(f' "{target}": {{\n' + ",\n".join(rows) + "\n }")
    return "{\n" + ",\n".join(targets) + "\n}\n"


def _key(number: int, section: Section) -> str:
    return f"{number}:{section.index}"


def _padded(section: Section) -> int:
    return (section.size + 3) // 4 * 4


def main() -> int:
    """Measures and writes."""
    found: dict[str, Table] = {}
    for target in (*TARGETS, *ONLY):
        print(f"{target}: opt-level {', '.join(LEVELS)}", flush=True)
        found[target] = measure(target)
    FILE.write_text(_json(found), encoding="utf-8")
    print(f"{FILE.relative_to(Path.cwd()) if FILE.is_relative_to(Path.cwd()) else FILE}")
    return 0


if __name__ == "__main__":
    os.environ.pop("RUSTFLAGS", None)
    sys.exit(main())
