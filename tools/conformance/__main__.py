"""The command behind `nox -s conformance`: runs the suites and writes docs/conformance.md.

A wrong answer fails, and so does a case that passed last time (`record.txt`) and does not now, unless `--accept` says
that it is meant.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import onnx

from tools.conformance import record, suites
from tools.conformance.judge import judged
from tools.conformance.page import page

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"


def main() -> int:
    """Returns 1 where an answer is wrong, or a case is lost."""
    parser = argparse.ArgumentParser(prog="python -m tools.conformance", description=__doc__)
    parser.add_argument("--accept", action="store_true", help="record what passes now, though it be less")
    accepts = parser.parse_args().accept
    found = {
        "TFLite": list(suites.tflite()),
        "ONNX": list(suites.onnx_nodes()),
        "ONNX models": list(suites.onnx_models()),
    }
    verdicts = {}
    for name, cases in found.items():
        if not cases:
            print(f"conformance: the cases of {name} are absent: the table leaves them out")
            continue
        with tempfile.TemporaryDirectory(prefix="ariel-conformance-") as folder:
            verdicts[name] = judged(name, cases, Path(folder), lambda text: print(f"conformance: {text}", flush=True))
    wrong = [verdict for part in verdicts.values() for verdict in part if verdict.outcome == "wrong"]
    for verdict in wrong:
        print(f"conformance: wrong: {verdict.case.name}: {verdict.reason}", file=sys.stderr)
    lost = []
    if record.FILE.exists() and not accepts:
        lost = list(record.lost(verdicts, record.FILE.read_text(encoding="utf-8"), onnx.__version__))
    for line in lost:
        print(f"conformance: lost: {line}", file=sys.stderr)
    if lost:
        print("conformance: `-- --accept` records what passes now, where that is meant", file=sys.stderr)
    if len(verdicts) == len(found):
        _PAGE.write_text(page(verdicts), encoding="utf-8")
        print("conformance: wrote docs/conformance.md")
        if not lost and not wrong:
            record.FILE.write_text(record.text(verdicts, onnx.__version__), encoding="utf-8")
    return 1 if wrong or lost else 0


if __name__ == "__main__":
    sys.exit(main())
