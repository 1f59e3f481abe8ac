"""`new`: a project for every board and executor, or a refusal by name; those that can run here are built and run."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.answers.layers import evaluate
from ariel_build.answers.samples import Samples
from ariel_build.config import metadata
from ariel_build.driver import import_file
from ariel_build.errors import InternalError
from ariel_build.machine import files, process, resources
from ariel_build.project.crates import build_finds_us, crate_path
from ariel_build.project.templates import EXECUTORS, render
from ariel_build.run import elf, toolchain
from tests.commands.conftest import Answer, Command
from tests.examples.support import TARGET
from tests.zoo import FLOAT, node, onnx_file
from tools.recorded import DIGITS, ROOT


def make(command: Command, folder: Path, model: Path, board: str, executor: str = "bare", *words: str | Path) -> Answer:
    answer = command("new", folder, "--model", model, "--board", board, "--executor", executor, *words)
    assert answer.code == 0, answer
    return answer


def config(project: Path) -> tuple[str, list[str]]:
    """Returns the target of a project and the command that runs it; `host` and none where it has no config."""
    file = project / ".cargo" / "config.toml"
    if not file.exists():
        return "host", []
    found = tomllib.loads(file.read_text())
    target: str = found["build"]["target"]
    table = found["target"]
    for part in target.split("."):
        table = table[part]
    return target, shlex.split(table["runner"])


def build(project: Path) -> Path:
    """Returns the program that cargo makes, without a warning."""
    target, _ = config(project)
    env = toolchain.find(target).environment() | {"ARIEL_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    env["CARGO_TARGET_DIR"] = str(TARGET)
    done = process.run(["cargo", "build", "--release"], timeout=1800, cwd=project, env=env)
    assert done.status == 0, done.stderr
    assert "warning" not in done.stderr, done.stderr
    folder = TARGET if target == "host" else TARGET / target
    return folder / "release" / project.name


def run(project: Path) -> str:
    """Returns what the project prints, by the command that its config names."""
    program = build(project)
    words: list[str | Path] = [*config(project)[1], program]
    if len(words) > 1:
        emulator = resources.emulator(str(words[0]))
        assert emulator is not None
        words[0] = emulator
    done = process.run(words, timeout=120, cwd=project)
    assert done.status == 0, done.stdout + done.stderr
    return done.stdout


def expected() -> str:
    """Returns what firmware with the digits' network prints for numbers from 0 to 1, as our reference computes it."""
    graph, _ = import_file(DIGITS, {}, "")
    takes = graph.inputs[0].type
    assert takes.quant is not None
    real = np.arange(64, dtype=np.float32) / np.float32(64)
    stored = np.clip(np.round(real / takes.quant.scale) + takes.quant.zero_point, -128, 127).astype(np.int8)
    answers = evaluate(graph, Samples([stored.reshape(1, *takes.shape)], (1,)))[graph.outputs[0]]
    gives = graph.outputs[0].type
    assert gives.quant is not None
    scores = (answers.ravel().astype(np.float32) - np.float32(gives.quant.zero_point)) * np.float32(gives.quant.scale)
    told = ", ".join(np.format_float_positional(score, trim="0") for score in scores)
    return f"digits answers [{told}]: element {answers.argmax()} is the greatest\n"


def emulated(board: str, executor: str, *more: pytest.MarkDecorator) -> object:
    loaded = boards.load(board)
    assert loaded.run is not None
    marks = [pytest.mark.emulator(loaded.run.emulator), pytest.mark.target(loaded.target), *more]
    return pytest.param(board, executor, marks=marks)


def built(board: str, executor: str, *more: pytest.MarkDecorator) -> object:
    return pytest.param(board, executor, marks=[pytest.mark.target(boards.load(board).target), *more])


@pytest.mark.parametrize(
    "board, executor",
    [
        emulated("qemu-cortex-m7", "bare"),
        emulated("qemu-cortex-m7", "embassy"),
        emulated("qemu-cortex-m7", "rtic"),
        emulated("qemu-cortex-m0", "bare", pytest.mark.at_length),
        emulated("qemu-cortex-m0", "rtic"),
        emulated("qemu-cortex-m3", "rtic", pytest.mark.at_length),
        emulated("qemu-riscv32", "bare"),
        emulated("qemu-riscv32", "embassy"),
        ("host", "bare"),
    ],
)
def test_a_new_project_answers_as_the_reference(command: Command, tmp_path: Path, board: str, executor: str) -> None:
    project = tmp_path / f"{board}-{executor}"
    answer = make(command, project, DIGITS, board, executor)
    assert f"cd {project}" in answer.out
    assert run(project) == expected()


@pytest.mark.parametrize(
    "board, executor",
    [
        # The examples hold these two.
        built("nrf52840", "embassy", pytest.mark.at_length),
        built("esp32-c6", "embassy", pytest.mark.at_length),
        built("nrf52840", "rtic", pytest.mark.at_length),
        built("rp2040", "bare"),
        built("esp32-c6", "bare", pytest.mark.at_length),
        built("nrf52833", "embassy", pytest.mark.at_length),
    ],
)
def test_firmware_for_a_chip_lies_in_its_memories(command: Command, tmp_path: Path, board: str, executor: str) -> None:
    project = tmp_path / f"{board}-{executor}"
    make(command, project, DIGITS, board, executor)
    memories = [range(memory.origin, memory.origin + memory.length) for memory in boards.load(board).memories]
    sections = elf.sections(build(project).read_bytes())
    placed = [section for section in sections if section.size and section.name != ".stack"]
    assert sum(section.size for section in placed if section.loaded) > 7984  # the weights alone
    for section in placed:
        assert any(section.address in memory for memory in memories), section


def two_inputs(folder: Path) -> Path:
    """Writes a model with two inputs of one size, whose sum and difference are its outputs."""
    nodes = [node("Add", ["left", "match"], ["sum"]), node("Sub", ["left", "match"], ["difference"])]
    ends = {"left": (FLOAT, [1, 4]), "match": (FLOAT, [1, 4])}
    return onnx_file(folder / "9 lives.onnx", nodes, ends, {"sum": (FLOAT, [1, 4]), "difference": (FLOAT, [1, 4])})


def test_several_inputs_and_a_name_that_is_no_identifier(command: Command, tmp_path: Path) -> None:
    project = tmp_path / "lives"
    make(command, project, two_inputs(tmp_path), "host")
    assert "sum: Output0([0.0, 0.5, 1.0, 1.5]), difference: Output1([0.0, 0.0, 0.0, 0.0])" in run(project)


@pytest.mark.parametrize("name", ["debug", "app", "cortex_m", "pac", "core"])
def test_a_model_that_is_called_like_something_in_the_firmware(
    command: Command, flip: Path, tmp_path: Path, name: str
) -> None:
    model = flip.rename(tmp_path / f"{name}.onnx")
    make(command, tmp_path / "p", model, "qemu-cortex-m7", "rtic")
    read = metadata.read((tmp_path / "p/Cargo.toml").read_text())
    assert list(read.models) == [f"{name}_model"]
    assert f"wire!({name}_model)" in (tmp_path / "p/src/main.rs").read_text()


def test_a_hostile_name_stays_in_its_comment(command: Command, flip: Path, tmp_path: Path) -> None:
    model = flip.rename(tmp_path / "a\nfn b() {} */{{x}}.onnx".replace("/", "_"))
    make(command, tmp_path / "p", model, "stm32f4")
    assert "\nfn b()" not in (tmp_path / "p/src/main.rs").read_text()
    (found,) = metadata.read((tmp_path / "p/Cargo.toml").read_text()).models.values()
    assert (tmp_path / "p" / found.path).read_bytes() == model.read_bytes()


def test_ariel_os_compiles_against_a_stand_in(command: Command, tmp_path: Path) -> None:
    """As the example for Ariel OS is tested: its names and types are those of tests/examples/ariel_os."""
    project = tmp_path / "digits-os"
    make(command, project, DIGITS, "rp2350", "ariel-os")
    assert "build" in (project / ".gitignore").read_text()
    laze = (project / "laze-project.yml").read_text()
    assert "- name: digits-os" in laze
    assert "- rpi-pico2" in laze
    manifest = (project / "Cargo.toml").read_text()
    lines = [line for line in manifest.splitlines() if "ariel-os-boards" not in line]
    stand_in = ROOT / "tests/examples/ariel_os"
    text = "\n".join(lines).replace("build/imports/ariel-os/src/ariel-os", stand_in.as_posix())
    (project / "Cargo.toml").write_text(text)
    (project / ".cargo/config.toml").unlink()
    printed = run(project)
    assert printed.endswith(expected())


@pytest.mark.parametrize("executor", EXECUTORS)
def test_every_board_has_a_project_or_a_reason(command: Command, flip: Path, tmp_path: Path, executor: str) -> None:
    for name in boards.known():
        board = boards.load(name)
        project = tmp_path / f"for-{name.replace('.', '-')}"
        answer = command("new", project, "--model", flip, "--board", name, "--executor", executor)
        if answer.code:
            answer.refuses("stands for many chips" if board.is_generic else "project can be made for ")
            assert not project.exists()
            continue
        read = metadata.read((project / "Cargo.toml").read_text())
        assert read.board == name
        assert read.cores in (None, 1)
        assert (read.cores == 1) == (len(board.cores) > 1)
        assert (project / "models/flip.onnx").read_bytes() == flip.read_bytes()
        text = (project / "src/main.rs").read_text()
        main = project / "src/main.rs"
        formatted = process.run(["rustfmt", "--check", "--edition", "2024", main], timeout=60)
        assert formatted.status == 0, formatted.stdout + formatted.stderr
        assert "{{" not in "".join(p.read_text() for p in project.rglob("*") if p.is_file() and p.suffix != ".onnx")
        assert "include_models!" in text
        if (project / "memory.x").exists():
            flash, ram = board.banks("flash")[0], board.banks("ram")[0]
            memory = (project / "memory.x").read_text()
            assert f"{flash.origin:#010x}" in memory
            assert f"ORIGIN = {ram.origin:#010x}" in memory
    made = {path.name.removeprefix("for-") for path in tmp_path.glob("for-*")}
    least = {
        "bare": {"host", "nrf52840", "nrf5340", "rp2040", "rp2350", "stm32f4", "stm32h7", "esp32-c3", "esp32-s3"},
        "embassy": {"nrf52840", "rp2040", "esp32-c6", "qemu-riscv32", "qemu-cortex-m33x2"},
        "rtic": {"nrf5340", "stm32f4", "stm32h7", "rp2350", "qemu-cortex-m0", "qemu-cortex-m33"},
        "ariel-os": {"nrf52840", "rp2040", "rp2350", "esp32-c6"},
    }[executor]
    assert least <= made
    assert "rp2040-sim" not in made


def test_options_become_metadata_with_the_files_that_they_name(command: Command, tmp_path: Path) -> None:
    labels = tmp_path / "digits.txt"
    labels.write_text("\n".join(map(str, range(10))))
    words: list[str | Path] = ["--labels", labels, "--deadline", "2s", "--budget", "ram=48K", "--optimize", "size"]
    make(command, tmp_path / "p", DIGITS, "stm32f4", "bare", *words)
    project = tmp_path / "p"
    read = metadata.read((project / "Cargo.toml").read_text()).models["digits"]
    assert (read.deadline, read.budget.ram, read.optimize) == (2.0, 48 << 10, "size")
    assert isinstance(read.labels, Path)
    assert (project / read.labels).read_text() == labels.read_text()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_classes_are_printed_by_their_names(command: Command, tmp_path: Path, executor: str) -> None:
    """On this computer where it can be built, and the text of the others."""
    labels = "zero,one,two,three,four,five,six,seven,eight,nine"
    board = "host" if executor == "bare" else "nrf52840" if executor in ("embassy", "rtic") else "rp2350"
    make(command, tmp_path / "p", DIGITS, board, executor, "--labels", labels)
    source = (tmp_path / "p/src/main.rs").read_text()
    assert "let (class, score) = output.top();" in source
    if board == "host":
        greatest = int(expected().split()[-4])
        name = labels.split(",")[greatest]
        assert re.fullmatch(rf"digits answers {name}, with 0\.[0-9]+\n", run(tmp_path / "p"))


def test_a_board_of_the_users_own(command: Command, flip: Path, tmp_path: Path) -> None:
    text = (ROOT / "boards/stm32f4.toml").read_text()
    own = tmp_path / "ours.toml"
    own.write_text(text[: text.index("[project]")])
    make(command, tmp_path / "p", flip, str(own))
    read = metadata.read((tmp_path / "p/Cargo.toml").read_text())
    assert read.board == "boards/ours.toml"
    assert (tmp_path / "p" / read.board).read_text() == own.read_text()
    # Which chip probe-rs is to flash, nobody here knows.
    assert '# runner = "probe-rs run --chip ..' in (tmp_path / "p/.cargo/config.toml").read_text()
    make(command, tmp_path / "q", flip, str(own), "embassy")
    answer = command("new", tmp_path / "r", "--model", flip, "--board", own, "--executor", "rtic")
    answer.refuses("no rtic project can be made for ours", "the chip's interrupts", "for this board: bare, embassy")


def test_refusals_make_nothing(command: Command, flip: Path, exotic: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    before = sorted(tmp_path.rglob("*"))

    def new(name: str, *words: str | Path, model: Path = flip) -> Answer:
        return command("new", tmp_path / name, "--model", model, *words)

    new("there", "--board", "host").refuses("exists already", "cargo ariel init")
    new("crate!", "--board", "host").refuses("`crate!` is no name for a package")
    new("match", "--board", "host").refuses("a package cannot be named `match`")
    new("p", "--board", "stm32h9").refuses("there is no board `stm32h9`")
    new("p", "--board", "generic-thumbv7m").refuses("stands for many chips")
    new("p", "--board", "gd32vf103").refuses("neither a HAL nor a start-up crate", "cargo ariel init")
    new("p", "--board", "esp32-c6", "--executor", "rtic").refuses("no rtic project", "bare, embassy")
    new("p", "--board", "stm32h7", "--executor", "ariel-os").refuses("its board of Ariel OS is not known")
    new("p", "--board", "host", model=exotic).refuses("Warp")
    new("p", "--board", "host", model=tmp_path / "none.tflite").refuses("none.tflite")
    nodes = [node("Add", ["x", "x"], ["y"])]
    large = onnx_file(tmp_path / "large.onnx", nodes, {"x": (FLOAT, [1, 9000])}, {"y": (FLOAT, [1, 9000])})
    before.append(large)
    new("p", "--board", "qemu-cortex-m0", model=large).refuses("does not fit qemu-cortex-m0")
    assert sorted(tmp_path.rglob("*")) == sorted(before)


def test_a_workspace_that_would_swallow_it(command: Command, flip: Path, tmp_path: Path) -> None:
    (tmp_path / "crates").mkdir()
    manifest = tmp_path / "Cargo.toml"
    manifest.write_text('[workspace]\nmembers = ["crates/*"]\n')
    words = ["--model", flip, "--board", "host"]
    command("new", tmp_path / "crates/reader", *words).refuses("takes `crates/reader` for a member", "exclude = ")
    assert command("new", tmp_path / "firmware", *words).code == 0
    manifest.write_text('[workspace]\nmembers = ["crates/*"]\nexclude = ["crates/reader"]\n')
    assert command("new", tmp_path / "crates/reader", *words).code == 0
    done = process.run(["cargo", "metadata", "--no-deps", "--offline"], timeout=60, cwd=tmp_path / "crates/reader")
    assert done.status == 0, done.stderr


def test_a_disk_that_fails_leaves_nothing(
    command: Command, flip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.name == "memory.x":
            raise OSError(28, "No space left on device", str(self))
        return written(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    answer = command("new", tmp_path / "p", "--model", flip, "--board", "stm32f4")
    answer.refuses("No space left on device")
    assert sorted(tmp_path.iterdir()) == [flip]


def test_a_folder_that_appears_meanwhile_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    with pytest.raises(FileExistsError):
        files.make_folder(tmp_path / "p", {"a/b": b"c"})
    assert list(tmp_path.rglob("*")) == [tmp_path / "p"]


def test_crates_are_named_by_a_path_that_can_move_with_the_project() -> None:
    runtime = resources.path("ariel-ml-rs")
    assert crate_path("ariel-ml-rs", runtime.parent / "firmware") == "../ariel-ml-rs"
    assert crate_path("ariel-ml-rs", runtime.parent) == "ariel-ml-rs"
    assert crate_path("ariel-ml-rs", Path("/elsewhere/firmware")) == runtime.as_posix()


def test_who_is_not_found_by_the_build_is_told(tmp_path: Path, command: Command, flip: Path) -> None:
    assert not build_finds_us(tmp_path, {"PATH": "/nowhere"})
    assert build_finds_us(tmp_path, {"PATH": "/nowhere", "VIRTUAL_ENV": sys.prefix})
    assert build_finds_us(tmp_path, {"PATH": "/nowhere", "ARIEL_PYTHON": "python3"})
    (tmp_path / ".venv").symlink_to(sys.prefix)
    assert build_finds_us(tmp_path, {"PATH": "/nowhere"})


def test_slots() -> None:
    assert render("a {{x}}\n\n  {{y}}\n  b\n", {"x": "1", "y": "c\nd {{x}}"}) == "a 1\n\n  c\n  d 1\n  b\n"
    assert render("a\n\n{{y}}\n\nb", {"y": ""}) == "a\n\nb\n"
    with pytest.raises(InternalError, match="nobody fills"):
        render("{{z}}", {})
