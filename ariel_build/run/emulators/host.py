"""No emulator: firmware for the host is a program."""

from __future__ import annotations

from pathlib import Path

from ariel_build.run.emulators.base import Emulator, Job, register

__all__ = ["Host"]


@register
class Host(Emulator):
    """This computer."""

    names = ("none",)

    def command(self, job: Job) -> list[str | Path]:
        """Returns the program itself."""
        return [job.elf]
