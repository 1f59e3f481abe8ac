"""Examples whose cores run programs of their own: the answers are those of one core, resets and strangers included."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ariel_build import boards
from ariel_build.machine import process
from ariel_build.run.emulate import command
from tests.examples import support

FOLDER = support.EXAMPLES / "digits-two-images"
#: FNV-1a of the answers to all images, as the example prints it.
ANSWERS = re.compile(r"^(\d+) of (\d+) right, answers ([0-9a-f]{8})$", re.MULTILINE)


def kept(program: Path, name: str, folder: Path) -> Path:
    """Returns a copy of a program, which the next build with other features does not overwrite."""
    return Path(shutil.copy(program, folder / name))


def both(lead: Path, helper: Path, folder: Path) -> process.Completed:
    """Runs the two programs, their cores kept in step by the counter of instructions, so that both take part."""
    board = boards.load("qemu-cortex-m33x2-images", first=True)
    words = command(board, lead, cores=2, count=True, others=[helper], say=print)
    return process.run(words, timeout=600, cwd=folder)


def build(image: str, folder: Path, *options: str) -> Path:
    """Returns one of the two programs."""
    program = support.build(f"digits-two-images/{image}", "--release", *options, program=f"digits-{image}")
    return kept(program, "-".join([image, *options]), folder)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both programs, plain and with resets."""
    folder = tmp_path_factory.mktemp("images")
    return {
        f"{image}{feature}": build(image, folder, *(["--features", "resets"] if feature else []))
        for image in ("help", "lead")
        for feature in ("", "+resets")
    }


def answers(text: str) -> str:
    """Returns the digest of the answers, of which as many are right as the training script recorded."""
    record, found = support.digits(), ANSWERS.search(text)
    assert found is not None, text
    assert (int(found[1]), int(found[2])) == (record["int8_correct"], record["images"])
    return found[3]


@pytest.mark.emulator("qemu-system-arm")
@pytest.mark.target("thumbv8m.main-none-eabi")
def test_resets_of_either_core_change_no_answer(programs: dict[str, Path], tmp_path: Path) -> None:
    plain = both(programs["lead"], programs["help"], tmp_path)
    assert plain.status == 0, plain.stderr
    units = [int(n) for n in re.findall(r"^core \d: (\d+) tiles and gates", plain.stdout, re.MULTILINE)]
    assert len(units) == 2
    assert all(units), "a core took no part"
    want = answers(plain.stdout)
    done = both(programs["lead+resets"], programs["help+resets"], tmp_path)
    assert done.status == 0, (done.stdout, done.stderr)
    assert answers(done.stdout) == want
    told = re.search(r"^core 0 was reset (\d+) times; (\d+) inferences were given up$", done.stdout, re.MULTILINE)
    assert told is not None
    # Core 1 was reset as well: that is why inferences are given up.
    assert int(told[1]) > 0
    assert int(told[2]) > 0


@pytest.mark.emulator("qemu-system-arm")
@pytest.mark.target("thumbv8m.main-none-eabi")
def test_a_helper_of_another_plan_is_refused_with_words(programs: dict[str, Path], tmp_path: Path) -> None:
    stranger = tmp_path / "help"
    shutil.copytree(FOLDER / "help", stranger, ignore=shutil.ignore_patterns("target"))
    shutil.copy(FOLDER / "sse200.rs", tmp_path)
    shutil.copy(FOLDER / "reset.rs", tmp_path)
    manifest = stranger / "Cargo.toml"
    text = manifest.read_text()
    text = text.replace('"../../digits-mps2-an500', f'"{support.EXAMPLES.as_posix()}/digits-mps2-an500')
    text = text.replace('"../../../ariel-ml', f'"{support.ROOT.as_posix()}/ariel-ml')
    # The same model, with other tiles.
    short = f'model = "{support.EXAMPLES.as_posix()}/digits-mps2-an500/models/digits.tflite"\n'
    assert short in text
    path = short.removeprefix("model = ").strip()
    text = text.replace(short, "")
    text = text.replace(
        "[features]", f'[package.metadata.ariel.models.digits]\npath = {path}\nmax-tile = "100us"\n\n[features]'
    )
    manifest.write_text(text)
    program = support.cargo_build("digits-two-images/help", stranger, "--release", program="digits-help")
    done = both(programs["lead"], program, tmp_path)
    assert done.status == 1
    said = re.search(
        r"core 1 does not help: the (?:plan|shared block) of this image is (\w+), that of the leader (\w+): ",
        done.stderr + done.stdout,
    )
    assert said is not None, done.stderr + done.stdout
    assert said[1] != said[2]


@pytest.mark.target("thumbv7em-none-eabihf")
@pytest.mark.parametrize("image", ["cm7", "cm4"])
def test_the_example_of_a_chip_builds(image: str) -> None:
    assert support.build(f"digits-stm32h747/{image}", "--release", program=f"digits-{image}").is_file()
