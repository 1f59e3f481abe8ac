"""Generated modules with numbers changed by hand: which of them rustc refuses, and what the others touch.

Many edited modules are one crate: rustc tells for each what it thinks of it, so that a second is enough for dozens.
Those that it accepts run in a process whose memory AddressSanitizer watches, with the checks of debug builds on.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ariel_build.driver import Compiled
from ariel_build.run import toolchain
from tools.recorded.crate import one_at_a_time, write_crate

__all__ = ["SANITIZED", "Edit", "Plain", "edited", "edits", "refusals", "run", "sample", "sanitizer"]

#: The one host target for which every stable toolchain has the sanitizer's runtime.
SANITIZED = "x86_64-unknown-linux-gnu"
#: A whole number that stands alone: no part of a name, a float or a string.
_NUMBER = re.compile(r'(?<![\w."])\d[\d_]*(?![\w."])')
#: What a number is not changed in: documentation, what the numbers of a model's own meaning stand in, and how often a
#: loop runs, for more often is right, and takes for ever.
_SKIPPED = re.compile(
    r"^\s*(//|use |\(for |const _: \(\) = ariel_ml_rs::model::check_version|pub const |scale )|include_bytes!"
)
#: The greatest numbers of their types, and what is around them.
_LIMITS = (0, 1, 255, 32_767, 65_535, 2_147_483_647, 4_294_967_295)


@dataclass(frozen=True)
class Edit:
    """One number of a module: where it stands, what it was, what it is now."""

    line: int
    start: int
    before: int
    after: int

    def apply(self, text: str) -> str:
        """Returns the module with the other number."""
        lines = text.split("\n")
        line = lines[self.line]
        found = _NUMBER.match(line, self.start)
        end = found.end() if found else self.start
        lines[self.line] = f"{line[: self.start]}{self.after}{line[end:]}"
        return "\n".join(lines)

    def describe(self, text: str) -> str:
        """Returns the line with the other number."""
        return (
            f"line {self.line + 1}, {self.before} -> {self.after}: {self.apply(text).splitlines()[self.line].strip()}"
        )


@dataclass(frozen=True)
class Plain:
    """A module as a file."""

    module: str
    module_text: str
    weights: bytes


def edits(text: str) -> list[Edit]:
    """Returns every number of a module with several others in its place."""
    found = []
    for index, line in enumerate(text.split("\n")):
        if _SKIPPED.search(line):
            continue
        for match in _NUMBER.finditer(line):
            before = int(match[0].replace("_", ""))
            others = {before + 1, before - 1, before + 16, before - 16, 2 * before, 40 * before, before // 2, *_LIMITS}
            found += [Edit(index, match.start(), before, o) for o in sorted(others) if o >= 0 and o != before]
    return found


def sample(text: str, count: int, seed: int) -> list[Edit]:
    """Returns `count` of the edits, all of them where there are no more."""
    all_edits = edits(text)
    return all_edits if len(all_edits) <= count else random.Random(seed).sample(all_edits, count)  # noqa: S311


def refusals(folder: Path, modules: Sequence[Plain], features: Sequence[str] = ()) -> dict[str, str]:
    """Returns what rustc says of each module that it refuses, by the module's name.

    What does not even have the right types keeps rustc from looking at the rest: so it is asked again without those.
    """
    refused: dict[str, str] = {}
    left = list(modules)
    while left:
        told = dict(_told(_cargo(folder, "#![no_std]\n", left, ["check"], features)))
        if not told:
            break
        refused |= told
        left = [module for module in left if module.module not in told]
    return refused


def _told(output: subprocess.CompletedProcess[str]) -> Iterator[tuple[str, str]]:
    told = False
    for line in output.stdout.splitlines():
        message = json.loads(line).get("message") if line.startswith("{") else None
        if isinstance(message, Mapping) and message.get("level") == "error":
            rendered = str(message["rendered"])
            for name in re.findall(r"src/(\w+)\.rs:", rendered):
                told = True
                yield name, rendered
    if output.returncode and not told:
        raise AssertionError(output.stdout + output.stderr)


#: Runs each module from the given one on, several times over several inputs.
_RUN = """\
include!("each_model.rs");
use ariel_ml_rs::model::Tiled;
use ariel_ml_rs::{Infer, Tensor};
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

fn fill<T: Tensor>(tensor: &mut T, pattern: u8) {
    for part in 0..T::PARTS {
        for (index, byte) in tensor.part_mut(part).iter_mut().enumerate() {
            *byte = match pattern {
                0 => 0,
                1 => 0x7f,
                2 => 0x80,
                _ => (index as u8).wrapping_mul(pattern) ^ pattern,
            };
        }
    }
}

fn sum<T: Tensor>(tensor: &T) -> u64 {
    (0..T::PARTS).flat_map(|part| tensor.part(part)).map(|byte| u64::from(*byte)).sum()
}

fn all<M: Tiled>(mut model: impl Infer<Input = M::Input, Output = M::Output>) -> u64 {
    let mut total = 0;
    for pattern in [0, 1, 2, 0x5d, 0xb3] {
        fill(model.input_mut(), pattern);
        total += model.run().map_or(0, sum);
    }
    fill(model.input_mut(), 0x5d);
    let mut run = pin!(model.run_async());
    loop {
        if let Poll::Ready(output) = run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return total + output.map_or(0, sum);
        }
    }
}

fn main() {
    let mut number = 0;
    let first: u32 = std::env::args().nth(1).map_or(0, |word| word.parse().unwrap());
    macro_rules! each {
        ($($name:ident)*) => { $({
            if number >= first {
                println!("{number} {}", stringify!($name));
                let model = Box::new($name::$name::Model::new());
                let model = Box::leak(model);
                core::hint::black_box(all::<$name::$name::Model>(Whole(model)));
                RUN_MORE
            }
            number += 1;
        })* };
    }
    each_model!(each);
    println!("{number} done");
}

/// A model behind a reference.
struct Whole<M: 'static>(&'static mut M);

impl<M: Infer> Infer for Whole<M> {
    type Input = M::Input;
    type Output = M::Output;

    fn input_mut(&mut self) -> &mut M::Input {
        self.0.input_mut()
    }

    fn run(&mut self) -> Result<&M::Output, ariel_ml_rs::Error> {
        self.0.run()
    }

    fn infer(&mut self, input: &M::Input) -> Result<&M::Output, ariel_ml_rs::Error> {
        self.0.infer(input)
    }

    async fn run_async(&mut self) -> Result<&M::Output, ariel_ml_rs::Error> {
        self.0.run_async().await
    }

    async fn infer_async(&mut self, input: &M::Input) -> Result<&M::Output, ariel_ml_rs::Error> {
        self.0.infer_async(input).await
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

#[allow(dead_code, unused, clippy::all)]
MODULES
"""


def sanitizer() -> bool:
    """Whether the active toolchain can build for AddressSanitizer."""
    root = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True).stdout.strip()
    return any(Path(root, "lib", "rustlib", SANITIZED, "lib").glob("librustc*_rt.asan.a"))


def run(folder: Path, modules: Sequence[Plain], *, more: str = "", features: Sequence[str] = ()) -> str:
    """Runs all modules under AddressSanitizer; returns what it says against one of them, or an empty string.

    `more` is what else is done with each module, in Rust; `$name::$name` is its path.
    """
    inner = "\n".join(f'mod {module.module} {{ include!("{module.module}.rs"); }}' for module in modules)
    source = _RUN.replace("RUN_MORE", more).replace("MODULES", inner)
    built = _cargo(folder, source, modules, ["build", "--target", SANITIZED], features, sanitized=True)
    assert built.returncode == 0, built.stderr + built.stdout[-4000:]
    program = next(
        Path(message["executable"])
        for line in built.stdout.splitlines()
        if line.startswith("{") and (message := json.loads(line)).get("executable")
    )
    # Memory that is leaked on purpose is no fault.
    ended = subprocess.run(
        [program],
        capture_output=True,
        text=True,
        check=False,
        errors="replace",
        timeout=300,
        env={"ASAN_OPTIONS": "detect_leaks=0"},
    )
    if ended.returncode == 0 and ended.stdout.strip().endswith("done"):
        return ""
    last = ended.stdout.strip().splitlines()[-1:] or [""]
    return f"{last[0]}: exit {ended.returncode}\n{ended.stderr[:3000]}"


def _cargo(
    folder: Path,
    source: str,
    modules: Iterable[Plain],
    words: Sequence[str],
    features: Sequence[str],
    *,
    sanitized: bool = False,
) -> subprocess.CompletedProcess[str]:
    modules = list(modules)
    if not sanitized:
        source += "#![allow(dead_code)]\n" + "".join(
            f'mod {m.module} {{ include!("{m.module}.rs"); }}\n' for m in modules
        )
    shared = "edits-asan" if sanitized else "edits"
    flags = "-Zsanitizer=address\x1f-Zunstable-options" if sanitized else ""
    with one_at_a_time(shared) as target:
        # In here: cargo takes what is older than another crate that was built in the same folder for built.
        write_crate(folder, source, modules)
        manifest = folder / "Cargo.toml"
        wanted = ", ".join(f'"{feature}"' for feature in features)
        text = manifest.read_text().replace('ariel-ml-rs" }', f'ariel-ml-rs", features = [{wanted}] }}')
        # Overflows wrap as in firmware; what the checks of debug builds see of pointers, they tell.
        text += (
            "\n[profile.dev]\nopt-level = 1\ndebug-assertions = true\noverflow-checks = false\nincremental = false\n"
        )
        text += 'debug = "line-tables-only"\n'
        manifest.write_text(text)
        environment = toolchain.find("host").environment() | {
            "CARGO_TARGET_DIR": str(target),
            "CARGO_ENCODED_RUSTFLAGS": flags,
            "RUSTC_BOOTSTRAP": "1" if sanitized else "0",
        }
        return subprocess.run(
            ["cargo", *words, "--message-format=json"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


def edited(compiled: Compiled, changes: Iterable[Edit]) -> list[tuple[Edit, Plain]]:
    """Returns a module for each edit, `m0` and on; the model's own module must be `model`."""
    made = []
    for number, edit in enumerate(changes):
        name = f"m{number}"
        text = edit.apply(compiled.module_text)
        text = text.replace("pub mod model {", f"pub mod {name} {{").replace('"model.weights"', f'"{name}.weights"')
        made.append((edit, Plain(name, text, compiled.weights)))
    return made
