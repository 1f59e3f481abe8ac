"""Armv7E-M: Cortex-M4 and M7, with the DSP extension."""

from ariel_build.isa.armv7e_m.kernels import KERNELS
from ariel_build.isa.armv7e_m.small import shrink

__all__ = ["KERNELS", "shrink"]
