"""Files of the runtime crate that know each other both ways: each circle is argued in one line, others fail."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.recorded import ROOT

SOURCES = ROOT / "ariel-ml-rs" / "src"
#: A module: the parts of its path.
Module = tuple[str, ...]

#: The files of each circle, and why it is one.
CIRCLES = {
    "tensor, tensor::show": "macros of the part name what they call by its public path, that of the whole",
    "sync::park, sync::park::*": "a folder's face and its parts: it chooses one of them, and they implement its trait",
    "pool::seat, pool::shared": "a seat is a place at the pool: the pool counts its seats, each works on the pool",
    "kernels::dot, kernels::multiply": "sums of products ask a factor for its form, and factors choose among the sums",
    "kernels::isa::scalar::plane, kernels::isa::scalar::riscv::plane": "one loop, in Rust and in a naked function",
    "kernels::isa::scalar::arm_taps, kernels::isa::scalar::taps": "the same: sums along lines",
    "kernels::isa::scalar::conv2d, kernels::isa::scalar::patches": "patches are copies of what a convolution reads",
    "kernels::isa::packed::conv2d, kernels::isa::packed::patches": "the same, of the packed convolution",
    "kernels::isa::packed::average_pool2d, kernels::isa::packed::clamp, kernels::isa::packed::loops": (
        "the trait of all loops names the arguments of each, and who gives these calls it"
    ),
    "kernels::isa::mve::gemm, kernels::isa::mve::lines, kernels::isa::mve::rounding": (
        "a rounding has the instructions that loops end with, and chooses among the loops that are made with them"
    ),
    "flow, plan, stream": (
        "a flow decides about steps of the plan, whose blocks are checked against the flow; a step may stand for rows "
        "of the input that are given, whose work is a step's"
    ),
}


def modules() -> dict[Module, Path]:
    """Returns the files of the crate, tests left out, by their modules."""
    found = {}
    for path in SOURCES.rglob("*.rs"):
        parts = list(path.relative_to(SOURCES).with_suffix("").parts)
        if not {"tests", "loom"} & set(parts[:-1]) and parts[-1] != "tests":
            found[tuple(parts[:-1] if parts[-1] in ("mod", "lib") else parts)] = path
    return found


def paths(tree: str) -> Iterator[str]:
    """Yields the paths of a `use`, whose braces may be nested."""
    head, brace, rest = tree.strip().partition("{")
    if not brace:
        yield head.partition(" as ")[0]
        return
    depth, item = 0, ""
    for sign in f"{rest.rpartition('}')[0]},":
        if sign == "," and depth == 0:
            yield from (head.strip() + path for path in paths(item) if item.strip())
            item = ""
        else:
            depth += (sign == "{") - (sign == "}")
            item += sign


def known(module: Module, text: str, all_: Mapping[Module, Path]) -> Iterator[Module]:
    """Yields the modules that a file names, by `use` or by a path in its code."""
    code = re.sub(r"//.*", "", text)
    named = [path for tree in re.findall(r"\buse\s+((?:crate|super|self)::[^;]+);", code) for path in paths(tree)]
    named += re.findall(r"\bcrate(?:::\w+)+", code)
    for path in named:
        first, *rest = [part.strip() for part in path.split("::")]
        base = [] if first == "crate" else list(module[: -1 if first == "super" else None])
        while rest[:1] == ["super"]:
            base.pop()
            rest = rest[1:]
        full = (*base, *rest)
        yield next(full[:end] for end in range(len(full), -1, -1) if full[:end] in all_)


def circles(graph: Mapping[Module, set[Module]]) -> list[set[Module]]:
    """Returns the sets of modules of which each reaches all others."""
    reach = {}
    for start in graph:
        seen: set[Module] = set()
        waiting = [start]
        while waiting:
            new = graph[waiting.pop()] - seen
            seen |= new
            waiting += new
        reach[start] = seen
    found: list[set[Module]] = []
    for module in sorted(graph):
        circle = {other for other in reach[module] if module in reach[other]}
        if len(circle) > 1 and circle not in found:
            found.append(circle)
    return found


def called(circle: set[Module]) -> str:
    """Returns the files of a circle; those of a folder with its face are `folder, folder::*`."""
    face = min(circle)
    if len(circle) > 2 and all(module[: len(face)] == face for module in circle):
        return f"{'::'.join(face)}, {'::'.join(face)}::*"
    return ", ".join(sorted("::".join(module) for module in circle))


def test_every_circle_of_the_runtime_crate_is_argued() -> None:
    all_ = modules()
    graph = {
        module: set(known(module, path.read_text(encoding="utf-8"), all_)) - {module, ()}
        for module, path in all_.items()
        if module
    }
    assert len(graph) > 80
    assert sorted(map(called, circles(graph))) == sorted(CIRCLES)


def test_a_circle_is_seen() -> None:
    all_ = dict.fromkeys([("a",), ("b",), ("b", "c"), ("d",)], Path())
    text = {("a",): "use crate::b::{self, c::{X, Y as Z}};", ("b",): "fn f() {}", ("b", "c"): "use super::super::a::W;"}
    graph = {module: set(known(module, text.get(module, "// use crate::a;"), all_)) for module in all_}
    assert circles(graph) == [{("a",), ("b", "c")}]
