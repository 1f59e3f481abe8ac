"""A generated module that somebody edits by hand is refused while compiling, or touches nothing outside its memory.

`ARIEL_ALL_EDITS=1` tries every number of every module with every other number, which takes an hour; without, a sample.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ariel_build.driver import Compiled
from tests.codegen import edits
from tests.codegen.edits import Plain
from tests.codegen.forms import FORMS, compiled_forms

ALL = bool(os.environ.get("ARIEL_ALL_EDITS"))
#: Edits of each module in a sample.
SAMPLE = 10**9 if ALL else 14
#: Edits of the longest module.
LEAST = 8
#: Lines of them all together, at most.
LINES = 10**9 if ALL else 6_000
#: How many of those that rustc accepts are compiled and run, which takes a second each: a few, or all.
RUN = [10**9] if ALL else [3, pytest.param(10**9, marks=pytest.mark.at_length, id="all")]


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Compiled]:
    """Returns the modules of every form."""
    return compiled_forms(tmp_path_factory.mktemp("models"))


FEATURES = ("multicore", "std")
#: A pool without helpers runs all units on one core.
UNITS = """
ariel_ml_rs::pool!(static POOL: 0 helpers, park = &ariel_ml_rs::sync::park::Threads);
core::hint::black_box(all::<$name::$name::Model>(ariel_ml_rs::wire!($name::$name, pool = POOL).unwrap()));
"""
BOUNDED = """
for size in [1, 4, 9] {
    let model = Box::leak(Box::new($name::$name::Model::new()));
    let _ = model.resize(&[size]);
    core::hint::black_box(all::<$name::$name::Model>(Whole(model)));
}
"""
SHARED = """
let arena = Box::leak(Box::new(ariel_ml_rs::SharedArena::<{ size_of::<$name::$name::Model>() }>::new()));
let mut shared = $name::$name::SharedModel::new();
for _ in 0..2 {
    core::hint::black_box(all::<$name::$name::Model>(shared.on(arena)));
}
"""


@pytest.mark.parametrize("most", RUN)
@pytest.mark.parametrize("form", FORMS)
def test_an_edited_module_is_refused_or_stays_inside(
    form: str, most: int, modules: Mapping[str, Compiled], tmp_path: Path
) -> None:
    if not edits.sanitizer():
        pytest.skip(f"the toolchain has no AddressSanitizer for {edits.SANITIZED}")
    compiled = modules[form]
    text = compiled.module_text
    count = max(min(SAMPLE, LINES // len(text.splitlines())), LEAST)
    pairs = edits.edited(compiled, edits.sample(text, count, seed=len(form)))
    refused = edits.refusals(tmp_path, [module for _, module in pairs], FEATURES)
    accepted = [(edit, module) for edit, module in pairs if module.module not in refused]
    assert len(refused) > len(pairs) // 5
    assert accepted, "some numbers are weights and zero points, which may be any"
    more = SHARED if form == "shared" else UNITS if "cores" in form else ""
    more += BOUNDED if "bounded" in form else ""
    accepted = accepted[:most]
    fault = edits.run(tmp_path, [module for _, module in accepted], more=more, features=FEATURES)
    number = re.search(r" (m\d+):", fault)
    blamed = next((edit.describe(text) for edit, m in accepted if number and m.module == number[1]), "")
    assert not fault, f"{blamed}\n{fault}"


def test_what_is_not_edited_is_accepted(modules: Mapping[str, Compiled], tmp_path: Path) -> None:
    plain = []
    for number, compiled in enumerate(modules.values()):
        text = compiled.module_text.replace("pub mod model {", f"pub mod m{number} {{")
        plain.append(Plain(f"m{number}", text.replace('"model.w', f'"m{number}.w'), compiled.weights))
    assert edits.refusals(tmp_path, plain, FEATURES) == {}
    if edits.sanitizer():
        assert edits.run(tmp_path, plain, features=FEATURES) == ""


Change = Callable[[re.Match[str]], str]


def _plus(group: int, by: int) -> Change:
    """Returns what adds to one number of a match."""

    def change(found: re.Match[str]) -> str:
        start, end = (edge - found.start() for edge in found.span(group))
        return f"{found[0][:start]}{int(found[group].replace('_', '')) + by}{found[0][end:]}"

    return change


#: For each field that a module says: a form that has it, where it stands, how it is changed, and what rustc answers.
FIELDS: Mapping[str, tuple[str, str, Change, str]] = {
    "arena": ("whole", r"arena (\d+), resets", _plus(1, -16), "outside the arena"),
    "arena above 2 GB": ("whole", r"arena (\d+), resets", _plus(1, 1 << 32), "smaller than 2 GB"),
    "input": ("whole", r"input Input = (\d+)", _plus(1, 1 << 20), "outside the arena"),
    "input aligned": ("whole", r"input Input = (\d+)", _plus(1, 8), "not aligned to 16"),
    "output": ("whole", r"output Output = (\d+)", _plus(1, 1 << 20), "outside the arena"),
    "elements of the input": ("whole", r"Input\(\[u8; (\d+)\]", _plus(1, 1 << 20), "outside the arena"),
    "extent": ("whole", r"0 => \w+, (\d+) by", _plus(1, 2560), "not the number of its kernel's units"),
    "smaller extent": ("whole", r"0 => \w+, (\d+) by", _plus(1, -1), "not the number of its kernel's units"),
    "tile of more than its step": ("whole", r"0 => \w+, \d+ by (\d+)", _plus(1, 1 << 16), "not more than its step"),
    "tile of none": ("whole", r"0 => \w+, \d+ by (\d+)", lambda m: m[0][: m.start(1) - m.start()] + "0", "has units"),
    "index": ("whole", r" (1) => \w+, ", _plus(1, 1), "counted from 0"),
    "granule": (
        "shared",
        r"(FULLY_CONNECTED_\d+, \d+ by )\d+",
        lambda m: f"{m[1]}1",
        "no multiple of its kernel's granule",
    ),
    "step of a piece": ("pieces", r"\((\d+), 0, \d+\), ", _plus(1, 1000), "no such step"),
    "start of a piece": ("pieces", r"pieces \[\s+\(0, (0), \d+\)", _plus(1, 1), "leave something out"),
    "end of a piece": ("pieces", r"pieces \[\s+\(0, 0, (\d+)\)", _plus(1, 1 << 20), "outside its step"),
    "empty piece": (
        "pieces",
        r"pieces \[\s+\(0, 0, (\d+)\)",
        lambda m: m[0][: m.start(1) - m.start()] + "0)",
        "without units",
    ),
    "stride of an operand": ("pieces", r"every (\d+)", _plus(1, 1 << 20), "outside the arena"),
    "time of a piece": ("pieces", r"(\d+) by 0\)", _plus(1, 200), "outside the arena"),
    "repeated pieces": ("pieces", r"\(0xffff, (\d+), \d+\)", _plus(1, 1000), "pieces that run again"),
    "place of a region": ("whole", r"Region::new\((\d+), \d+\)", _plus(1, 1 << 20), "outside the arena"),
    "size of a region": ("whole", r"Region::new\(\d+, (\d+)\)", _plus(1, -1), "too small"),
    "alignment of a region": ("pieces", r"Region::new\((\d+), \d+\)", _plus(1, -2), "misaligned"),
    "rows of an image": ("pieces", r"height: (\d+), width: \d+, channels", _plus(1, 1 << 20), "region"),
    "pixels that overlap": (
        "pieces",
        r"output: Image \{[^}]*?pixel: (\d+)",
        lambda m: m[0][: m.start(1) - m.start()] + "1",
        "overlap",
    ),
    "place of a constant": ("whole", r"WEIGHTS\.slice\((\d+), \d+\)", _plus(1, 1 << 20), "outside the weights"),
    "alignment of a constant": ("whole", r"WEIGHTS\.slice\((\d+), \d+\)", _plus(1, 4), "misaligned"),
    "length of a constant": ("whole", r"WEIGHTS\.slice\(\d+, (\d+)\)", _plus(1, 1 << 20), "outside the weights"),
    "shorter constant": ("whole", r"filter: WEIGHTS\.slice\(\d+, (\d+)\)", _plus(1, -1), "of the wrong length"),
    "size of the weights": ("whole", r"static WEIGHTS: (\d+)", _plus(1, 16), "mismatched types"),
    "scratch": ("pieces", r"scratch: Region::new\(\d+, (\d+)\)", _plus(1, -16), "too small"),
    # Where a formula of the compiler's and one of the kernel's no longer agree.
    "more scratch": (
        "pieces",
        r"scratch: Region::new\(\d+, (\d+)\)",
        _plus(1, 1),
        "scratch larger than the kernel needs",
    ),
    "scratch in what a tile writes": (
        "pieces",
        r"(static DEPTHWISE\w+: [^;]*?output: Image \{\s+region: Region::new\()(\d+)([^;]*?scratch: Region::new\()\d+",
        lambda m: f"{m[1]}{m[2]}{m[3]}{m[2]}",
        "overwrites scratch",
    ),
    "place of fast scratch": ("fast", r"Region::fast\((\d+), \d+\)", _plus(1, 1 << 20), "outside the fast memory"),
    "place behind 4 GB": ("fast", r"Region::fast\((\d+), \d+\)", _plus(1, (1 << 32) - 16), "misaligned"),
    "alignment of fast scratch": ("fast", r"Region::fast\((\d+), \d+\)", _plus(1, 2), "misaligned"),
    "addresses in fast scratch": (
        "fast",
        r"(static DEPTHWISE\w+: [^;]*?scratch: Region::)new",
        lambda m: f"{m[1]}fast",
        "scratch with addresses",
    ),
    "size of fast scratch": ("fast", r"Region::fast\(\d+, (\d+)\)", _plus(1, -16), "too small"),
    "an operand in fast memory": (
        "fast",
        r"input: Region::(new)",
        lambda _: "input: Region::fast",
        "outside the arena",
    ),
    "fast memory": ("fast", r"struct Scratch: (\d+)", _plus(1, -16), "outside the fast memory"),
    "no fast memory": ("fast", r", scratch Scratch;", lambda _: ";", "outside the fast memory"),
    "fast memory of all cores": ("fast on cores", r', "[^"]+"\];', lambda _: "];", "no scratch for every worker"),
    "window": ("whole", r"Window \{\s*height: (\d+)", _plus(1, 60_000), "of the wrong length"),
    "state": ("states", r"states \[\s+(\d+), \d+ =", _plus(1, 1 << 20), "outside the arena"),
    "states that overlap": (
        "states",
        r"(states \[\s+)(\d+)(, [^;]*;\s+)\d+",
        lambda m: f"{m[1]}{m[2]}{m[3]}{m[2]}",
        "states overlap",
    ),
    "copy": ("states of cores", r"keeps \[\s+(\d+) to", _plus(1, 1 << 20), "a copy outside the arena"),
    "bytes of a copy": (
        "states of cores",
        r"keeps \[\s+\d+ to \d+, (\d+);",
        _plus(1, 1 << 20),
        "a copy outside the arena",
    ),
    "state in place on several cores": (
        "states of cores",
        r"keeps \[[^\]]*\]",
        lambda _: "keeps []",
        "several cores write no state",
    ),
    "bytes of shared states": ("shared", r"shared! \{\s+bytes (\d+)", _plus(1, 16), "another size"),
    "place of a size": ("bounded", r"n 9 at (\d+);", _plus(1, 1 << 20), "outside the arena"),
    "a bound of none": ("bounded", r"n (9) at \d+;", _plus(1, -9), "a bound is 1 at least"),
    "a shorter step": ("bounded", r"shorter \[\s+(\d+) of", _plus(1, 100), "a shorter step that is not there"),
    "its dimension": ("bounded", r"shorter \[\s+\d+ of (\d+)", _plus(1, 1), "a dimension that is not there"),
    "workers": ("cores", r"workers (\d+), slots", _plus(1, 29), "no scratch for every worker"),
    "no workers": ("cores", r"workers (\d+), slots", lambda _: "workers 0, slots", "1 to 32 workers"),
    "step of a unit": ("cores", r"units \[[^\]]*?\(([1-9]\d*), ", _plus(1, 100), "not in the order of the pieces"),
    "time of a unit": (
        "cores",
        r"units \[[^\]]*?\(1, 0, ([1-9]\d*)\)",
        lambda m: f"{m[0][:-1]}, 1)",
        "not in the order of the pieces",
    ),
    "start of a unit": (
        "cores",
        r"units \[[^\]]*?\(1, ([1-9]\d*), \d+\)",
        _plus(1, -1),
        "overlap, or leave something out",
    ),
    "end of a unit": ("cores", r"units \[[^\]]*?\(1, 0, ([1-9]\d*)\)", _plus(1, 1), "overlap, or leave something out"),
    "unit outside its step": ("cores", r"units \[[^\]]*?\(0, 0, ([1-9]\d*)\)", _plus(1, 1 << 20), "outside its step"),
    "needs": ("cores", r"needs \[\s+0, (\d+)", _plus(1, 1), "not the number of predecessors"),
    "first": ("cores", r"first \[\s+0, (\d+)", _plus(1, 1 << 10), "`first` must not decrease"),
    "next": ("cores", r"next \[\s+(\d+)", lambda m: m[0][: m.start(1) - m.start()] + "0", "successors ascend"),
    "home": ("cores", r"homes \[[^\]]*?\b([0-2]),", _plus(1, 7), "no worker"),
    "counter": ("flow", r"\(for \d+ at (\d+)", _plus(1, 1 << 20), "outside the arena"),
    "counter aligned": ("flow", r"\(for \d+ at (\d+)", _plus(1, 1), "misaligned"),
    "times": ("flow", r"\(for (\d+) at", _plus(1, -3), "a loop runs once at least"),
    "step of a flow": ("flow", r"flow \[\s+(\d+)", _plus(1, 100), "a step that is not there"),
    "condition": ("flow", r"\(if (\d+) ", _plus(1, 1 << 20), "a condition outside the arena"),
    "condition above 4 GB": ("flow", r"\(if (\d+) ", _plus(1, 1 << 32), "out of range for"),
    "flow of pieces": ("flow", r"pieces \[\]", lambda _: "pieces [(0, 0, 1)]", "leave something out"),
    "block": ("flow of cores", r"blocks \[\s+\(\d+, \d+, 0\), \(\d+, \d+, (\d+)\)", _plus(1, 1), "its first unit"),
    "steps of a block": (
        "flow of cores",
        r"blocks \[\s+\(\d+, (\d+), 0\)",
        lambda m: m[0][: m.start(1) - m.start()] + "0, 0)",
        "a block begins with",
    ),
    "no blocks": ("flow of cores", r"blocks \[[^\]]*\];", lambda _: "", "blocks and a flow, or neither"),
    "blocks without a flow": (
        "flow of cores",
        r"flow \[.*?\n        \];",
        lambda _: "",
        "blocks and a flow, or neither",
    ),
    "one block too few": (
        "flow of cores",
        r"blocks \[\s+\(\d+, \d+, 0\), ",
        lambda _: "blocks [",
        "another number of blocks",
    ),
    "work of a gate": ("cores", r"\(0, 0, (0)\),\s+\];", _plus(1, 1), "a gate is without work"),
}


def test_every_field_is_checked(modules: Mapping[str, Compiled], tmp_path: Path) -> None:
    """One edit for each field; each is refused, by the check that is for it."""
    made, wanted = [], {}
    for number, (field, (form, pattern, change, says)) in enumerate(FIELDS.items()):
        text = modules[form].module_text
        edited, count = re.subn(pattern, change, text, count=1, flags=re.DOTALL)
        assert count == 1, f"{field}: nothing in {form} looks like {pattern}"
        assert edited != text, field
        name = f"f{number}"
        edited = edited.replace("pub mod model {", f"pub mod {name} {{").replace('"model.w', f'"{name}.w')
        made.append(Plain(name, edited, modules[form].weights))
        wanted[name] = (field, says)
    refused = edits.refusals(tmp_path, made, FEATURES)
    missed = {field for name, (field, _) in wanted.items() if name not in refused}
    assert not missed
    wrong = {field: refused[name] for name, (field, says) in wanted.items() if says not in refused[name]}
    assert not wrong, "\n".join(f"{field}: {told}" for field, told in wrong.items())
