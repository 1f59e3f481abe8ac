"""The operators: importing a module registers its importers."""

from ariel_build.ops import conv2d, copy, reshape, transpose
from ariel_build.ops.base import IMPORTERS, Operator, UnsupportedReason
from ariel_build.ops.importer import import_model

__all__ = ["IMPORTERS", "Operator", "UnsupportedReason", "conv2d", "copy", "import_model", "reshape", "transpose"]
