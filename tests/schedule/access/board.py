"""One model in firmware for an emulated board, each of whose tiles runs alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ariel_build.boards import Board
from ariel_build.driver import Compiled
from ariel_build.run.execute import execute
from tests.schedule.access.cases import Case, packed, verdicts, with_tile_alone

__all__ = ["complaints_on"]

_HERE = Path(__file__).parent


def complaints_on(board: Board, model: Compiled, cases: Sequence[Case], folder: Path) -> Sequence[str]:
    """Runs these tiles of the model on the board; `folder` is for files of ours."""
    words = packed(model, cases)
    most = max(map(len, words))
    stand_in = (_HERE / "stand_in.rs").read_text()
    stand_in = stand_in.replace("CASE_WORDS", str(most // 4)).replace("subject_module", model.module)
    # The harness includes one file from elsewhere, so that modules in files of their own would be looked for in vain.
    probe = (_HERE / "probe.rs").read_text()
    stand_in = stand_in.replace('    #[path = "probe.rs"]\n    mod probe;\n', f"    mod probe {{\n{probe}\n}}\n")
    (folder / "ariel_models.rs").write_text(with_tile_alone(model).module_text + stand_in)
    (folder / f"{model.module}.weights").write_bytes(model.weights)
    samples = [case.ljust(most, b"\0") for case in words]
    answers = execute(folder, "probed", board, samples, stats=False).outputs
    return verdicts(cases, b"".join(answers))
