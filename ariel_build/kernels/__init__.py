"""The runtime crate's kernels as the compiler sees them: data, no Rust."""

from ariel_build.kernels.call import (
    Axis,
    Field,
    KernelCall,
    Nested,
    Operand,
    Packed,
    Reads,
    Scratch,
    Slice,
    Tiling,
    Variant,
)

__all__ = [
    "Axis",
    "Field",
    "KernelCall",
    "Nested",
    "Operand",
    "Packed",
    "Reads",
    "Scratch",
    "Slice",
    "Tiling",
    "Variant",
]
