"""Reports: what a compiled model is and costs, beside what was measured and an older report: as data, and as a page."""

from ariel_build.report.changes import changes, read_report
from ariel_build.report.facts import facts_of
from ariel_build.report.measured import measured, read_stats
from ariel_build.report.page import page_of
from ariel_build.report.profile import profiled

__all__ = ["changes", "facts_of", "measured", "page_of", "profiled", "read_report", "read_stats"]
