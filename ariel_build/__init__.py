"""Compiles neural networks (TFLite, ONNX) into Rust that firmware builds into itself."""

from __future__ import annotations

__all__ = ["__version__"]

# Shared with the crates (Cargo.toml): build.rs and generated code refuse another minor version.
__version__ = "0.1.0"
