"""Work that misbehaves, in a module that other processes can import."""

from __future__ import annotations

import os
import time

from ariel_build.sweep import Job, Row, cost

__all__ = ["deadly", "slow"]


def slow(job: Job) -> Row:
    """Costs the job, and takes its time."""
    time.sleep(0.3)
    return cost(job)


def deadly(job: Job) -> Row:
    """Costs the job; one takes its process with it, as the kernel's out-of-memory killer does."""
    if job.name == "deadly.tflite":
        os._exit(137)
    return slow(job)
