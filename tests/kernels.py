"""Kernels that the runtime crate has not, for tests that make calls by hand."""

from __future__ import annotations

from typing import ClassVar

from ariel_build.kernels import Kernel, Scratch

__all__ = ["Plain", "Scratched", "Twice", "plain"]


class Plain(Kernel):
    """No fields."""

    PATHS: ClassVar = {(): "test::Plain"}


class Scratched(Kernel):
    """Scratch."""

    PATHS: ClassVar = {(): "test::Scratched"}
    scratch: Scratch


class Twice(Kernel):
    """Two regions of scratch with something between them."""

    PATHS: ClassVar = {(): "test::Twice"}
    first: Scratch
    size: int
    second: Scratch


def plain(scratch: int) -> Kernel:
    """Returns a kernel with so many bytes of scratch."""
    return Scratched(scratch=Scratch(scratch)) if scratch else Plain()
