"""Helium (MVE) of Arm's M profile: Cortex-M55 and M85."""

from ariel_build.isa.mve.kernels import kernels

__all__ = ["kernels"]
