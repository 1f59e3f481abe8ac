"""Det: the determinant of small matrices, by their first row: sum over j of (-1)^j * x[0, j] * det(x without both)."""

from __future__ import annotations

from ariel_build.ir import Value
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.formula import map2, real_input
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape
from ariel_build.ops.slice import emit_slice

__all__: list[str] = []

#: Rows for which the sum is written out: it grows as their factorial.
MOST_ROWS = 4


@imports("onnx", "Det")
def _from_onnx(importer: Importer) -> None:
    x = real_input(importer)
    if len(x.shape) < 2 or x.shape[-1] != x.shape[-2] or not 0 < x.shape[-1] <= MOST_ROWS:
        raise UnsupportedReason(f"{x.type} is not supported, only square matrices of up to {MOST_ROWS} rows")
    last, size = len(x.shape) - 1, x.shape[-1]

    def cell(row: int, column: int) -> Value:
        """Returns a cell of all matrices."""
        one = emit_slice(importer, x, {last - 1: (row, 1, 1), last: (column, 1, 1)})
        return reshape(importer, one, x.shape[:-2])

    cells = [[cell(row, column) for column in range(size)] for row in range(size)]

    def minor(row: int, columns: tuple[int, ...]) -> Value:
        """Returns the determinant of the rows from `row` on, in these columns."""
        if len(columns) == 1:
            return cells[row][columns[0]]
        total = None
        for index, column in enumerate(columns):
            rest = minor(row + 1, tuple(c for c in columns if c != column))
            product = map2(importer, "Mul", cells[row][column], rest)
            total = product if total is None else map2(importer, "Sub" if index % 2 else "Add", total, product)
        assert total is not None  # noqa: S101 - there are columns
        return total

    importer.bind(minor(0, tuple(range(size))))
