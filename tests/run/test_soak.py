"""A short soak of the pool: hundreds of inferences on several cores, some cut short, every answer checked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ariel_build.schedule.units import Units
from tools.soak import BEDS, soak

MARKS = {
    "qemu-riscv32": [pytest.mark.emulator("qemu-system-riscv32"), pytest.mark.target("riscv32imac-unknown-none-elf")],
    "qemu-cortex-m33x2": [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target("thumbv8m.main-none-eabi")],
    "host": [],
}


@pytest.mark.parametrize(
    "board,cores", [pytest.param(*bed, marks=MARKS[bed[0]], id=f"{bed[1]} of {bed[0]}") for bed in (*BEDS, ("host", 4))]
)
def test_every_answer_is_right(board: str, cores: int) -> None:
    """Also behind inferences that were dropped and forgotten, and beside one of another model."""
    report = soak(board, cores, 600)
    assert (report.wrong, report.refused) == (0, 0)
    assert report.checked >= 600
    assert min(report.dropped, report.forgotten, report.beside) > 10


def test_a_plan_without_order_is_found() -> None:
    """The soak itself: tiles that wait for nothing but the first one give wrong answers."""

    def spoil(units: Units) -> Units:
        last = len(units.units) - 1
        hasty = [replace(u, needs=[0] if 0 < k < last else u.needs) for k, u in enumerate(units.units)]
        hasty[-1] = replace(units.units[-1], needs=list(range(1, last)))
        return replace(units, units=tuple(hasty))

    assert soak("host", 4, 200, spoil=spoil).wrong > 0
