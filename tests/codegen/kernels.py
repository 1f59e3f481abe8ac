"""The kernels of the runtime crate, as its documentation lists them."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ariel_build.machine import resources
from ariel_build.run import toolchain
from tools.recorded.crate import one_at_a_time

__all__ = ["all_kernels"]


@functools.cache
def all_kernels(target: str) -> tuple[str, ...]:
    """Returns the paths of all types under `kernels` that have a `run`, such as `conv2d::Quantized<DoubleRounding>`."""
    with one_at_a_time(f"kernels-{target}") as folder:
        pages = folder / target / "doc" / "ariel_ml_rs" / "kernels"
        # Pages of kernels that are no more would stay, and cargo writes none again while it finds its own notes.
        shutil.rmtree(folder / target, ignore_errors=True)
        ended = subprocess.run(
            ["cargo", "doc", "--quiet", "--no-deps", "--lib", "--target", target, "--target-dir", str(folder)],
            cwd=resources.path("ariel-ml-rs"),
            env=toolchain.find(target).environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        found = set(_kernels(pages))
    assert found
    return tuple(sorted(found))


def _kernels(pages: Path) -> Iterator[str]:
    """Yields the kernels that have a page."""
    for page in pages.rglob("struct.*.html"):
        text, name = page.read_text(), page.stem.removeprefix("struct.")
        if 'id="method.run"' not in text:
            continue
        rooms = page.relative_to(pages).parts[:-1]
        # Where a room is a folder, its kernels are re-exported from there.
        path = "::".join([*rooms[: 2 if rooms[0] == "isa" else 1], name])
        # Parameters of one letter stand for any type: what is the same for all has no `run`.
        found = re.findall(rf'id="impl-{name}%3C(\w\w+(?:,\+\w\w+)*)%3E"', text)
        yield from {f"{path}<{parameters.replace('+', ' ')}>" for parameters in found} or {path}
