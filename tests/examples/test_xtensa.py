"""Code for the ESP32-S3 is type-checked for Xtensa: what can be had without Espressif's toolchain.

Constants are evaluated with it (each kernel checks itself against the arena), and inline assembly would be refused.
What runs there is `nox -s xtensa`'s: the LLVM of the official toolchains makes no right objects for Xtensa.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ariel_build.machine import process
from tests.examples import support
from tools.xtensa import build


@pytest.mark.rust_sources
def test_two_cores_of_the_esp32_s3_type_check(tmp_path: Path) -> None:
    target, env = build.write_target(tmp_path), build.environment()
    env |= {"ARIEL_PYTHON": sys.executable, "PYTHONPATH": str(support.ROOT)}
    env |= {"CARGO_TARGET_DIR": str(support.TARGET)}
    checked = process.run(
        ["cargo", "check", "--locked", "-Zbuild-std=core", "-Zjson-target-spec", "--target", target],
        timeout=600,
        cwd=Path(__file__).parent / "xtensa",
        env=env,
    )
    if "data-layout for target" in checked.stderr:
        pytest.skip("the LLVM of this toolchain lays data out in another way for Xtensa")
    if "unknown `-Z` flag" in checked.stderr:
        pytest.skip("this toolchain has other flags for custom targets")
    assert checked.status == 0, checked.stderr
    # The code is for the board, whose two cores it uses, and not the portable code of another target.
    assert "portable code" not in checked.stderr


def test_literals_stand_in_the_section_of_their_function() -> None:
    text = """\
\t.literal_position
\t.literal .LCPI0_0, 3328
\t.section\t.rodata.table,"a",@progbits
\t.word 1
\t.section\t.text.one,"ax",@progbits
one:
\tl32r a2, .LCPI0_0
"""
    lines = [line.split() for line in build.literals_in_place(text)]
    assert [words[0] for words in lines] == [
        ".section",
        ".word",
        ".section",
        ".literal_position",
        ".literal",
        "one:",
        "l32r",
    ]
