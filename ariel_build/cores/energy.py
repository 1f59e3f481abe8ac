"""Energy of an inference, from the currents that a board file cites."""

from __future__ import annotations

import math

from ariel_build.boards.board import Board
from ariel_build.cores.predict import Prediction

__all__ = ["energy"]


def energy(predicted: Prediction, board: Board, workers: int) -> float | None:
    """Returns the joules of an inference on the board's first `workers` cores; None where the board says no currents.

    A core takes its current per MHz while it computes, and sleeps while it waits: `E = U (q n + I (w t - n / f))` with
    `n` cycles in all, `q` the charge of one, `w` cores for `t` seconds at the clock `f`, and `I` the current of sleep.
    """
    power, core = board.power, board.cores[0]
    if power is None or predicted.seconds is None or not core.clock_hz or not math.isfinite(predicted.seconds):
        return None
    cycles = predicted.instructions * (core.cycles_per_instruction or 1.0)
    asleep = max(workers * predicted.seconds - cycles / core.clock_hz, 0.0)
    return power.volts * (power.active_ua_per_mhz * 1e-12 * cycles + power.sleep_ua * 1e-6 * asleep)
