"""What a sweep has costed so far, a line for each job, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ariel_build.errors import MetadataError
from ariel_build.sweep.table import COLUMNS, Row

__all__ = ["Journal"]


class Journal:
    """The rows by the keys of their jobs, in memory and in a file that only ever grows."""

    def __init__(self, path: Path) -> None:
        """Reads what there is; the last line may be half of one, and what is no line of ours is left out."""
        self.path = path
        self.rows: dict[str, Row] = {}
        try:
            text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        except OSError as error:
            raise MetadataError(f"cannot read: {error.strerror}", str(path)) from None
        self._begun = bool(text) and not text.endswith("\n")
        for line in text.splitlines():
            entry = _entry(line)
            if entry is not None:
                self.rows[entry[0]] = entry[1]

    def add(self, key: str, row: Row) -> None:
        """Keeps a row, on the disk before this returns."""
        self.rows[key] = row
        line = json.dumps({"key": key, "row": row}) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                # Behind half a line, one of our own.
                file.write("\n" + line if self._begun else line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise MetadataError(f"cannot write: {error.strerror}", str(self.path)) from None
        self._begun = False


def _entry(line: str) -> tuple[str, Row] | None:
    try:
        found = json.loads(line)
        key, row = found["key"], found["row"]
        sound = isinstance(key, str) and all(
            name in COLUMNS and (value is None or isinstance(value, COLUMNS[name] | int)) for name, value in row.items()
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return (key, row) if sound else None
