"""The command line: parses, calls one command, and turns errors into messages and exit codes."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
import traceback
from collections.abc import Sequence

from ariel_build import __version__
from ariel_build.commands import COMMANDS
from ariel_build.errors import ArielError, InternalError, SetupError
from ariel_build.machine.garbage import collect_seldom

__all__ = ["main"]

DONE, DEFECT, INTERRUPTED = 0, 70, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns 0 done, 1 the answer is no, 2 the user's input is at fault, 70 our defect."""
    collect_seldom()
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["ariel"]:
        # `cargo ariel inspect ..` calls `cargo-ariel ariel inspect ..`.
        words = words[1:]
    parser = argparse.ArgumentParser(prog="ariel-build", description="Compiles neural networks into no_std Rust.")
    parser.add_argument("--version", action="version", version=f"ariel-build {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    # The only words before the command are options without a value.
    chosen = next((word for word in words if not word.startswith("-")), "")
    for name, text in COMMANDS.items():
        declared = subparsers.add_parser(name, help=text, description=text)
        if name == chosen:
            importlib.import_module(f"ariel_build.commands.{name}").add(declared)
    arguments = parser.parse_args(words)
    try:
        code: int = arguments.main(arguments)
    except ArielError as error:
        print(error.render(), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone, as `| head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        if (said := _of_the_system(error)) is None:
            _report_defect(error)
            return DEFECT
        print(said.render(), file=sys.stderr)
        return said.exit_code
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets a message and not a traceback
        _report_defect(error)
        return DEFECT
    return code


def _of_the_system(error: OSError) -> ArielError | None:
    """Returns what the user's machine, and no file of ours, refuses; None for all else."""
    if isinstance(error, FileNotFoundError) and error.filename is None:
        return SetupError("the folder that this was called in is gone", help="change into one that exists")
    if error.errno in (errno.ENAMETOOLONG, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ELOOP):
        where = "" if error.filename is None else f": {str(error.filename)[:100]}"
        return SetupError(f"the system refuses: {error.strerror}{where}", help="choose another name or place")
    return None


def _report_defect(error: Exception) -> None:
    """Prints what we need in order to mend a defect of ours; the traceback only where it was asked for."""
    what = str(error) if isinstance(error, InternalError) else f"{type(error).__name__}: {error}"
    print(f"error: this is a defect of ariel_build {__version__}: {what}", file=sys.stderr)
    print("  help: report it, with the model if you can; ARIEL_LOG=debug shows where it happened", file=sys.stderr)
    if os.environ.get("ARIEL_LOG") == "debug":
        traceback.print_exception(error)
