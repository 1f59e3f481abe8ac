"""The operators. Every module here, and in folders, is imported, which registers importers: a new one is one file."""

import importlib
import pkgutil

from ariel_build.ops.base import IMPORTERS, Operator, UnsupportedReason
from ariel_build.ops.importing import import_model

__all__ = ["IMPORTERS", "Operator", "UnsupportedReason", "import_model"]

for _module in sorted(module.name for module in pkgutil.walk_packages(__path__, f"{__name__}.")):
    importlib.import_module(_module)
