"""The kernels that fetch the weights of their `layer` ahead, as one type."""

from __future__ import annotations

from ariel_build.kernels.declared import isa_mve, isa_packed, isa_scalar

__all__ = ["Fetched"]

Fetched = (
    isa_scalar.FetchedConnected
    | isa_scalar.FetchedConv2d
    | isa_packed.FetchedConnected
    | isa_packed.FetchedDeep
    | isa_packed.FetchedConv2d
    | isa_mve.FetchedConv2d
)
