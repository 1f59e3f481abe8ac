"""`python -m tools.code_sizes [--only ROOM]`: builds the runtime crate's kernels for each target and level.

Writes `ariel_build/codegen/code_sizes.json`. With a room, such as `isa::scalar::`, only its kernels are built, in a
fraction of the time; what they share with others counts twice then, so that the numbers are still bounds.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

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


def build(target: str, level: str, room: str) -> Program:
    """Returns the runtime crate with all its kernels, or a room's, compiled for a target at an optimisation level."""
    root = resources.path("ariel-ml-rs").parent
    crate = root / "target" / "sizes"
    folder = crate / f"{target}-{level}"
    crate.mkdir(parents=True, exist_ok=True)
    (crate / "Cargo.toml").write_text(MANIFEST.format(root=root.as_posix()))
    shutil.copyfile(root / "Cargo.lock", crate / "Cargo.lock")
    there = tuple(f"isa::{room}::" for room in ("scalar", *ROOMS.get(target, ())))
    chosen = ((k, path) for k, path in paths().items() if path.startswith(room))
    there = (*there, f"isa::{ONLY[target]}::") if target in ONLY else there
    called = (k for k, path in chosen if not path.startswith("isa::") or path.startswith(there))
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


def measure(target: str, room: str) -> Table:
    """Returns what a room's kernels take on a target: bytes of their own, bytes that several share, and stack."""
    sizes: dict[str, int] = {}
    users: dict[str, set[str]] = defaultdict(set)
    extra: dict[str, int] = {}
    stack: dict[str, int] = {}
    for level in LEVELS:
        program = build(target, level, room)
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


def merged(before: Table, found: Table) -> Table:
    """Returns the table with the kernels that were found, which share nothing with the others."""
    names, kernels = cast("list[str]", before["kernels"]), cast("list[str]", found["kernels"])
    own, stack = (dict(zip(names, before[name], strict=True)) for name in ("own", "stack"))
    own |= dict(zip(kernels, found["own"], strict=True))
    stack |= dict(zip(kernels, found["stack"], strict=True))
    left = [
        (size, [names[user] for user in users if names[user] not in kernels])
        for size, users in cast("list[tuple[int, list[int]]]", before["shared"])
    ]
    left += [
        (size, [kernels[user] for user in users])
        for size, users in cast("list[tuple[int, list[int]]]", found["shared"])
    ]
    every = sorted(own)
    return {
        "kernels": every,
        "own": [own[kernel] for kernel in every],
        "stack": [stack[kernel] for kernel in every],
        "shared": [[size, sorted(map(every.index, users))] for size, users in left if users],
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
    parser = argparse.ArgumentParser(prog="python -m tools.code_sizes", description=__doc__)
    parser.add_argument("--only", default="", metavar="ROOM", help="only this room's kernels, such as `isa::scalar::`")
    asked = parser.parse_args().only
    found: dict[str, Table] = json.loads(FILE.read_text(encoding="utf-8")) if asked else {}
    for target in (*TARGETS, *ONLY):
        room = f"isa::{ONLY[target]}::" if target in ONLY else ""
        if not asked.startswith(room) and asked:
            continue
        print(f"{target}: opt-level {', '.join(LEVELS)}", flush=True)
        table = measure(target, asked or room)
        found[target] = merged(found[target], table) if asked else table
    FILE.write_text(_json(found), encoding="utf-8")
    print(f"{FILE.relative_to(Path.cwd()) if FILE.is_relative_to(Path.cwd()) else FILE}")
    return 0


if __name__ == "__main__":
    os.environ.pop("RUSTFLAGS", None)
    sys.exit(main())
