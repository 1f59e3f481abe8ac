"""QEMU: firmware speaks through semihosting, our plugin counts its instructions."""

from __future__ import annotations

from pathlib import Path

from ariel_build.boards.board import Emulation
from ariel_build.errors import SetupError
from ariel_build.machine import resources
from ariel_build.run import counter
from ariel_build.run.emulators.base import Emulator, Job, register

__all__ = ["Qemu"]

#: The Debian and Fedora packages of each emulator.
_PACKAGES = {
    "qemu-system-arm": "qemu-system-arm",
    "qemu-system-riscv32": "qemu-system-misc (Fedora: qemu-system-riscv)",
}


@register
class Qemu(Emulator):
    """QEMU's system emulators."""

    names = ("qemu-system-*",)

    def command(self, job: Job) -> list[str | Path]:
        """Returns the command line, with the plugin where anything is to be counted."""
        run = job.run
        program = _find(run)
        words: list[str | Path] = [program, *(["-machine", run.machine] if run.machine else [])]
        words += ["-cpu", run.cpu] if run.cpu else []
        # No window, no monitor on our terminal; files and the exit status through semihosting.
        words += ["-display", "none", "-monitor", "none", "-serial", "null"]
        words += ["-semihosting-config", "enable=on,target=native", *run.arguments]
        if job.cores > 1:
            # A thread for each core: in one thread they take long turns, and the counter cannot keep their clocks
            # together.
            words += ["-accel", "tcg,thread=multi", *(["-smp", str(job.cores)] if run.smp else [])]
        if job.count:
            # QEMU splits options at commas; two stand for one.
            library = str(counter.library(program, job.say)).replace(",", ",,")
            arguments = counter.arguments(run, job.cores, job.timeline)
            words += ["-plugin", ",".join([library, "out=counts.json", *arguments])]
        for other in job.others:
            words += ["-device", f"loader,file={str(other).replace(',', ',,')}"]
        return [*words, "-kernel", job.elf]


def _find(run: Emulation) -> Path:
    found = resources.emulator(run.emulator)
    if found is None:
        package = _PACKAGES.get(run.emulator, run.emulator)
        raise SetupError(
            f"the emulator `{run.emulator}` is not installed",
            help=f"`nox -s setup` in a checkout installs it, or Debian's package {package}; "
            "ARIEL_QEMU names the folder of one that lies elsewhere",
        )
    return found
