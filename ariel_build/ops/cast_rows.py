"""Which pairs of element types the runtime crate converts, and how: `python -m tools.rows` makes its kernels.

Pairs of one byte are tables, integers of one size the same words. Floats of 16 bits go by way of float32, which holds
all of them; only float64 is rounded to float16 at once, as twice would be once too often.
"""

from __future__ import annotations

from ariel_build.ir import DType

__all__ = ["CASTS", "element", "expression", "kernel"]

_PLAIN = [dtype for dtype in DType if not dtype.is_half]


def _is_one_kernel(source: DType, target: DType) -> bool:
    small = source.bytes == target.bytes == 1
    words = source.is_integer and target.is_integer and source.bytes == target.bytes
    return source is not target and not small and not words


CASTS = (
    *((source, target) for source in _PLAIN for target in _PLAIN if _is_one_kernel(source, target)),
    *((half, DType.F32) for half in DType if half.is_half),
    *((DType.F32, half) for half in DType if half.is_half),
    (DType.F64, DType.F16),
)


def kernel(source: DType, target: DType) -> str:
    """Returns the name of the kernel."""
    return f"{source.value.capitalize()}To{target.value.capitalize()}"


def element(dtype: DType) -> str:
    """Returns the type that holds an element in Rust."""
    return dtype.value.capitalize() if dtype.is_half else "u8" if dtype is DType.BOOL else dtype.value


def expression(source: DType, target: DType) -> str:
    """Returns what makes the target of `x` in Rust."""
    if target is DType.BOOL:
        return f"u8::from(x != {'0.0' if source.is_real else '0'})"
    if source.is_half:
        return "x.to_f32()"
    if target.is_half:
        return f"{element(target)}::from_{source.value}(x)"
    if source.is_real and target is DType.U64:
        return "unsigned!(x)"
    # As on other computers: by way of the integers that floats become in one instruction.
    way = {DType.I8: " as i32", DType.U8: " as i32", DType.I16: " as i32", DType.U16: " as i32", DType.U32: " as i64"}
    return f"x{way.get(target, '') if source.is_real else ''} as {target.value}"
