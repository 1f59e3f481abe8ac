"""`python -m tests.codegen.who_panics TARGET LEVEL`: who calls the panic that `test_no_panic` found.

Links the same firmware with a handler that calls nothing, and reads its calls with llvm-objdump (`apt install llvm`).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.codegen.kernels import all_kernels
from tests.codegen.test_no_panic import BARE, link, real_models
from tools.recorded.crate import target_folder

_FUNCTION = re.compile(r"^[0-9a-f]+ <(.*)>:$")
_CALL = re.compile(r"\t(?:b\S*|call|tail|jal\S*|j)\s.*<(.+?)(?:\+0x[0-9a-f]+)?>")


def callers(elf: Path) -> Mapping[str, set[str]]:
    """Returns for each function those that call it."""
    words = ["llvm-objdump", "--disassemble", "--demangle", "--no-show-raw-insn", str(elf)]
    found: dict[str, set[str]] = defaultdict(set)
    current = ""
    for line in subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines():
        if start := _FUNCTION.match(line):
            current = start[1]
        elif (call := _CALL.search(line)) and call[1] != current:
            found[call[1]].add(current)
    return found


def tree(function: str, called_by: Mapping[str, set[str]], depth: int = 0) -> Iterator[str]:
    """Yields the callers of a function, and theirs, indented."""
    yield "  " * depth + function
    if depth < 8:
        for caller in sorted(called_by.get(function, ())):
            yield from tree(caller, called_by, depth + 1)


def main(target: str, level: str) -> None:
    """Prints the tree of callers."""
    defined = BARE.replace("unsafe { a_panic_can_be_reached() }", "loop {}")
    with tempfile.TemporaryDirectory() as folder:
        models = real_models(target, Path(folder))
        sys.stdout.write(link(Path(folder), defined, models, target, level, all_kernels(target)))
    called_by = callers(target_folder(f"bare-{target}-{level}") / target / "release" / "generated")
    for function in list(called_by):
        if "rust_begin_unwind" in function:
            sys.stdout.writelines(f"{line}\n" for line in tree(function, called_by))


if __name__ == "__main__":
    main(*sys.argv[1:])
