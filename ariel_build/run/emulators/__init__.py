"""The emulators. Every module here is imported, which registers what it has: a new one is one file."""

import importlib
import pkgutil

from ariel_build.run.emulators.base import EMULATORS, Emulator, Job, of, register

__all__ = ["EMULATORS", "Emulator", "Job", "load", "of", "register"]


def load() -> None:
    """Imports the modules of this folder that are not yet loaded."""
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__, f"{__name__}.")):
        importlib.import_module(name)


load()
