"""The emulated RP2040: instructions, answers and cycles on one and two cores, ways to fail, and firmware of others."""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.answers.samples import Samples
from ariel_build.commands.run import execute_compiled, laid_out
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.errors import BoardError, InternalError, SetupError
from ariel_build.machine import process, resources
from ariel_build.machine.process import Completed
from ariel_build.run import firmware, timeline
from ariel_build.run.emulate import Emulated, emulate
from ariel_build.run.emulators import rp2040
from ariel_build.run.firmware import Subject
from ariel_build.run.stats import Stats
from tools.recorded import DIGITS

BOARD = boards.load("rp2040-sim")
HERE = Path(__file__).parent
Fake = Callable[[int], Subject]

emulated = pytest.mark.pico
on_board = pytest.mark.target(BOARD.target)


def run(subject: Subject, *what: str, timeout: float = 60) -> Emulated:
    """Runs a fake model on the samples, counting, on one core."""
    samples = [sample.encode() + bytes(range(1, 8)) for sample in what]
    return emulate(BOARD, firmware.build(BOARD, subject), samples, count=True, timeout=timeout)


def node(*words: str | Path) -> Completed:
    """Runs node on a script of ours or of these tests."""
    return process.run(["node", *words], timeout=120, env={**os.environ, **rp2040.environment()})


@emulated
@pytest.mark.parametrize("script", sorted(rp2040.HARNESS.glob("*.mjs")), ids=lambda path: path.name)
def test_scripts_are_well_formed(script: Path) -> None:
    done = node("--check", script)
    assert not done.status, done.stderr


@emulated
def test_instructions_do_what_they_do_in_rp2040js() -> None:
    done = node(HERE / "rp2040" / "execute.test.mjs", rp2040.HARNESS)
    assert not done.status, done.stderr
    assert done.stdout.endswith("instructions agree\n")


@emulated
def test_cores_sleep_wake_and_meet_as_on_the_chip() -> None:
    done = node(HERE / "rp2040" / "chip.test.mjs", rp2040.HARNESS)
    assert not done.status, done.stderr


@emulated
@on_board
@pytest.mark.parametrize(
    "what, words",
    [("f", "met a fault of the core"), ("p", "panicked"), ("e", "an error from `infer`")],
    ids=["fault", "panic", "error"],
)
def test_firmware_that_fails_is_a_defect_with_its_reason(fake: Fake, what: str, words: str) -> None:
    with pytest.raises(InternalError, match=words):
        run(fake(1000), what)


@emulated
@on_board
def test_firmware_that_hangs_is_stopped(fake: Fake) -> None:
    with pytest.raises(InternalError, match="did not end within 4 seconds"):
        run(fake(1000), "h", timeout=2)


@emulated
@on_board
def test_a_stack_that_leaves_the_ram_is_told(fake: Fake) -> None:
    with pytest.raises(BoardError, match="its stack grew into the data"):
        # All of the RAM but less than what this recursion takes.
        run(fake(255 * 1024), "d")


def execution(path: Path, samples: Samples | None, cores: int) -> tuple[list[bytes], Stats]:
    """Compiles a model for the board and returns its answers and what they took; without samples it makes two up."""
    compiled = compile_model(path, replace(ModelOptions(path), cores=cores), BOARD, "model")
    size = compiled.graph.inputs[0].type.bytes
    raw = samples.raw() if samples else [bytes((7 * k + j) % 128 for j in range(size)) for k in range(2)]
    done = execute_compiled(compiled, BOARD, raw, cores=cores)
    assert done.stats is not None
    return done.outputs, done.stats


def cycles(stats: Stats) -> float:
    """Returns the modelled cycles from start to end."""
    value = stats["cycles"]
    assert isinstance(value, int | float)
    return value


@emulated
@on_board
def test_two_cores_share_a_small_model_and_answer_as_the_host(tmp_path: Path) -> None:
    (one, alone), (two, both) = (execution(DIGITS, None, cores) for cores in (1, 2))
    compiled = compile_model(DIGITS, ModelOptions(DIGITS), boards.load("host"), "model")
    size = compiled.graph.inputs[0].type.bytes
    raw = [bytes((7 * k + j) % 128 for j in range(size)) for k in range(2)]
    assert one == two == execute_compiled(compiled, boards.load("host"), raw, stats=False).outputs
    # A millisecond of work is cut into few tiles: the larger model below comes nearer to two.
    assert cycles(alone) / cycles(both) > 1.6
    assert alone["cycles_kind"] == "modelled"
    assert alone["makespan_instructions"] == alone["instructions_per_inference"]
    assert both["makespan_instructions"] is None
    for key in ("instructions_per_core", "cycles_per_core", "stack_per_core"):
        per_core = both[key]
        assert isinstance(per_core, list)
        assert all(isinstance(number, int | float) and number > 0 for number in per_core)
    # A core does not work longer than the inference takes, but for a few instructions at its ends.
    busy = both["cycles_per_core"]
    assert isinstance(busy, list)
    assert all(number is not None and 0.7 * cycles(both) < number < 1.01 * cycles(both) for number in busy)


@emulated
@on_board
def test_the_timeline_has_every_tile_once_in_cycles() -> None:
    model = compile_model(DIGITS, replace(ModelOptions(DIGITS), cores=2), BOARD, "model")
    assert model.units is not None
    with laid_out(model) as folder:
        told = timeline.record(folder, "model", model.units, BOARD, bytes(64))
    tiles = sorted((u.step, u.tile.start, u.tile.end) for u in model.units.units if u.step is not None)
    assert sorted((span.step, *span.units) for span in told.spans) == tiles
    assert told.unit == "cycles"
    assert all(0 < span.start < span.end < told.makespan for span in told.spans)


@emulated
@on_board
def test_two_runs_agree_to_the_cycle() -> None:
    assert execution(DIGITS, None, 2) == execution(DIGITS, None, 2)


@emulated
@on_board
@pytest.mark.models
def test_keyword_spotting_is_exact_and_nearly_twice_as_fast_on_two_cores(models: Path) -> None:
    folder = models / "dev" / "mlperf_kws_int8"
    given, want = np.load(folder / "in_0.npy")[:1], np.load(folder / "expected_0.npy")[:1]
    samples = Samples([given], (1,))
    (one, alone), (two, both) = (execution(folder / "model.tflite", samples, cores) for cores in (1, 2))
    assert one == two == [want.tobytes()]
    # Depthwise lines gain more on one core, which works in place of their input, than on two.
    assert cycles(alone) / cycles(both) > 1.75
    assert cycles(both) < 7_700_000


@emulated
@on_board
def test_any_firmware_runs_by_one_command(fake: Fake, tmp_path: Path) -> None:
    image = firmware.build(BOARD, fake(1000))
    (tmp_path / "in.bin").write_bytes(struct.pack("<II", 1, 8) + b"n1234567")
    command = [sys.executable, "-m", "ariel_build.run.rp2040_sim"]

    def ended(*words: str | Path) -> Completed:
        return process.run([*command, *words], cwd=tmp_path, timeout=120, env=dict(os.environ))

    assert ended("--counts", "counts.json", image).status == 0
    assert [set(section) for section in json.loads((tmp_path / "counts.json").read_text())["sections"]] == [
        {"cycles", "executed", "idle", "awake"}
    ] * 2
    stopped = ended("--limit", "1000", image)
    assert stopped.status == 3
    assert "did not end within 1000 clock cycles" in stopped.stderr
    assert ended("no-such-file").status == 2
    assert "usage" in ended().stderr


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Returns a maker of machines: without rp2040js, with a node that says this, or with none."""

    def make(version: str) -> None:
        monkeypatch.setattr("shutil.which", lambda name: name if version else None)
        monkeypatch.setattr(process, "run", lambda *_, **__: Completed(0, version, ""))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    return make


@pytest.mark.parametrize(
    "version, message, help",
    [
        ("", "there is no `node`", "sudo apt-get install --no-install-recommends nodejs npm"),
        ("v16.20.2", "this is `v16.20.2`", "nodejs.org"),
        (
            "v18.20.4",
            "rp2040js@1.4.1, which emulates the RP2040, is not here",
            "npm install --ignore-scripts --prefix {}",
        ),
    ],
    ids=["no node", "an old one", "no rp2040js"],
)
def test_what_is_missing_is_told_with_the_command(
    machine: Callable[[str], None], version: str, message: str, help: str
) -> None:
    machine(version)
    with pytest.raises(SetupError, match=message) as refusal:
        rp2040.command()
    assert help.format(resources.rp2040js_home()) in refusal.value.render()
