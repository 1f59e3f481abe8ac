"""C compilers for the boards: peers of the benchmark are C code. Nothing else needs them."""

from __future__ import annotations

import shutil

from tools.setup import debian

__all__ = ["ensure"]

#: The programs, and Debian's packages that have them and their C library.
_COMPILERS = {
    "arm-none-eabi-gcc": ("gcc-arm-none-eabi", "libnewlib-arm-none-eabi"),
    "riscv64-unknown-elf-gcc": ("gcc-riscv64-unknown-elf", "picolibc-riscv64-unknown-elf"),
}


def ensure() -> bool:
    """Installs the compilers that are missing; returns whether there were any."""
    packages = [name for program, names in _COMPILERS.items() if shutil.which(program) is None for name in names]
    if not packages:
        return False
    if not debian.has_apt():
        raise debian.other_systems(
            "a C compiler for bare metal",
            fedora="arm-none-eabi-gcc-cs arm-none-eabi-newlib",
            arch="arm-none-eabi-gcc arm-none-eabi-newlib riscv64-elf-gcc",
            macos="brew install --cask gcc-arm-embedded",
        )
    debian.refresh()
    debian.install(packages, "C compilers for the benchmark")
    return True
