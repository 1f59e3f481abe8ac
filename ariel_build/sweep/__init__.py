"""Sweeps: every pair of many models, boards and options costed, resumable, and which of them no other beats."""

from ariel_build.sweep.front import mark_front
from ariel_build.sweep.job import Job, cost
from ariel_build.sweep.journal import Journal
from ariel_build.sweep.picture import picture
from ariel_build.sweep.plan import Plan, read_plan
from ariel_build.sweep.table import COLUMNS, Row, save
from ariel_build.sweep.workers import is_passing, on_cluster, on_processes

__all__ = [
    "COLUMNS",
    "Job",
    "Journal",
    "Plan",
    "Row",
    "cost",
    "is_passing",
    "mark_front",
    "on_cluster",
    "on_processes",
    "picture",
    "read_plan",
    "save",
]
