"""The command behind `nox -s bench`; `nox -s bench -- --help` lists its options."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ariel_build.errors import SetupError
from ariel_build.machine import process, resources
from tools.bench import baseline, build_speed, emx, layers, microflow, release, report, store, wide
from tools.bench.models import BOARDS, GATED, M7, RTL, Model, catalogue
from tools.bench.table import OURS, Row, measured, recorded

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, writes the documents, and compares with the baseline; 1 where something became worse or is wrong."""
    options = _options(arguments)
    if options.known_peers:
        store.only_known()
    with tempfile.TemporaryDirectory(prefix="ariel-bench-") as name:
        folder = Path(name)
        every = list(catalogue(folder))
        models = [m for m in every if not options.only or any(o in m.name for o in options.only)]
        if options.layers:
            for entry in layers.of_all(models, folder, _say):
                print(report.steps(*entry))
            return 0
        if options.build_speed:
            slowest = max(models, key=lambda model: model.recorded.path.stat().st_size * model.is_tflite)
            build_speed.table(slowest, folder / "speed", sys.executable, _say)
            return 0
        boards = options.board or [b for b in BOARDS if b != RTL or options.rtl]
        if options.fast:
            rows = _fast(models, folder)
        else:
            rows = measured(models, boards, folder, _say, peers=not options.no_peers)
        if not (options.fast or options.only or options.board or options.no_peers):
            steps = layers.of_all(models, folder, _say)
            report.write([*rows, *recorded(models)], steps, wide.of_models(models, _say), _versions())
            _say("wrote docs/benchmarks.md, docs/benchmarks.json and docs/benchmarks.svg")
        elif options.refresh and not options.fast:
            report.merge(rows, [model.name for model in every])
            _say("docs/benchmarks.md, docs/benchmarks.json and docs/benchmarks.svg have these rows anew")
    return _judge(rows, refresh=options.refresh)


def _fast(models: Sequence[Model], folder: Path) -> list[Row]:
    """Measures what `nox -s tests` holds against the baseline."""
    gated = [(model, board) for model in models for board in model.boards if (model.name, board) in GATED]
    return [row for model, board in gated for row in measured([model], [board], folder, _say, peers=False)]


def _judge(rows: Sequence[Row], *, refresh: bool) -> int:
    """Compares with the baseline, or writes it."""
    mine = [row for row in rows if row.engine == OURS]
    wrong = [f"{row.model} on {row.board}: {row.cost.verdict}" for row in mine if row.cost.verdict]
    if refresh:
        for rustc in {release.compiler(row.board) for row in mine}:
            written = baseline.write([row for row in mine if release.compiler(row.board) == rustc], rustc)
            _say(f"wrote {written}")
    else:
        before = {row.board: baseline.of(row.board) for row in mine}
        for note in {known.note for known in before.values() if known.note}:
            _say(note)
        wrong = [line for r in mine for line in baseline.regressions(r.model, r.board, r.cost, before[r.board])]
    for line in wrong:
        print(f"bench: worse: {line}", file=sys.stderr)
    return 1 if wrong else 0


def _versions() -> list[str]:
    """Returns what the figures follow from beside this checkout."""
    lines = [release.compiler(M7)]
    for tool in ("qemu-system-arm", "arm-none-eabi-gcc", "riscv64-unknown-elf-gcc"):
        program = resources.emulator(tool) if tool.startswith("qemu") else shutil.which(tool)
        if program is not None:
            lines.append(process.run([program, "--version"], timeout=60).stdout.splitlines()[0])
    return [*lines, microflow.NAME, emx.NAME]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nox -s bench --", description="What an inference costs, ours and the peers'."
    )
    parser.add_argument("--refresh", action="store_true", help="write the baseline instead of comparing with it")
    parser.add_argument("--fast", action="store_true", help="only what `nox -s tests` holds against the baseline")
    parser.add_argument("--layers", action="store_true", help="only print what each step of the main models takes")
    parser.add_argument(
        "--build-speed", action="store_true", help="only: what the largest TFLite model adds to a build"
    )
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="models with this in their name; docs keep all else"
    )
    parser.add_argument("--board", action="append", metavar="BOARD", help="only on this board; docs keep all else")
    parser.add_argument("--no-peers", action="store_true", help="only ours; docs keep all else")
    parser.add_argument(
        "--known-peers", action="store_true", help="measure no peer anew: take what benchmarks/peers.json has"
    )
    parser.add_argument("--rtl", action="store_true", help="on verilated cores, too: minutes")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    print(f"bench: {text}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetupError as error:
        print(error.render(), file=sys.stderr)
        sys.exit(error.exit_code)
