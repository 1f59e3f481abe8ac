"""Unfit: what a maker of calls raises where its kernels cannot compute a call."""

__all__ = ["Unfit"]


class Unfit(Exception):
    """A kernel of this instruction set cannot compute the call."""
