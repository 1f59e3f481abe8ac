"""VFPv4 with single precision: the FPU of Cortex-M4F, M7 and M33, and Helium's vectors of floats beside it."""

from ariel_build.isa.vfpv4_sp.kernels import kernels

__all__ = ["TARGETS", "kernels"]

#: The targets for which `ariel-ml-rs/build.rs` assembles the kernels.
TARGETS = ("thumbv7em-none-eabihf", "thumbv8m.main-none-eabihf")
