"""`profile`: what a device printed, step by step, beside the prediction; and the device is an emulated one."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from ariel_build.boards import load
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.machine import process, resources
from ariel_build.report.profile import Line, Measured, read_log
from tests.commands.conftest import Command
from tests.commands.test_new import build, config, make
from tools.recorded import DIGITS

LOG = """\
0.001 INFO  booted
0.402 INFO  ariel-profile digits: 2 inferences, 1000000 Hz
0.403 INFO  ariel-profile digits: step 0, 16 tiles, 9 ticks, 3 at most
12:01 [INFO ] ariel-profile digits: 10 inferences, 25000000 Hz (src/main.rs:12)
[INFO ] ariel-profile digits: step 0, 80 tiles, 250000 ticks, 5000 at most (src/main.rs:12)
ariel-profile other: step 0, 1 tiles, 2 ticks, 3 at most
noise
[INFO ] ariel-profile digits: step 2, 10 tiles, 750000 ticks, 80000 at most
ariel-profile digits: rest, 1 tiles, 0 ticks, 0 at most
"""


def test_a_log_is_read_whatever_is_around_it() -> None:
    found = read_log(LOG)
    steps = {0: Line(80, 250_000, 5000), 2: Line(10, 750_000, 80_000)}
    assert found == {"digits": Measured(10, 25_000_000, steps, Line(1, 0, 0))}


def test_rows_are_means_beside_the_prediction(command: Command, tmp_path: Path) -> None:
    log = tmp_path / "device.log"
    log.write_text(LOG)
    answer = command("profile", log, DIGITS, "--board", "stm32f4", "--json")
    assert answer.code == 0, answer
    facts = json.loads(answer.out)
    first, second = facts["steps"]
    # 25,000 ticks of 25 MHz are 1 ms, at 168 MHz so many cycles.
    assert (first["microseconds"], first["cycles"], first["tiles"]) == (1000.0, 168_000, 8)
    assert (first["share"], second["share"]) == (0.25, 0.75)
    assert second["longest_us"] == 3200.0
    assert first["ratio"] == pytest.approx(168_000 / first["predicted_cycles"], abs=1e-3)
    told = command("profile", log, DIGITS, "--board", "stm32f4")
    assert "mean of 10 inferences, predicted for stm32f4" in told.out
    assert "a `Profile<N>` with a larger N" in told.out


#: The steps of the digits' network on one core, as a device prints them.
WHOLE = "ariel-profile digits: 10 inferences, 25000000 Hz\n" + "".join(
    f"ariel-profile digits: step {step}, 80 tiles, 250000 ticks, 5000 at most\n" for step in range(32)
)


def test_a_log_that_is_cut_off_is_told(command: Command, tmp_path: Path) -> None:
    log = tmp_path / "device.log"
    steps = len(compile_model(DIGITS, ModelOptions(path=DIGITS), load("stm32f4"), "digits").schedule.steps)
    whole = WHOLE.splitlines(keepends=True)[: steps + 1]
    assert len(whole) == steps + 1
    log.write_text("".join(whole))
    answer = command("profile", log, DIGITS, "--board", "stm32f4", "--json")
    assert (answer.err, json.loads(answer.out)["missing_steps"]) == ("", [])
    log.write_text("".join(whole[:-1]))
    answer = command("profile", log, DIGITS, "--board", "stm32f4", "--json")
    assert answer.code == 0
    assert json.loads(answer.out)["missing_steps"] == [steps - 1]
    assert f"warning: the log is cut off: it has no line of step {steps - 1};" in answer.err
    # In the middle of a line, and so behind the last number that it has.
    for end in (-2, -12, -30):
        log.write_text("".join(whole)[:end])
        assert "warning: the log is cut off: " in command("profile", log, DIGITS, "--board", "stm32f4").err
    assert read_log("".join(whole)[:-2])["digits"].cut
    assert not read_log("".join(whole))["digits"].cut


def test_refusals(command: Command, tmp_path: Path) -> None:
    log = tmp_path / "device.log"
    command("profile", log, DIGITS).refuses("cannot read the log")
    log.write_text("booted\n")
    command("profile", log, DIGITS).refuses("the log has no profile of `digits`", "docs/profile.md")
    log.write_text(LOG.replace("digits", "words"))
    command("profile", log, DIGITS).refuses("it has those of words")
    log.write_text(LOG.replace("step 2", "step 99"))
    command("profile", log, DIGITS).refuses("the log has a step 99", "the options")
    log.write_text(LOG.replace("10 inferences", "0 inferences"))
    command("profile", log, DIGITS).refuses("of no inference")


def test_who_gives_rows_is_no_step_of_a_log(command: Command, tmp_path: Path) -> None:
    log = tmp_path / "device.log"
    steps = compile_model(DIGITS, ModelOptions(DIGITS, cores=1, stream=True), load("stm32f4"), "digits").schedule.steps
    lines = [
        f"ariel-profile digits: step {step}, 80 tiles, 250000 ticks, 5000 at most\n" for step in range(1, len(steps))
    ]
    log.write_text("ariel-profile digits: 10 inferences, 25000000 Hz\n" + "".join(lines))
    answer = command("profile", log, DIGITS, "--board", "stm32f4", "--stream", "--json")
    assert json.loads(answer.out)["missing_steps"] == []
    log.write_text("ariel-profile digits: 10 inferences, 25000000 Hz\n" + "".join(lines[1:]))
    answer = command("profile", log, DIGITS, "--board", "stm32f4", "--stream", "--json")
    assert json.loads(answer.out)["missing_steps"] == [1]


@dataclass(frozen=True)
class Counter:
    """How firmware counts on an emulated board: statements before, the function, its Hz; and QEMU's words for time."""

    board: str
    begin: str
    body: str
    hertz: int
    icount: str
    #: Measured cycles for each predicted one.
    ratio: tuple[float, float]


#: QEMU's `mcycle` counts instructions with `shift=0`: what the prediction is of.
MCYCLE = Counter("qemu-riscv32", "", "riscv::register::mcycle::read() as u32", 10**9, "shift=0", (0.8, 1.3))
#: SysTick counts down, in 24 bits, at 25 MHz; an instruction takes 32 ns, 0.8 cycles of that.
SYSTICK = Counter(
    "qemu-cortex-m7",
    """let mut core = cortex_m::Peripherals::take().expect("taken once");
    core.SYST.set_clock_source(cortex_m::peripheral::syst::SystClkSource::Core);
    core.SYST.set_reload(0xff_ffff);
    core.SYST.clear_current();
    core.SYST.enable_counter();
    """,
    "(0xff_ffff - cortex_m::peripheral::SYST::get_current()) << 8",
    25_000_000 * 256,
    "shift=5",
    (0.6, 1.1),
)


@pytest.mark.parametrize(
    "counter",
    [
        pytest.param(counter, id=counter.board, marks=[pytest.mark.emulator(emulator), pytest.mark.target(target)])
        for counter, emulator, target in (
            (MCYCLE, "qemu-system-riscv32", "riscv32imac-unknown-none-elf"),
            (SYSTICK, "qemu-system-arm", "thumbv7em-none-eabihf"),
        )
    ],
)
def test_on_an_emulated_core(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counter: Counter
) -> None:
    project = tmp_path / f"clocked-{counter.board}"
    make(command, project, DIGITS, counter.board)
    manifest = project / "Cargo.toml"
    text = manifest.read_text()
    lean = "default-features = false }"
    assert lean in text
    manifest.write_text(text.replace(lean, 'default-features = false, features = ["profile"] }', 1))
    main = project / "src/main.rs"
    text = main.read_text()
    call = 'let output = model.run().expect("no budget to exceed");'
    assert call in text
    (printed,) = set(re.findall(r"\b(h?println)!", text))
    profiled = f"""{counter.begin}let mut profile = Profile::<16>::new("digits", cycles, {counter.hertz});
    profile.run(&mut model);
    let input = model.input_mut();
    input.fill_from(samples(input.len())).expect("as many as it has");
    let output = profile.run(&mut model);
    {printed}!("{{}}", profile);"""
    counting = f"use ariel_ml_rs::profile::Profile;\n\nfn cycles() -> u32 {{\n    {counter.body}\n}}\n"
    main.write_text(f"{text.replace(call, profiled)}\n{counting}")
    program = build(project)
    _, (name, *options) = config(project)
    emulator = resources.emulator(name)
    assert emulator is not None
    done = process.run([emulator, "-icount", counter.icount, *options, program], timeout=120, cwd=tmp_path)
    assert done.status == 0, done.stdout + done.stderr
    assert ": element 4 is the greatest" in done.stdout
    (tmp_path / "device.log").write_text(done.stdout)
    monkeypatch.chdir(project)
    answer = command("profile", tmp_path / "device.log", "--json")
    assert answer.code == 0, answer
    facts = json.loads(answer.out)
    options_of = ModelOptions(path=DIGITS, cores=1)
    steps = compile_model(DIGITS, options_of, load(counter.board), "digits").schedule.steps
    assert [row["step"] for row in facts["steps"]] == list(range(len(steps)))
    assert [row["tiles"] for row in facts["steps"]] == [len(step.tiles) for step in steps]
    low, high = counter.ratio
    for row in facts["steps"]:
        if row["share"] > 0.05:
            assert low < row["ratio"] < high, facts
    assert "ratio" in command("profile", tmp_path / "device.log").out
