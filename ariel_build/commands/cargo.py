"""`cargo`: what build.rs calls."""

from __future__ import annotations

import argparse

__all__ = ["add", "main"]


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.set_defaults(main=main)


def main(_: argparse.Namespace) -> int:
    """Compiles, printing cargo's directives."""
    from ariel_build import cargo

    return cargo.main()
