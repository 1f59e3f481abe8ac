"""A firmware crate built by the real cargo: what a user sees, and when Python runs.

The compiler is a copy of this package with a stub in the place of driver.py, so that tests may change it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import tomlkit

import ariel_build
from ariel_build.machine import resources

pytestmark = pytest.mark.skipif(shutil.which("cargo") is None, reason="no cargo")

DRIVER = '''
"""Copies the model, so that tests see what became of it."""
from dataclasses import dataclass
from pathlib import Path

from ariel_build.errors import Diagnostic, UnsupportedError


@dataclass
class Compiled:
    module_text: str
    weights: bytes
    notes: tuple[str, ...] = ()
    dependencies: tuple[Path, ...] = ()
    elsewhere: tuple[str, ...] = ()
    features: frozenset[str] = frozenset()


def refuse_misfits(*_, **__):
    pass


def compile_model(path, options, board, module, *, portable, must_fit, blob):
    data = path.read_bytes()
    if data == b"unsupported":
        problems = [Diagnostic(f"Conv{n}d has 3 groups", f"{path}: operator {n}", "re-export it") for n in (2, 3)]
        raise UnsupportedError(problems)
    if data == b"defect":
        raise KeyError("surprise")
    text = f"""/// Copied.
pub mod {module} {{
    /// Its bytes.
    pub static WEIGHTS: &[u8] = include_bytes!("{module}.weights");
    /// The version of the compiler.
    pub const COMPILER: u32 = 1;
}}
"""
    return Compiled(text, data, ("dimension `time` is free: 1 is taken",) if data == b"free" else ())
'''
MAIN = """
include!(concat!(env!("OUT_DIR"), "/ariel_models.rs"));
fn main() {
    println!("{} {}", String::from_utf8_lossy(keywords::WEIGHTS), keywords::COMPILER);
}
"""


@dataclass
class Firmware:
    """A crate of its own workspace, the compiler it is built with, and how often Python ran."""

    root: Path
    site: Path
    python: Path
    log: Path
    env: dict[str, str]
    stderr: str = field(default="", init=False)

    def cargo(self, *arguments: str, **env: str | None) -> subprocess.CompletedProcess[str]:
        changed = {name: value for name, value in {**self.env, **env}.items() if value is not None}
        command = [shutil.which("cargo") or "cargo", *arguments]
        answer = subprocess.run(command, cwd=self.root, env=changed, capture_output=True, text=True, check=False)
        self.stderr = answer.stderr
        return answer

    def run(self, **env: str | None) -> str:
        """Returns what the firmware prints."""
        answer = self.cargo("run", "-q", **env)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.strip()

    def checks(self, **env: str | None) -> bool:
        """Whether the firmware's code is right; links nothing."""
        return self.cargo("check", **env).returncode == 0

    def errors(self, **env: str | None) -> list[str]:
        """Returns the lines that cargo shows as errors of the package in a build that fails."""
        answer = self.cargo("build", **env)
        assert answer.returncode == 101, answer.stderr
        prefix = "error: firmware@0.1.0: "
        return [line.removeprefix(prefix) for line in answer.stderr.splitlines() if line.startswith(prefix)]

    def runs(self) -> int:
        """Returns how often Python was started since the last time this was asked."""
        count = self.log.read_text().count("\n") if self.log.exists() else 0
        self.log.write_text("")
        return count


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns one target folder for all tests: the build dependency is compiled once."""
    return tmp_path_factory.mktemp("target")


@pytest.fixture
def firmware(tmp_path: Path, target: Path) -> Firmware:
    """Returns a crate that is built with a copy of the compiler through `ARIEL_PYTHON`."""
    site = tmp_path / "site"
    package = Path(ariel_build.__file__).parent
    shutil.copytree(
        package, site / "ariel_build", ignore=shutil.ignore_patterns("__pycache__", "harness", "ariel-ml-*")
    )
    if not (site / "ariel_build" / "_data").exists():
        shutil.copytree(resources.path("boards"), site / "boards")
    (site / "ariel_build" / "driver.py").write_text(DRIVER)
    log = tmp_path / "python.log"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho run >> "{log}"\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)

    root = tmp_path / "firmware"
    (root / "src").mkdir(parents=True)
    (root / "models").mkdir()
    (root / "models" / "keywords.tflite").write_bytes(b"one")
    (root / "src" / "main.rs").write_text(MAIN)
    (root / "build.rs").write_text("fn main() {\n    ariel_ml_build::compile();\n}\n")
    manifest = tomlkit.parse("""
[package]
name = "firmware"
version = "0.1.0"
edition = "2021"

[package.metadata.ariel]
model = "models/keywords.tflite"

[build-dependencies.ariel-ml-build]
path = ""

[workspace]
""")
    manifest["build-dependencies"]["ariel-ml-build"]["path"] = str(resources.path("ariel-ml-build"))
    (root / "Cargo.toml").write_text(tomlkit.dumps(manifest))

    # PYTHONDONTWRITEBYTECODE would hide that Python writes its caches beside the compiler while it compiles.
    ours = ("ARIEL_", "PYTHON", "VIRTUAL_ENV", "CARGO_", "RUST_BACKTRACE")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours) or name == "CARGO_HOME"}
    env |= {"CARGO_TARGET_DIR": str(target), "CARGO_NET_OFFLINE": "true", "CARGO_TERM_COLOR": "never"}
    env |= {"ARIEL_PYTHON": str(python), "PYTHONPATH": str(site)}
    # Each crate is another one, and nobody looks into it with a debugger.
    env |= {"CARGO_INCREMENTAL": "0", "CARGO_PROFILE_DEV_DEBUG": "false"}
    return Firmware(root, site, python, log, env)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def empty_venv(folder: Path, *sites: Path) -> Path:
    """Returns the interpreter of a new virtual environment without pip, which finds modules in `sites`."""
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "sites.pth").write_text("".join(f"{site}\n" for site in sites))
    return folder / "bin" / "python"


def only_rust(firmware: Firmware) -> str:
    """Returns a PATH without Python, where Rust allows it, after a build that has linked the build script."""
    firmware.run()
    rustc = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True)
    return str(Path(rustc.stdout.strip()) / "bin")


def test_python_starts_once_for_a_build_and_not_at_all_for_an_unchanged_one(firmware: Firmware) -> None:
    assert firmware.run() == "one 1"
    assert firmware.runs() == 1
    # The first build has written __pycache__ into the compiler's folder: nothing to do with its sources.
    assert list(firmware.site.rglob("*.pyc"))
    for _ in range(2):
        assert firmware.run() == "one 1"
    assert firmware.runs() == 0


def test_a_change_of_the_model_rebuilds(firmware: Firmware) -> None:
    firmware.run()
    (firmware.root / "models" / "keywords.tflite").write_bytes(b"two")
    assert firmware.run() == "two 1"
    assert firmware.runs() == 2


def test_a_change_of_the_metadata_rebuilds(firmware: Firmware) -> None:
    firmware.run()
    (firmware.root / "models" / "v2").mkdir()
    (firmware.root / "models" / "v2" / "keywords.tflite").write_bytes(b"v2")
    change(firmware.root / "Cargo.toml", "models/keywords", "models/v2/keywords")
    assert firmware.run() == "v2 1"
    assert firmware.runs() == 2


def test_a_change_of_the_compiler_rebuilds(firmware: Firmware) -> None:
    firmware.run()
    # Another size: Python takes its cache for valid where size and second are the same.
    change(firmware.site / "ariel_build" / "driver.py", "u32 = 1", "u32 = 22")
    assert firmware.run() == "one 22"
    assert firmware.runs() == 2


def test_another_installed_version_of_the_compiler_rebuilds(firmware: Firmware) -> None:
    installed = firmware.site / "ariel_build-0.1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Name: ariel-build\n")
    firmware.run()
    firmware.run()
    assert firmware.runs() == 1
    # An installer may give its files old dates.
    installed.rename(installed.with_name("ariel_build-0.1.1.dist-info"))
    firmware.run()
    firmware.run()
    assert firmware.runs() == 1


def test_changes_of_boards_and_of_the_environment_rebuild(firmware: Firmware) -> None:
    firmware.run()
    assert firmware.runs() == 1
    boards = next(
        path for path in (firmware.site / "boards", firmware.site / "ariel_build/_data/boards") if path.exists()
    )
    shutil.copy(boards / "generic.toml", firmware.root / "mine.toml")
    for env in ({"ARIEL_BOARD": "mine.toml"}, {"ARIEL_LOG": "info"}, {"VIRTUAL_ENV": "/nowhere"}):
        firmware.run(**env)
        assert firmware.runs() == 1
        firmware.run(**env)
        assert firmware.runs() == 0
    firmware.run(ARIEL_BOARD="mine.toml")
    firmware.runs()
    with (firmware.root / "mine.toml").open("a") as board:
        board.write("# changed\n")
    firmware.run(ARIEL_BOARD="mine.toml")
    assert firmware.runs() == 1
    # PATH differs between editors and terminals, and ARIEL_PYTHON has decided.
    firmware.run(ARIEL_BOARD="mine.toml", PATH=firmware.env["PATH"] + os.pathsep + str(firmware.root))
    assert firmware.runs() == 0


def test_errors_are_shown_as_cargos_own_and_nothing_else(firmware: Firmware) -> None:
    change(firmware.root / "Cargo.toml", "model =", "modle =")
    assert firmware.errors() == [
        "unknown key `modle` in [package.metadata.ariel]",
        "  --> Cargo.toml:8",
        "  help: did you mean `model`? Known here: board, image, cores, optimize, model, models",
    ]
    for noise in ("panicked", "Traceback", "Caused by", "--- stdout"):
        assert noise not in firmware.stderr
    # An error is told again as long as it is there.
    assert len(firmware.errors()) == 3


def test_all_that_is_unsupported_is_shown(firmware: Firmware) -> None:
    (firmware.root / "models" / "keywords.tflite").write_bytes(b"unsupported")
    assert firmware.errors() == [
        *("Conv2d has 3 groups", "  --> models/keywords.tflite: operator 2", "  help: re-export it"),
        *("Conv3d has 3 groups", "  --> models/keywords.tflite: operator 3", "  help: re-export it"),
    ]


def test_notes_are_shown_as_cargos_warnings(firmware: Firmware) -> None:
    (firmware.root / "models" / "keywords.tflite").write_bytes(b"free")
    assert firmware.cargo("build").returncode == 0
    warning = "warning: firmware@0.1.0: models/keywords.tflite: dimension `time` is free: 1 is taken"
    assert warning in firmware.stderr.splitlines()


BARE = """
#![no_std]
#![no_main]
include!(concat!(env!("OUT_DIR"), "/ariel_models.rs"));
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
"""


@pytest.mark.target("thumbv7em-none-eabihf")
def test_a_guessed_board_is_told_once(firmware: Firmware) -> None:
    """Cargo repeats the warnings of a build script that does not run: this one is not among them."""
    (firmware.root / "src" / "main.rs").write_text(BARE)
    (firmware.root / "hal" / "src").mkdir(parents=True)
    (firmware.root / "hal" / "src" / "lib.rs").write_text("#![no_std]\n")
    (firmware.root / "hal" / "Cargo.toml").write_text(
        '[package]\nname = "embassy-stm32"\nversion = "0.4.0"\n[features]\nstm32h743zi = []\n'
    )
    hal = '[dependencies]\nembassy-stm32 = { path = "hal", features = ["stm32h743zi"] }\n\n[build-dependencies'
    change(firmware.root / "Cargo.toml", "[build-dependencies", hal)

    def warned() -> list[str]:
        answer = firmware.cargo("check", "--target", "thumbv7em-none-eabihf")
        assert answer.returncode == 0, answer.stderr
        return [line for line in answer.stderr.splitlines() if line.startswith("warning: firmware@")]

    (warning,) = warned()
    assert "the board is taken to be `stm32h7`" in warning
    assert 'board = "stm32h7"' in warning
    assert warned() == []
    # The build script runs a second time so that cargo forgets it, and then no more.
    assert firmware.runs() == 2
    assert warned() == []
    assert firmware.runs() == 0
    change(firmware.root / "Cargo.toml", "model =", 'board = "stm32h7"\nmodel =')
    assert warned() == []
    firmware.runs()
    assert warned() == []
    assert firmware.runs() == 0


def test_a_defect_of_ours_shows_its_trace(firmware: Firmware) -> None:
    (firmware.root / "models" / "keywords.tflite").write_bytes(b"defect")
    assert firmware.errors()[0].startswith("a defect of ariel_build ")
    assert "KeyError: 'surprise'" in firmware.stderr


def test_without_a_compiler_the_commands_that_install_it_are_shown(firmware: Firmware, tmp_path: Path) -> None:
    path = only_rust(firmware)
    python = empty_venv(tmp_path / "empty")
    errors = firmware.errors(PATH=path, PYTHONPATH=None, ARIEL_PYTHON=str(python))
    assert errors[0] == "no Python has ariel_build 0.1, which compiles the models of this package"
    assert errors[1] == f"  tried ARIEL_PYTHON: {python} has no ariel_build"
    assert errors[2] == "  tried VIRTUAL_ENV: not set"
    assert errors[3] == f"  tried .venv of the package: {firmware.root}/.venv does not exist"
    assert errors[4].startswith("  tried cargo-ariel on PATH: ")
    assert errors[5].startswith("  tried python3 on PATH: ")
    home = firmware.root / ".venv"
    assert f" -m venv {home} && {home}/bin/python -m pip install " in errors[6]
    assert errors[7].startswith("  help, for this user:     pipx install ")
    assert "Caused by" not in firmware.stderr


@pytest.mark.parametrize("version, age", [("0.0.9", "old"), ("0.2.0", "new")])
def test_another_version_gets_the_exact_upgrade(firmware: Firmware, tmp_path: Path, version: str, age: str) -> None:
    path = only_rust(firmware)
    other = tmp_path / "other"
    (other / "ariel_build").mkdir(parents=True)
    (other / "ariel_build" / "__init__.py").write_text(f'__version__ = "{version}"\n')
    python = empty_venv(tmp_path / "venv", other)
    errors = firmware.errors(PATH=path, PYTHONPATH=None, ARIEL_PYTHON=str(python))
    assert errors[0].startswith(f"ariel_build {version} is too {age} for ariel-ml-build 0.1.")
    assert errors[1] == f"  tried ARIEL_PYTHON: {python} has ariel_build {version}, which is too {age}"
    assert any(line.startswith(f"  help: {python} -m pip install --upgrade ") for line in errors)


def test_a_named_python_without_the_compiler_is_passed_over_with_a_warning(firmware: Firmware, tmp_path: Path) -> None:
    python = empty_venv(tmp_path / "empty")
    good = empty_venv(firmware.root / ".venv", firmware.site, Path(tomlkit.__file__).parent.parent)
    assert good.exists()
    assert firmware.cargo("build", PYTHONPATH=None, ARIEL_PYTHON=str(python)).returncode == 0
    assert f"ARIEL_PYTHON: {python} has no ariel_build; another Python was used" in firmware.stderr


def test_the_workspaces_venv_and_the_one_behind_cargo_ariel_are_found(firmware: Firmware, tmp_path: Path) -> None:
    sites = (firmware.site, Path(tomlkit.__file__).parent.parent)
    workspace = tmp_path
    (workspace / "Cargo.toml").write_text('[workspace]\nmembers = ["firmware"]\nresolver = "2"\n')
    change(firmware.root / "Cargo.toml", "[workspace]", "")
    path = only_rust(firmware)
    empty_venv(workspace / ".venv", *sites)
    assert firmware.checks(PATH=path, PYTHONPATH=None, ARIEL_PYTHON=None)
    shutil.rmtree(workspace / ".venv")
    assert "no Python has ariel_build" in firmware.errors(PATH=path, PYTHONPATH=None, ARIEL_PYTHON=None)[0]

    python = empty_venv(tmp_path / "tools", *sites)
    script = tmp_path / "bin" / "cargo-ariel"
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n")
    assert firmware.checks(PATH=f"{path}{os.pathsep}{script.parent}", PYTHONPATH=None, ARIEL_PYTHON=None)


def test_modules_beside_the_manifest_do_not_shadow_the_compilers(firmware: Firmware) -> None:
    (firmware.root / "random.py").write_text("raise SystemExit('not me')\n")
    (firmware.root / "tomlkit.py").write_text("raise SystemExit('not me')\n")
    assert firmware.run() == "one 1"


def test_what_is_generated_does_not_depend_on_the_folder(firmware: Firmware, tmp_path: Path) -> None:
    def outputs(target: Path) -> dict[str, bytes]:
        assert firmware.checks(CARGO_TARGET_DIR=str(target))
        (out,) = target.glob("debug/build/firmware-*/out")
        return {path.name: path.read_bytes() for path in sorted(out.iterdir())}

    before = outputs(tmp_path / "target")
    moved = firmware.root.with_name("moved elsewhere")
    firmware.root.rename(moved)
    firmware.root = moved
    assert outputs(tmp_path / "another target") == before
    assert firmware.runs() == 2
    assert list(before) == ["ariel_models.rs", "keywords.rs", "keywords.weights"]
