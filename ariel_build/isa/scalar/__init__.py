"""Cores with a 32-bit multiplication and no SIMD: RISC-V with M, Cortex-M0+ and M3, Xtensa."""

from ariel_build.isa.scalar.kernels import KERNELS, RISCV, THUMB2

__all__ = ["KERNELS", "RISCV", "THUMB2"]
