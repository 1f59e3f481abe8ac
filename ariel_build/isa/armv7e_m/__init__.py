"""Arm's M profile from Thumb-2 on: Cortex-M3, M4, M7 and M33, with and without the DSP extension."""

from ariel_build.isa.armv7e_m.kernels import kernels, nearest_even
from ariel_build.isa.armv7e_m.small import shrink

__all__ = ["kernels", "nearest_even", "shrink"]
