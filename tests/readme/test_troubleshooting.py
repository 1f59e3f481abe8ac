"""Each message of docs/troubleshooting.md is made to happen, and what is printed holds the text of the page.

A section is headed by its message; the block of text below has what is printed, whole lines, where `..` stands for
what differs from user to user. Here each has what makes it happen, in a folder with a model `digits.tflite`.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ariel_build import cli
from ariel_build.machine import process, resources
from tests.readme.test_snippets import write_gestures
from tests.zoo import FLOAT, Ends, node, onnx_file
from tools import pages
from tools.recorded import DIGITS, ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
MODEL = '\n[package.metadata.ariel]\nmodel = "digits.tflite"\n'


@dataclass(frozen=True)
class Place:
    """A folder of a user's, with a model in it."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def ariel(self, *words: str) -> str:
        """Returns what a command prints that does not succeed."""
        assert cli.main(list(words)) in (1, 2)
        out, err = self.capsys.readouterr()
        return out + err

    def programs(self, **programs: str) -> None:
        """Has PATH lead to these programs of the shell, and to nothing else."""
        folder = self.folder / "bin"
        folder.mkdir()
        for name, text in programs.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        self.monkeypatch.setenv("PATH", str(folder))

    def crate(self, metadata: str, main: str = "fn main() {}\n", build: str | None = None, features: str = "") -> None:
        """Writes a crate for this computer, with our crates from here."""
        path = {name: resources.path(name) for name in ("ariel-ml-rs", "ariel-ml-build")}
        (self.folder / "src").mkdir()
        (self.folder / "src" / "main.rs").write_text(main)
        if build is None:
            build = "fn main() { ariel_ml_build::compile(); }\n"
        if build:
            (self.folder / "build.rs").write_text(build)
        (self.folder / "Cargo.toml").write_text(
            '[package]\nname = "firmware"\nversion = "0.1.0"\nedition = "2024"\n\n'
            f'[dependencies]\nariel-ml-rs = {{ path = "{path["ariel-ml-rs"]}", features = [{features}] }}\n\n'
            f'[build-dependencies]\nariel-ml-build = {{ path = "{path["ariel-ml-build"]}" }}\n\n[workspace]\n{metadata}'
        )

    def cargo(self, *words: str, fails: bool = True, **env: str) -> str:
        """Returns what cargo prints, by a user's environment with our compiler."""
        given = {name: value for name, value in os.environ.items() if not name.startswith(("ARIEL_", "VIRTUAL_ENV"))}
        given |= {"ARIEL_PYTHON": sys.executable, "PYTHONPATH": str(ROOT), "CARGO_TERM_COLOR": "never"}
        given |= {"CARGO_TARGET_DIR": str(ROOT / "target" / "troubleshooting"), **env}
        given = {name: value for name, value in given.items() if value}
        done = process.run(["cargo", *words], timeout=1200, cwd=self.folder, env=given)
        assert (done.status != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr


def no_python(place: Place) -> str:
    place.crate(MODEL)
    # A python3 that has nothing, before any other.
    programs = place.folder / "bin"
    programs.mkdir()
    for name in ("python3", "python", "cargo-ariel"):
        (programs / name).write_text("#!/bin/sh\nexit 1\n")
        (programs / name).chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    return place.cargo("build", ARIEL_PYTHON="", PYTHONPATH="", PATH=path)


def other_version(place: Place) -> str:
    place.crate(MODEL)
    package = place.folder / "site" / "ariel_build"
    package.mkdir(parents=True)
    text = (resources.path("ariel-ml-rs").parent / "ariel_build" / "__init__.py").read_text()
    (package / "__init__.py").write_text(re.sub(r'__version__ = ".*?"', '__version__ = "0.0.9"', text))
    shutil.copy(ROOT / "ariel_build" / "__main__.py", package)
    return place.cargo("build", PYTHONPATH=str(package.parent))


def no_build_script(place: Place) -> str:
    place.crate(MODEL, "ariel_ml_rs::include_models!();\nfn main() {}\n", build="")
    return place.cargo("check")


def wrong_module(place: Place) -> str:
    main = 'ariel_ml_rs::include_models!();\nfn main() { println!("{}", keywords::MACS); }\n'
    place.crate(MODEL, main)
    return place.cargo("check")


def metadata(text: str) -> Callable[[Place], str]:
    """Returns what builds a crate with such metadata."""

    def build(place: Place) -> str:
        place.crate(text)
        return place.cargo("check")

    return build


def of_words(*words: str) -> Callable[[Place], str]:
    """Returns what runs a command of ours."""
    return lambda place: place.ariel(*words)


def broken(place: Place) -> str:
    (place.folder / "broken.tflite").write_bytes(DIGITS.read_bytes()[:3000])
    return place.ariel("inspect", "broken.tflite")


def other_format(place: Place) -> str:
    (place.folder / "net.h5").write_bytes(b"\x89HDF")
    return place.ariel("inspect", "net.h5")


def contradiction(place: Place) -> str:
    nodes = [node("MatMul", ["x", "w"], ["y"])]
    ends: tuple[Ends, Ends] = {"x": (FLOAT, [1, 3])}, {"y": (FLOAT, [1, 4])}
    onnx_file(place.folder / "net.onnx", nodes, *ends, {"w": np.ones((5, 4), np.float32)})
    return place.ariel("inspect", "net.onnx")


def unknown_operator(place: Place) -> str:
    nodes = [node("Warp", ["x"], ["y"], name="first")]
    onnx_file(place.folder / "net.onnx", nodes, {"x": (FLOAT, [1, 3])}, {"y": (FLOAT, [1, 3])})
    return place.ariel("compile", "net.onnx", "-o", "generated")


def run_with(**arrays: npt.NDArray[np.int8]) -> Callable[[Place], str]:
    """Returns what runs the model with such inputs."""

    def run(place: Place) -> str:
        np.savez(place.folder / "in.npz", **arrays)  # type: ignore[arg-type]
        return place.ariel("run", "digits.tflite", "--inputs", "in.npz", "--outputs", "out.npz")

    return run


def other_board(place: Place) -> str:
    lines = ('target = "thumbv7em-none-eabihf"', "[[cores]]", 'name = "a"', 'isa = "armv9"', "")
    (place.folder / "mine.toml").write_text("\n".join(lines))
    return place.ariel("inspect", "digits.tflite", "--board", "mine.toml")


def multiply(path: Path, rows: int, columns: int) -> None:
    """Writes a float model that multiplies by a matrix."""
    ends: tuple[Ends, Ends] = {"x": (FLOAT, [1, rows])}, {"y": (FLOAT, [1, columns])}
    onnx_file(path, [node("MatMul", ["x", "w"], ["y"])], *ends, {"w": np.ones((rows, columns), np.float32)})


def too_large(place: Place) -> str:
    multiply(place.folder / "net.onnx", 200, 200)
    return place.ariel("compile", "net.onnx", "-o", "generated", "--board", "gd32vf103")


def not_a_number(place: Place) -> str:
    multiply(place.folder / "net.onnx", 4, 3)
    np.savez(place.folder / "in.npz", x=np.full((4, 1, 4), np.nan, np.float32))
    return place.ariel("quantize", "net.onnx", "--calibration", "in.npz", "-o", "out.onnx")


def quantised(place: Place) -> str:
    np.savez(place.folder / "in.npz", input_0=IMAGES)
    return place.ariel("quantize", "digits.tflite", "--calibration", "in.npz", "-o", "out.onnx")


def existing(place: Place) -> str:
    (place.folder / "src").mkdir()
    return place.ariel("new", "src", "--board", "nrf52840", "--model", "digits.tflite")


def other_log(place: Place) -> str:
    lines = ("1 inferences, 1000 Hz", "step 0, 1 tiles, 5 ticks, 5 at most")
    (place.folder / "device.log").write_text("".join(f"ariel-profile keywords: {line}\n" for line in lines))
    return place.ariel("profile", "device.log", "digits.tflite")


def no_target(place: Place) -> str:
    # A rustc that knows its version, and no other target.
    place.programs(cargo="exit 1", rustc='[ "$1" = --version ] && echo "rustc 1.90.0 (0 2025-09-01)"')
    return place.ariel("verify", "digits.tflite", "--on", "qemu-cortex-m7")


def no_emulator(place: Place) -> str:
    place.monkeypatch.setattr(resources, "emulator", lambda _: None)
    return place.ariel("verify", "digits.tflite", "--on", "qemu-cortex-m7")


#: Prints the errors of the runtime.
RUN_TIME = """
use ariel_ml_rs::{Error, Wired, clock};
ariel_ml_rs::include_models!();
fn wire() -> Result<Wired<digits::Model>, Error> {
    ariel_ml_rs::wire!(digits)
}
fn main() {
    let model = wire().unwrap();
    println!("{}", wire().unwrap_err());
    println!("{}", digits::Input::from_f32(&[0.0; 3][..]).unwrap_err());
    println!("{}", gestures::Model::new().set_sizes(gestures::Sizes { time: 50 }).unwrap_err());
    let mut model = model.within::<clock::Std>(core::time::Duration::ZERO);
    println!("{}", model.run().map(|_| ()).unwrap_err());
}
"""


def at_run_time(place: Place) -> str:
    write_gestures(place.folder / "gestures.onnx")
    models = 'digits.path = "digits.tflite"\ngestures = { path = "gestures.onnx", dims = { time = "..=49" } }\n'
    place.crate(f"\n[package.metadata.ariel.models]\n{models}", RUN_TIME, features='"std"')
    return place.cargo("run", fails=False)


IMAGES = np.zeros((1, 1, 8, 8, 1), np.int8)
NAMED = "\n[package.metadata.ariel.models.digits]\n"
#: Headings of sections, and what makes them happen.
CASES: dict[str, Callable[[Place], str]] = {
    "no Python has ariel_build ..": no_python,
    "ariel_build .. is too old for ariel-ml-build ..": other_version,
    "no OUT_DIR: this crate needs a build.rs with": no_build_script,
    "use of unresolved module or unlinked crate": wrong_module,
    "[package.metadata.ariel] names no model": metadata("\n[package.metadata.ariel]\n"),
    "unknown key": metadata(MODEL + 'bord = "rp2350"\n'),
    ".. and .. stand together": metadata(MODEL + 'models = { a = { path = "digits.tflite" } }\n'),
    "does not exist": metadata('\n[package.metadata.ariel]\nmodel = "models/digits.tflite"\n'),
    "the model file is corrupt": broken,
    "this is no model file that Ariel-ML reads": other_format,
    "do not divide an input": contradiction,
    "is not supported": unknown_operator,
    "there is no board": metadata(MODEL + 'board = "rp2530"\n'),
    "is not an instruction set": other_board,
    ".. has .. core, not ..": of_words("inspect", "digits.tflite", "--board", "stm32h7", "--cores", "2"),
    "a size is written": metadata(f'{NAMED}path = "digits.tflite"\nbudget = {{ ram = "4 pages" }}\n'),
    "the model needs .. bytes of ram, its budget is": metadata(
        f'{NAMED}path = "digits.tflite"\nbudget = {{ ram = "1.5K" }}\n'
    ),
    "the model does not fit": too_large,
    "an inference takes about .., its deadline is": of_words(
        *("compile", "digits.tflite", "-o", "generated", "--board", "nrf52840"),
        *("--deadline", "1ms", "--strict-deadline"),
    ),
    "the model has no free dimension": of_words("inspect", "digits.tflite", "--dim", "time=3"),
    "`labels` has .. entries": metadata(f'{NAMED}path = "digits.tflite"\nlabels = ["yes", "no"]\n'),
    "the model is already wired": at_run_time,
    "the inference was given up": at_run_time,
    "there are more or fewer numbers than the tensor has elements": at_run_time,
    "a bounded dimension has 1 at least": at_run_time,
    "no MODEL is given": of_words("inspect"),
    "no Rust toolchain here can build for": no_target,
    "the emulator .. is not installed": no_emulator,
    "cannot be emulated here": of_words("verify", "digits.tflite", "--on", "rp2350"),
    "there is no such file": of_words("run", "digits.tflite", "--inputs", "in.npz", "--outputs", "out.npz"),
    "no array for the model's input": run_with(picture=IMAGES),
    "the model's input is": run_with(input_0=IMAGES[..., :7, :]),
    "the model is quantised already": quantised,
    "has NaN or an infinity in it": not_a_number,
    "the log has no profile of": other_log,
    "exists already": existing,
    "no project can be made for": of_words("new", "reader", "--board", "gd32vf103", "--model", "digits.tflite"),
}
ONE_BUILD = [heading for heading, case in CASES.items() if case is at_run_time]


def sections() -> dict[str, str]:
    """Returns the headings that are messages, with the text of their first block."""
    found = {}
    for section in PAGE.read_text(encoding="utf-8").split("\n### ")[1:]:
        heading, _, rest = section.partition("\n")
        texts = [block.text for block in pages.blocks(rest) if block.language == "text"]
        if texts:
            found[heading.removeprefix("`").removesuffix("`")] = texts[0]
    return found


def has(printed: str, text: str) -> bool:
    """Returns whether the lines of a text stand in what was printed, one below the other."""
    pattern = r"\n".join(
        "[^\n]*".join(re.escape(part) for part in line.split("..")) for line in text.strip().splitlines()
    )
    return re.search(rf"^{pattern} *$", printed, re.MULTILINE) is not None


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    """Returns a folder with a model, which is the current one."""
    shutil.copy(DIGITS, tmp_path / "digits.tflite")
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path, capsys, monkeypatch)


def test_every_message_has_what_makes_it_happen() -> None:
    assert list(sections()) == list(CASES)


@pytest.mark.target("thumbv7em-none-eabihf")
@pytest.mark.parametrize("heading", [heading for heading in CASES if heading not in ONE_BUILD])
def test_it_happens(place: Place, heading: str) -> None:
    check(CASES[heading](place), heading)


def test_it_happens_at_run_time(place: Place) -> None:
    printed = at_run_time(place)
    for heading in ONE_BUILD:
        check(printed, heading)


def check(printed: str, heading: str) -> None:
    text = sections()[heading]
    assert has(printed, text), f"{heading}: what is printed is\n{printed}\nthe page has\n{text}"
    assert has(" ".join(text.split()), f"..{heading}.."), "a reader looks for the heading's words"
