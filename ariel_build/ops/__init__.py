"""The operators. Every module here is imported, which registers its importers: a new operator is one new file."""

import importlib
import pkgutil

from ariel_build.ops.base import IMPORTERS, Operator, UnsupportedReason
from ariel_build.ops.importing import import_model

__all__ = ["IMPORTERS", "Operator", "UnsupportedReason", "import_model"]

for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_module}")
