"""A short soak of the pool: hundreds of inferences on several cores, some cut short, every answer checked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ariel_build.cores.units import Units
from ariel_build.errors import InternalError
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


def test_tiles_that_do_not_wait_are_found() -> None:
    """The soak itself: where one step waits for nothing but the first tile, answers are wrong, or the program ends."""

    def spoil(units: Units) -> Units:
        hasty = [replace(u, needs=[0]) if u.step == 2 else u for u in units.units]
        # All others still end before the last unit does.
        hasty[-1] = replace(hasty[-1], needs=list(range(len(hasty) - 1)))
        return replace(units, units=tuple(hasty))

    try:
        wrong = soak("host", 4, 200, spoil=spoil).wrong
    except InternalError as error:
        # Softmax looks up differences from a maximum that a race makes false.
        assert "ended by signal" in error.message  # noqa: PT017 - either is right
        return
    assert wrong > 0
