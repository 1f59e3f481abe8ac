"""The command behind `nox -s conformance`: runs the suites and writes docs/conformance.md; a wrong answer fails."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tools.conformance import suites
from tools.conformance.judge import judged
from tools.conformance.page import page

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"


def main() -> int:
    """Returns 1 where an answer is wrong."""
    found = {"TFLite": list(suites.tflite()), "ONNX": list(suites.onnx_nodes())}
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
    if len(verdicts) == len(found):
        _PAGE.write_text(page(verdicts), encoding="utf-8")
        print("conformance: wrote docs/conformance.md")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
