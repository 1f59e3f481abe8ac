"""Verdicts -> docs/conformance.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from tools.conformance.judge import Verdict

__all__ = ["page"]

_HEAD = """\
# Conformance

Made by `nox -s conformance`; do not edit. Every case is compiled, built and run on the host, and its outputs are held
against the recorded ones: integers exactly, floats within the suite's tolerance (at least 1e-4 relative for ONNX, 1e-5
for TFLite), those of 16 bits within two units in the last place. What the compiler refuses is refused while compiling,
with the reason; a wrong answer fails the session.

- TFLite: models of a single operator with the answers of TFLite-Micro's reference kernels, in int8, int16 and float32.
- ONNX: the node tests of the `onnx` package, without the expansions of functions. They give everything at run time. A
  case that is refused so is tried once more with all inputs but the first as constants, as shapes, axes, weights and
  quantisation are in models: "passed, parameters constant".
- ONNX models: the small ones of the `onnx` package, exported by old versions of PyTorch (operator sets 6 to 11) or
  written by hand.

A case that passed when `tools/conformance/record.txt` was written, and does not now, fails the session as well.
"""


def page(suites: Mapping[str, Sequence[Verdict]]) -> str:
    """Returns the document."""
    lines = [_HEAD, "| suite | cases | passed | passed, parameters constant | refused | wrong |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for name, verdicts in suites.items():
        counts = Counter((verdict.outcome, verdict.case.altered) for verdict in verdicts)
        plain, constant = counts["passed", False], counts["passed", True]
        refused, wrong = (counts[what, False] + counts[what, True] for what in ("refused", "wrong"))
        lines.append(f"| {name} | {len(verdicts)} | {plain} | {constant} | {refused} | {wrong} |")
    for name, verdicts in suites.items():
        lines += ["", *_operators(name, verdicts), "", *_refusals(name, verdicts), *_wrong(verdicts)]
    return "\n".join([*lines, ""])


def _operators(name: str, verdicts: Sequence[Verdict]) -> list[str]:
    """Returns the table of operators of which at least one case passes."""
    table: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        table.setdefault(verdict.case.operator, Counter())[verdict.outcome] += 1
    rows = [
        f"| {operator} | {counts['passed']} | {counts['refused'] or ''} | {counts['wrong'] or ''} |"
        for operator, counts in sorted(table.items())
        if counts["passed"] or counts["wrong"]
    ]
    never = sorted(operator for operator, counts in table.items() if not counts["passed"] and not counts["wrong"])
    head = [f"## {name}: operators", "", "| operator | passed | refused | wrong |", "| --- | --- | --- | --- |"]
    return [*head, *rows, *(["", f"Refused in all cases: {', '.join(never)}."] if never else [])]


def _refusals(name: str, verdicts: Sequence[Verdict]) -> list[str]:
    """Returns the reasons for refusals of operators that are supported otherwise, with their cases."""
    supported = {verdict.case.operator for verdict in verdicts if verdict.outcome == "passed"}
    reasons: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.outcome == "refused" and verdict.case.operator in supported:
            reasons.setdefault(verdict.reason, []).append(verdict.case.name)
    rows = [
        f"| {_cell(reason)} | {', '.join(cases[:4])}{f' and {len(cases) - 4} more' if len(cases) > 4 else ''} |"
        for reason, cases in sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    if not rows:
        return []
    return [f"### {name}: what supported operators refuse", "", "| reason | cases |", "| --- | --- |", *rows]


def _wrong(verdicts: Sequence[Verdict]) -> list[str]:
    rows = [f"- {v.case.name}: {_cell(v.reason)}" for v in verdicts if v.outcome == "wrong"]
    return ["", "Wrong:", "", *rows] if rows else []


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
