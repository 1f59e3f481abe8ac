"""The kernels of the runtime crate, as its documentation lists them."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess

from ariel_build import resources
from ariel_build.run import toolchain
from tests.conftest import ROOT

__all__ = ["all_kernels"]


@functools.cache
def all_kernels() -> tuple[str, ...]:
    """Returns the paths of all types under `kernels` that have a `run`, such as `conv2d::Int8<DoubleRounding>`."""
    target = ROOT / "target" / "tests" / "kernels"
    shutil.rmtree(target / "doc", ignore_errors=True)
    ended = subprocess.run(
        ["cargo", "doc", "--quiet", "--no-deps", "--lib", "--target-dir", str(target)],
        cwd=resources.path("ariel-ml-rs"),
        env=toolchain.find("host").environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found: set[str] = set()
    for page in (target / "doc" / "ariel_ml_rs" / "kernels").glob("*/struct.*.html"):
        text, name = page.read_text(), page.stem.removeprefix("struct.")
        if 'id="method.run"' in text:
            path = f"{page.parent.name}::{name}"
            roundings = set(re.findall(rf'id="impl-{name}%3C(\w\w+)%3E"', text))
            found |= {f"{path}<{rounding}>" for rounding in roundings} or {path}
    return tuple(sorted(found))
