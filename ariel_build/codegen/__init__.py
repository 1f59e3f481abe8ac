"""The only place where Rust text is made."""

from ariel_build.codegen.module import Module, generate

__all__ = ["Module", "generate"]
