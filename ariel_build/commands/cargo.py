"""`cargo`: what build.rs calls."""

from __future__ import annotations

import argparse

from ariel_build.commands.common import Subparsers

__all__ = ["add", "main"]


def add(subparsers: Subparsers) -> None:
    """Declares the command."""
    text = "compile the models of a crate into OUT_DIR; called by build.rs through ariel-ml-build"
    subparsers.add_parser("cargo", help=text, description=text).set_defaults(main=main)


def main(_: argparse.Namespace) -> int:
    """Compiles, printing cargo's directives."""
    from ariel_build import cargo

    return cargo.main()
