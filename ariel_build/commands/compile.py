"""`compile MODEL -o DIR`: writes the Rust module and its weights."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ariel_build.commands.common import add_model, board_of, compiled, for_models, model_options
from ariel_build.errors import MetadataError
from ariel_build.machine.files import write_atomically

__all__ = ["add", "main"]


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_model(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the folder to write to")
    parser.set_defaults(main=for_models(main))


def main(arguments: argparse.Namespace) -> int:
    """Compiles and writes `<module>.rs` and `<module>.weights`."""
    folder: Path = arguments.output
    if folder.exists() and not folder.is_dir():
        raise MetadataError(f"`{folder}` is a file, not a folder", "-o")
    result = compiled(arguments, model_options(arguments), board_of(arguments))
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    source, weights = folder / f"{result.module}.rs", folder / f"{result.module}.weights"
    try:
        for path in (source, weights):
            if path.is_dir():
                raise MetadataError(
                    f"cannot write: `{path.name}` is a folder", str(folder), "give another folder to -o"
                )
        # The old weights go first: a module without them does not compile, one with the wrong ones would.
        weights.unlink(missing_ok=True)
        if result.weights:
            write_atomically(weights, result.weights)
        write_atomically(source, result.module_text.encode())
    except OSError as error:
        raise MetadataError(f"cannot write: {error.strerror}", str(folder)) from None
    print(
        f"{source}: {result.macs:,} MACs, {result.plan.arena_bytes:,} bytes of RAM, {len(result.weights):,} of weights",
        flush=True,
    )
    return 0
