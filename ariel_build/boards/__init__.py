"""Boards: `boards/<name>.toml` -> frozen dataclasses, and whether a model fits one."""

from ariel_build.boards.catalog import (
    Board,
    Core,
    Emulation,
    Memory,
    MemoryKind,
    adapted,
    generic_for,
    is_path,
    known,
    load,
)

__all__ = ["Board", "Core", "Emulation", "Memory", "MemoryKind", "adapted", "generic_for", "is_path", "known", "load"]
