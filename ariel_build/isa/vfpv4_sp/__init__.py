"""VFPv4 with single precision: the FPU of Cortex-M4F, M7 and M33."""

from ariel_build.isa.vfpv4_sp.kernels import KERNELS

__all__ = ["KERNELS", "TARGETS"]

#: The targets for which `ariel-ml-rs/build.rs` assembles the kernels.
TARGETS = ("thumbv7em-none-eabihf", "thumbv8m.main-none-eabihf")
