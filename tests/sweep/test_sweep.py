"""`sweep`: every pair has a row, bad models are rows, a run goes on where it stopped, and the front is the front."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from ariel_build.errors import SetupError
from ariel_build.sweep import Job, Journal, Row, mark_front, on_cluster, on_processes, picture, read_plan
from tests.commands.conftest import Command, command
from tests.sweep import works
from tests.zoo import FLOAT, node, onnx_file
from tools.recorded import DIGITS

__all__ = ["command"]

#: `distributed.LocalCluster`, which has no types.
Cluster = Any

SWEEP = """\
models = ["models/*.tflite", "small.onnx", "broken.onnx"]
boards = ["stm32h7", "mine.toml"]

[options]
optimize = ["speed", "ram"]
cores = 1
"""
BOARD = """\
target = "thumbv7em-none-eabihf"

[[cores]]
name = "cortex-m4"
isa = "armv7e-m"
count = 1

[[memories]]
name = "flash"
kind = "flash"
origin = 0x0800_0000
length = "12K"

[[memories]]
name = "ram"
kind = "ram"
origin = 0x2000_0000
length = "8K"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Returns a sweep over three models, one of them broken, on two boards, one of them small."""
    (tmp_path / "models").mkdir()
    shutil.copy(DIGITS, tmp_path / "models" / "digits.tflite")
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    (tmp_path / "mine.toml").write_text(BOARD)
    nodes = [node("Sin", ["x"], ["y"])]
    onnx_file(tmp_path / "small.onnx", nodes, {"x": (FLOAT, [2])}, {"y": (FLOAT, [2])})
    path = tmp_path / "sweep.toml"
    path.write_text(SWEEP)
    return path


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_every_pair_has_a_row_that_fit_agrees_with(command: Command, file: Path) -> None:
    answer = command("sweep", file, "--workers", "2", "--picture", file.with_name("front.svg"))
    assert answer.code == 0, answer
    rows = table(file.with_suffix(".csv"))
    pairs = [(row["model"], row["board"], json.loads(row["options"])["optimize"]) for row in rows]
    models = ["models/digits.tflite", "small.onnx", "broken.onnx"]
    assert pairs == [(m, b, o) for m in models for b in ("stm32h7", "mine") for o in ("speed", "ram")]
    for row in rows:
        board = str(file.with_name("mine.toml")) if row["board"] == "mine" else row["board"]
        wanted = json.loads(row["options"])["optimize"]
        fit = command("fit", file.parent / row["model"], "--board", board, "--optimize", wanted, "--json")
        if row["model"] == "broken.onnx":
            assert fit.code == 2
            assert "corrupt" in row["error"]
            assert (row["fits"], row["ram_bytes"], row["pareto"]) == ("", "", "")
            continue
        (found,) = json.loads(fit.out)
        assert row["error"] == ""
        assert row["fits"] == str(found["fits"]).lower()
        for name in ("ram_bytes", "flash_bytes", "stack_bytes", "latency_ms", "instructions", "macs", "cores"):
            assert row[name] == ("" if found[name] is None else str(found[name])), name
        assert row["reason"] == (found["reason"] or "")
    assert {row["fits"] for row in rows} == {"true", "false", ""}
    assert "corrupt" in answer.out and "small.onnx" in answer.out
    svg = file.with_name("front.svg").read_text()
    assert svg.count("<circle") == sum(row["fits"] == "true" and row["latency_ms"] != "" for row in rows)


def test_the_file_of_the_docs_means_what_they_say(tmp_path: Path, root: Path) -> None:
    (block,) = re.findall(
        r"```toml\n(.*?)```", root.joinpath("docs", "sweep.md").read_text(encoding="utf-8"), re.DOTALL
    )
    for name in ("models/a.tflite", "models/b.tflite", "other/net.onnx", "boards/mine.toml", "sweep.toml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(block if name == "sweep.toml" else BOARD)
    plan = read_plan(tmp_path / "sweep.toml")
    assert plan.output == tmp_path / "sweep.csv"
    assert len(plan.jobs) == 3 * 3 * 2
    assert {job.name: job.accuracy for job in plan.jobs} == {
        "models/a.tflite": None,
        "models/b.tflite": None,
        "other/net.onnx": 0.913,
    }


def test_a_run_goes_on_where_it_stopped(command: Command, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def stops(jobs: list[Job], workers: int) -> Iterator[tuple[Job, Row]]:
        asked.append(len(jobs))
        for number, (job, row) in enumerate(on_processes(jobs, workers)):
            if number == 5 and len(asked) == 1:
                raise KeyboardInterrupt
            yield job, row

    monkeypatch.setattr("ariel_build.sweep.on_processes", stops)
    assert command("sweep", file).code == 130
    output, journal = file.with_suffix(".csv"), file.with_name("sweep.csv.journal")
    assert not output.exists()
    # As a machine that loses its power leaves it.
    journal.write_bytes(journal.read_bytes()[:-20])
    assert command("sweep", file).code == 0
    assert asked == [12, 12 - 4]
    assert len(table(output)) == 12
    first = output.read_bytes()
    told = command("sweep", file)
    assert asked[2:] == [0]
    assert "12 of them from sweep.csv.journal" in told.out
    assert output.read_bytes() == first
    # What has changed is costed anew, and all is if asked for.
    file.with_name("mine.toml").write_text(BOARD.replace("12K", "32K"))
    command("sweep", file)
    assert asked[3:] == [6]
    command("sweep", file, "--again")
    assert asked[4:] == [12]


def test_a_sweep_that_is_killed_leaves_no_process_and_goes_on(command: Command, file: Path) -> None:
    journal = file.with_name("sweep.csv.journal")
    process = subprocess.Popen([sys.executable, "-m", "ariel_build", "sweep", str(file), "--workers", "2"])
    try:
        _wait(lambda: journal.exists() and len(journal.read_bytes().splitlines()) >= 3)
        workers = _children(process.pid)
        assert len(workers) >= 2
    finally:
        process.kill()
        process.wait()
    _wait(lambda: not any(map(_lives, workers)))
    answer = command("sweep", file)
    assert answer.code == 0
    assert "of them from sweep.csv.journal" in answer.out
    assert len(table(file.with_suffix(".csv"))) == 12


def _wait(until: Callable[[], bool]) -> None:
    for _ in range(1200):
        if until():
            return
        time.sleep(0.1)
    pytest.fail("two minutes were not enough")


def _lives(process: int) -> bool:
    """Whether a process is there and does not only wait for somebody to take note of its end."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _children(parent: int) -> list[int]:
    """Returns the processes that a process has started, as Linux tells."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(status.parent.name))
    return found


def test_a_journal_that_somebody_edited_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    wrong = [
        "",
        "x",
        "[]",
        "{}",
        '{"key": 1, "row": {}}',
        '{"key": "a", "row": 3}',
        '{"key": "a", "row": {"fits": []}}',
    ]
    wrong += ['{"key": "a", "row": {"other": 1}}', '{"key": "a", "row": {"ram_bytes": "many"}}', "[" * 100_000]
    path.write_text("\n".join([*wrong, '{"key": "k", "row": {"ram_bytes": 5, "latency_ms": 1}}', '{"key": "half']))
    journal = Journal(path)
    assert journal.rows == {"k": {"ram_bytes": 5, "latency_ms": 1}}
    journal.add("next", {"model": "m"})
    assert set(Journal(path).rows) == {"k", "next"}


def jobs(folder: Path, count: int = 8) -> list[Job]:
    """Returns jobs of which the third is deadly to those who do `works.deadly`."""
    shutil.copy(DIGITS, folder / "digits.tflite")
    shutil.copy(DIGITS, folder / "deadly.tflite")
    names = ["deadly.tflite" if k == 2 else "digits.tflite" for k in range(count)]
    boards = ("stm32h7", "stm32f4", "rp2040", "nrf52840")
    options = ({"optimize": "speed"}, {"optimize": "ram"})
    return [Job(name, folder / name, boards[k % 4], options[k // 4 % 2]) for k, name in enumerate(names)]


def check_all_but_the_deadly(found: dict[int, Row], wanted: list[Job]) -> None:
    assert len(found) == len(wanted)
    for job in wanted:
        row = found[id(job)]
        assert (row.get("error") is not None) == (job.name == "deadly.tflite"), row
        assert row.get("error") is None or "died" in str(row["error"])


def test_a_process_that_dies_costs_no_other_row(tmp_path: Path) -> None:
    wanted = jobs(tmp_path)
    check_all_but_the_deadly({id(job): row for job, row in on_processes(wanted, 2, works.deadly)}, wanted)


def test_what_a_death_left_is_tried_again(command: Command, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(jobs: list[Job], workers: int) -> Iterator[tuple[Job, Row]]:
        return ((job, job.row(error="the process that costed it died: x")) for job in jobs)

    monkeypatch.setattr("ariel_build.sweep.on_processes", dies)
    assert command("sweep", file).code == 1
    monkeypatch.undo()
    assert command("sweep", file).code == 0
    assert sum(row["error"] == "" for row in table(file.with_suffix(".csv"))) == 8


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Gives a Dask cluster of two workers, each a process, who are started again when they die."""
    import dask  # noqa: PLC0415 - half a second
    import distributed  # noqa: PLC0415 - the same

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as made,
    ):
        yield made


def kill_one(cluster: Cluster) -> None:
    """Kills a worker as the kernel would."""
    os.kill(next(iter(cluster.workers.values())).process.process.pid, signal.SIGKILL)


def test_a_cluster_gives_the_same_rows_though_a_worker_is_killed_half_way(cluster: Cluster, tmp_path: Path) -> None:
    wanted = [job for job in jobs(tmp_path, 16) if job.name != "deadly.tflite"]
    found: dict[int, Row] = {}
    for job, row in on_cluster(wanted, cluster.scheduler_address, works.slow):
        found[id(job)] = row
        if len(found) == 4:
            kill_one(cluster)
    here = {id(job): row for job, row in on_processes(wanted, 2)}
    assert found == here
    assert all(row.get("fits") for row in found.values())


def test_a_job_that_kills_its_workers_is_one_row(cluster: Cluster, tmp_path: Path) -> None:
    wanted = jobs(tmp_path)
    rows = {id(job): row for job, row in on_cluster(wanted, cluster.scheduler_address, works.deadly)}
    check_all_but_the_deadly(rows, wanted)


def test_workers_of_another_version_are_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ours is called here, those who were started before do not know."""
    monkeypatch.setattr("ariel_build.sweep.workers.__version__", "9.9.9")
    with pytest.raises(SetupError, match=r"has ariel-build .*, not 9\.9\.9"):
        list(on_cluster([], cluster.scheduler_address))


def test_the_command_works_on_a_cluster(cluster: Cluster, command: Command, file: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    output = file.with_name("sweep.parquet")
    assert command("sweep", file, "--scheduler", cluster.scheduler_address, "-o", output).code == 0
    rows = parquet.read_table(output).to_pylist()
    assert len(rows) == 12
    command("sweep", file)
    for row, cells in zip(rows, table(file.with_suffix(".csv")), strict=True):
        for name, value in row.items():
            text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            assert cells[name] == text, name


def test_the_front_is_what_no_other_beats() -> None:
    rng = random.Random(1)  # noqa: S311 - a test needs no secrets
    rows: list[Row] = [
        {
            "board": rng.choice("ab"),
            "fits": rng.random() < 0.9,
            "latency_ms": rng.choice([None, *range(6)]),
            "ram_bytes": rng.randrange(6),
            "flash_bytes": rng.randrange(6),
            "accuracy": rng.choice([None, 0.5, 0.7, 0.9]),
        }
        for _ in range(200)
    ]

    def costs(row: Row) -> list[float]:
        less = [row[name] for name in ("latency_ms", "ram_bytes", "flash_bytes")]
        more = row["accuracy"]
        assert more is None or isinstance(more, float)
        return [*(float("inf") if v is None else float(v) for v in less), -more if more is not None else float("inf")]

    for row, marked in zip(rows, mark_front(rows), strict=True):
        beaten = any(
            other["board"] == row["board"]
            and other["fits"]
            and costs(other) != costs(row)
            and all(x <= y for x, y in zip(costs(other), costs(row), strict=True))
            for other in rows
        )
        assert marked["pareto"] == (not beaten if row["fits"] else None)


@pytest.mark.parametrize("rows", [[], [{"model": '<m>&"', "board": "</text>", "fits": True, "latency_ms": 2.0}]])
def test_a_picture_is_sound_xml(rows: list[Row]) -> None:
    root = ET.fromstring(picture(mark_front(rows)))  # noqa: S314 - our own
    assert root.tag.endswith("svg")
    assert len(root.findall(".//{*}circle")) == len(rows)


def test_words_of_a_table_compute_nothing(command: Command, file: Path) -> None:
    evil = file.with_name("=cmd|calc!A0.onnx")
    shutil.copy(file.with_name("small.onnx"), evil)
    file.write_text(f'models = ["{evil.name}"]\nboards = ["stm32h7"]\n')
    assert command("sweep", file).code == 0
    assert table(file.with_suffix(".csv"))[0]["model"] == f"'{evil.name}"


Edit = Callable[[str], str]


@pytest.mark.parametrize(
    "edit, words",
    [
        (lambda _: "models = [", ["this is not TOML"]),
        (lambda text: text.replace("boards =", "bords ="), ["unknown key `bords`", "did you mean `boards`?"]),
        (lambda text: text.replace('"stm32h7"', '"stm32h9"'), ["there is no board `stm32h9`"]),
        (lambda text: text.replace('["stm32h7", "mine.toml"]', "3"), ["`boards` is no list of names"]),
        (lambda text: text.replace("models/*", "model/*"), ["no file is like `model/*.tflite`"]),
        (lambda text: text.replace("optimize", "optimise"), ["unknown option `optimise`", "did you mean `optimize`?"]),
        (lambda text: text.replace('"ram"', '"fun"'), ["`optimize` is", "options.optimize"]),
        (lambda text: text + "[accuracy]\nother = 1\n", ["`accuracy` names `other`"]),
        (lambda text: text + '[accuracy]\n"small.onnx" = "good"\n', ["`accuracy` is no table of numbers"]),
        (lambda text: "output = 3\n" + text, ["`output` is no path"]),
        (lambda text: 'output = "table.xls"\n' + text, ["is neither .csv nor .parquet"]),
    ],
)
def test_bad_input_is_refused_before_work(command: Command, file: Path, edit: Edit, words: list[str]) -> None:
    file.write_text(edit(SWEEP))
    command("sweep", file).refuses(*words)


def test_more_bad_input_is_refused(command: Command, file: Path) -> None:
    command("sweep", file.with_name("none.toml")).refuses("cannot read")
    command("sweep", file, "--workers", "0").refuses("0 processes cost nothing")
    command("sweep", file, "--scheduler", "nonsense://x").refuses("no Dask scheduler answers at nonsense://x")
