"""A number that stands for bytes where others stand for others."""

from __future__ import annotations

__all__ = ["number_of"]


def number_of(data: bytes) -> int:
    """Returns the first eight bytes of the SHA-256 of the data, as a number."""
    import hashlib  # noqa: PLC0415 - few models need it, and it loads OpenSSL, as long as thirty of our modules

    return int.from_bytes(hashlib.sha256(data).digest()[:8])
