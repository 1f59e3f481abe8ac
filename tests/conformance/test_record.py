"""What `nox -s conformance` remembers: a case that is lost is named, one that is won is not."""

from __future__ import annotations

from dataclasses import replace

from tools.conformance import record
from tools.conformance.judge import Verdict
from tools.conformance.suites import Case

CASE = Case("relu", "Relu", None, b"", [], [], 0, 0)
PASSED, REFUSED, WRONG = Verdict(CASE, "passed"), Verdict(CASE, "refused", "no kernel"), Verdict(CASE, "wrong")
CONSTANT = Verdict(replace(CASE, altered=True), "passed")


def lost(before: Verdict, now: Verdict, version: str = "1.2") -> list[str]:
    return list(record.lost({"ONNX models": [now]}, record.text({"ONNX models": [before]}, "1.2"), version))


def test_what_passed_and_does_not_is_lost() -> None:
    assert lost(PASSED, REFUSED) == ["ONNX models relu: passed last time, now refused: no kernel"]
    assert lost(PASSED, CONSTANT) == ["ONNX models relu: passed last time, now constants: "]
    assert lost(CONSTANT, WRONG) == ["ONNX models relu: constants last time, now refused: "]


def test_what_stays_or_is_won_is_not_lost() -> None:
    for before, now in ((PASSED, PASSED), (REFUSED, REFUSED), (REFUSED, CONSTANT), (CONSTANT, PASSED)):
        assert lost(before, now) == []


def test_cases_of_another_onnx_are_not_compared() -> None:
    assert lost(PASSED, REFUSED, "1.3") == []


def test_a_case_that_nobody_has_seen_must_pass() -> None:
    """A file lists what does not pass: of one `onnx` all others do."""
    assert list(record.lost({"ONNX": [REFUSED]}, record.text({"ONNX": []}, "1.2"), "1.2"))


def test_the_record_of_the_tree_is_read() -> None:
    recorded = record.FILE.read_text(encoding="utf-8")
    case = recorded.splitlines()[-1].rpartition(" ")[2]
    named = Verdict(replace(CASE, name=case), "refused")
    (suite,) = {
        line.partition(" ")[2].rpartition(" ")[0] for line in recorded.splitlines() if line.endswith(f" {case}")
    }
    version = recorded.splitlines()[0].split()[-1]
    assert list(record.lost({suite: [named]}, recorded, version)) == []
    assert list(record.lost({suite: [replace(named, case=CASE)]}, recorded, version))
