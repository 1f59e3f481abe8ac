"""The rows of a sweep, and the files that they are written to: CSV, or Parquet with the extra `sweep`."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from ariel_build.errors import MetadataError, SetupError
from ariel_build.machine.files import write_atomically

__all__ = ["COLUMNS", "Row", "check_writable", "save"]

#: A row: a value for each column, None where it is not known.
Row = dict[str, str | int | float | bool | None]

#: The columns and the types of what is in them.
COLUMNS: Mapping[str, type] = {
    "model": str,
    "board": str,
    "options": str,
    "cores": int,
    "fits": bool,
    "ram_bytes": int,
    "stack_bytes": int,
    "flash_bytes": int,
    "weights_bytes": int,
    "macs": int,
    "instructions": int,
    "latency_ms": float,
    "energy_uj": float,
    "accuracy": float,
    "pareto": bool,
    "slowest": str,
    "reason": str,
    "error": str,
}
_SUFFIXES = (".csv", ".parquet")


def check_writable(path: Path) -> None:
    """Refuses, before anything is costed, a file of another kind; SetupError where Parquet needs what is not there."""
    if path.suffix.lower() not in _SUFFIXES:
        raise MetadataError(f"`{path}` is neither .csv nor .parquet", "--output", "name the table by its kind")
    if path.suffix.lower() == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401, PLC0415 - an extra, and slow to import
        except ImportError:
            raise SetupError(
                "Parquet needs pyarrow, which is not installed",
                str(path),
                "`pip install 'ariel-build[sweep]'`, or write a .csv",
            ) from None


def save(path: Path, rows: Sequence[Row]) -> None:
    """Writes the table, whole or not at all."""
    write_atomically(path, _parquet(rows) if path.suffix.lower() == ".parquet" else _csv(rows))


def _csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(row.get(name)) for name in COLUMNS})
    return text.getvalue().encode("utf-8", errors="replace")


def _cell(value: object) -> object:
    """Returns what stands in a cell; words that a spreadsheet would compute are only words."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value


def _parquet(rows: Sequence[Row]) -> bytes:
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=schema), buffer)
    return buffer.getvalue()
