# ruff: noqa: E501 - texts and what becomes of them stand side by side
"""`init`: a crate gets its model; what stood there stays, byte by byte, and nothing is half done."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ariel_build.config import metadata
from ariel_build.errors import MetadataError
from ariel_build.machine import files, process
from ariel_build.project.manifest import Wish, with_model
from ariel_build.project.rust_source import code_of, with_compile_call, with_models
from ariel_build.run import toolchain
from tests.commands.conftest import Command
from tests.examples.support import TARGET
from tools.recorded import DIGITS, ROOT

CALL = "ariel_ml_build::compile();"
ENTRY = {"path": "../ariel"}
WISH = Wish({"ariel-ml-rs": ENTRY, "ariel-ml-build": ENTRY}, {"model": "m.tflite", "board": "rp2040"})

#: Manifests as people write them; each has to come out as itself with our lines.
LAYOUTS = {
    "plain": '[package]\nname = "a"\n\n# deps\n[dependencies]\nx = "1" # one\n\n# about profiles\n[profile.release]\nlto = true\n',
    "nothing but a package": '[package]\nname = "a"\n',
    "no line end": '[package]\nname = "a"\n\n[dependencies]\nx = "1"',
    "tables of dependencies": '[package]\nname = "a"\n\n[dependencies.x]\nversion = "1"\n\n[profile.release]\nlto = true\n',
    "both": '[package]\nname = "a"\n\n[dependencies]\nx = "1"\n\n[dependencies.y]\nversion = "2"\n',
    "dotted": 'package.name = "a"\ndependencies.x = "1"\n[profile.release]\nlto = true\n',
    "dotted build": 'package.name = "a"\nbuild-dependencies.x = "1"\n',
    "inline metadata": '[package]\nname = "a"\nmetadata = { docs = { rs = 1 } } # docs\n\n[dependencies]\nx = "1"\n',
    "inline package": 'package = { name = "a" }\ndependencies = { x = "1" }\n',
    "metadata of others": '[package]\nname = "a"\n\n[package.metadata.docs.rs]\nall = true\n\n# d\n[dependencies]\nx = "1"\n',
    "dotted metadata": '[package]\nname = "a"\nmetadata.docs.rs = true\n\n[dependencies]\nx = "1"\n',
    "metadata at the end": '[package]\nname = "a"\n\n[dependencies]\n\n[[bin]]\nname="a"\n\n[package.metadata.docs]\nx = 1\n',
    "arrays of tables": '[[bin]]\nname = "a"\n\n[[bin]]\nname = "b"\n\n[package]\nname = "a"\n\n[ dependencies ] # x\n"x" = "1"\n',
    "strings that look like headers": '[package]\nname = "a"\ndescription = """\n[dependencies]\n"""\n[dependencies]\nx = "1"\n',
    "targets": '[package]\nname = "a"\n\n[target.\'cfg(unix)\'.dependencies]\nx = "1"\n\n[features]\ndefault = []\n',
    "empty tables": '[package]\nname = "a"\n[dependencies]\n[build-dependencies]\n[profile.dev]\n',
    "comments at the end": '[package]\nname = "a"\n# of the package\n\n# nobody\'s\n\n# of dependencies\n[dependencies]\n',
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_keeps_what_it_has(name: str, line_end: str) -> None:
    text = LAYOUTS[name].replace("\n", line_end)
    new = with_model(text, WISH, "Cargo.toml")
    made = tomllib.loads(new)
    assert made["dependencies"].pop("ariel-ml-rs") == ENTRY
    assert made["build-dependencies"].pop("ariel-ml-build") == ENTRY
    assert made["package"]["metadata"].pop("ariel") == {"model": "m.tflite", "board": "rp2040"}
    was = tomllib.loads(text)
    for table in ("dependencies", "build-dependencies"):
        was.setdefault(table, {})
    was["package"].setdefault("metadata", {})
    assert made == was
    # Lines are kept in their order; those with inline tables get longer.
    rest = iter(new.splitlines())
    assert all(line in rest for line in text.splitlines() if "inline" not in name or "{" not in line)
    assert "inline" not in name or new.count("# docs") == text.count("# docs")
    if line_end == "\r\n":
        assert "\n" not in new.replace("\r\n", "")
    # A second time there is nothing to add.
    assert with_model(new, Wish({}, None), "Cargo.toml") == new


@pytest.mark.parametrize("name", LAYOUTS)
def test_cargo_reads_every_layout_as_we_do(name: str, tmp_path: Path) -> None:
    """Its parser is another one, and stricter in places."""
    new = with_model(LAYOUTS[name], WISH, "Cargo.toml").replace("../ariel", tmp_path.as_posix())
    (tmp_path / "Cargo.toml").write_text(new)
    several = "[[bin]]" in new
    for source in ("src/bin/a.rs", "src/bin/b.rs") if several else ("src/main.rs",):
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / source).write_text("fn main() {}\n")
    command = ["cargo", "metadata", "--no-deps", "--offline", "--format-version", "1"]
    done = process.run(command, timeout=60, cwd=tmp_path)
    assert done.status == 0, done.stderr
    (package,) = json.loads(done.stdout)["packages"]
    assert package["metadata"]["ariel"] == {"model": "m.tflite", "board": "rp2040"}
    kinds = {d["name"]: d["kind"] for d in package["dependencies"]}
    assert (kinds["ariel-ml-rs"], kinds["ariel-ml-build"]) == (None, "build")


def test_comments_stay_with_what_they_are_about() -> None:
    new = with_model(LAYOUTS["plain"], WISH, "Cargo.toml")
    assert (
        '# deps\n[dependencies]\nariel-ml-rs = { path = "../ariel" }\nx = "1" # one\n\n# about profiles\n[profile'
        in new
    )
    assert '"a"\n\n[package.metadata.ariel]\nmodel = "m.tflite"\nboard = "rp2040"\n\n# deps\n' in new
    new = with_model(LAYOUTS["comments at the end"], WISH, "Cargo.toml")
    assert "# of the package\n\n[package.metadata.ariel]" in new


def test_options_get_the_long_form() -> None:
    table = {"board": "rp2040", "models": {"m": {"path": "m.onnx", "dims": {"a.b": 2}, "labels": ["x", "y"]}}}
    new = with_model(LAYOUTS["plain"], Wish({}, table), "Cargo.toml")
    read = metadata.read(new)
    assert read.models["m"].dims == {"a.b": 2}
    assert read.models["m"].labels == ("x", "y")


KEYS = st.sampled_from(["dependencies", "build-dependencies", "package", "metadata", "x", "ariel", "[dependencies]"])


@given(st.lists(st.sampled_from(sorted(LAYOUTS)), min_size=1, max_size=2), st.integers(0, 60), KEYS)
def test_what_cannot_be_edited_is_refused(names: list[str], at: int, word: str) -> None:
    text = "".join(LAYOUTS[name] for name in names)
    text = f"{text[:at]}{word}{text[at:]}"
    try:
        new = with_model(text, WISH, "Cargo.toml")
    except MetadataError:
        return
    assert tomllib.loads(new)["dependencies"]["ariel-ml-rs"] == ENTRY


SCRIPTS = {
    "fn main() {\n    one();\n}\n": f"fn main() {{\n    {CALL}\n    one();\n}}\n",
    "fn main() { one(); }\n": f"fn main() {{ {CALL} one(); }}\n",
    "fn main() {}\n": f"fn main() {{ {CALL}}}\n",
    "fn main() {\n}\n": f"fn main() {{\n    {CALL}\n}}\n",
    "fn main()\n{\n\tone();\n}": f"fn main()\n{{\n\t{CALL}\n\tone();\n}}",
    "use std::io;\n\nfn main() -> io::Result<()> { // go\n  Ok(())\n}\n": f"use std::io;\n\nfn main() -> io::Result<()> {{ // go\n  {CALL}\n  Ok(())\n}}\n",
    "fn main() {\r\n    one();\r\n}\r\n": f"fn main() {{\r\n    {CALL}\r\n    one();\r\n}}\r\n",
    "// fn main() {\nfn main() {\n    one();\n}\n": f"// fn main() {{\nfn main() {{\n    {CALL}\n    one();\n}}\n",
    "mod m {\n    fn main() {\n    }\n}\nfn main() {\n    one();\n}\n": f"mod m {{\n    fn main() {{\n    }}\n}}\nfn main() {{\n    {CALL}\n    one();\n}}\n",
    'const A: &str = "fn main() {";\nconst B: &str = r#"" fn main() { "#;\nconst C: char = \'{\';\nfn f<\'a>(x: &\'a str) {}\nfn main() {\n    one();\n}\n': f'const A: &str = "fn main() {{";\nconst B: &str = r#"" fn main() {{ "#;\nconst C: char = \'{{\';\nfn f<\'a>(x: &\'a str) {{}}\nfn main() {{\n    {CALL}\n    one();\n}}\n',
    "/* fn main() { /* nested */ */ pub fn main() {\n    one()\n}\n": f"/* fn main() {{ /* nested */ */ pub fn main() {{\n    {CALL}\n    one()\n}}\n",
    "fn main() {\n    ariel_ml_build::compile();\n}\n": "fn main() {\n    ariel_ml_build::compile();\n}\n",
    "use ariel_ml_build as ml;\nfn main() {\n    ml::compile();\n}\n": "use ariel_ml_build as ml;\nfn main() {\n    ml::compile();\n}\n",
    '// ariel_ml_build\nfn main() {\n    println!("ariel_ml_build");\n}\n': f'// ariel_ml_build\nfn main() {{\n    {CALL}\n    println!("ariel_ml_build");\n}}\n',
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_build_scripts_are_extended(script: str) -> None:
    assert with_compile_call(script) == SCRIPTS[script]


def test_a_script_without_main_is_left_to_its_author() -> None:
    assert with_compile_call("scripts::main!();\n// fn main() {}\n") is None


def test_code_without_comments_and_literals() -> None:
    text = "a // b\n/* c */ d \"e\\\" f\" 'g' b'h' r\"i\\\" j 'k: '\\'' l '\\u{1f}' m"
    left = code_of(text).split()
    assert left == ["a", "d", "j", "'k:", "l", "m"]
    assert len(code_of(text)) == len(text)


ROOTS = {
    "fn main() {}\n": "// A module\nM\n\nfn main() {}\n",
    "#![no_std]\n#![no_main]\n\nuse x as _;\n": "#![no_std]\n#![no_main]\n\n// A module\nM\n\nuse x as _;\n",
    "//! Doc.\r\n#![cfg_attr(\r\n    not(test),\r\n    no_std\r\n)]\r\nfn f() {}\r\n": "//! Doc.\r\n#![cfg_attr(\r\n    not(test),\r\n    no_std\r\n)]\r\n\r\n// A module\r\nM\r\n\r\nfn f() {}\r\n",
    "// Licence.\n\n//! Doc.\n\nmod m;\n": "// Licence.\n\n//! Doc.\n\n// A module\nM\n\nmod m;\n",
    "/* Licence\n   #![no_std] */\n#![no_std]\nmod m;\n": "/* Licence\n   #![no_std] */\n#![no_std]\n\n// A module\nM\n\nmod m;\n",
    "": "// A module\nM\n",
    "\ufeff#![no_std]\nmod m;\n": "\ufeff#![no_std]\n\n// A module\nM\n\nmod m;\n",
    "\ufefffn main() {}\n": "\ufeff// A module\nM\n\nfn main() {}\n",
    "#!/usr/bin/env cargo\n#![no_std]\nmod m;\n": "#!/usr/bin/env cargo\n#![no_std]\n\n// A module\nM\n\nmod m;\n",
    "#!/usr/bin/env cargo\nfn main() {}\n": "#!/usr/bin/env cargo\n\n// A module\nM\n\nfn main() {}\n",
    "#!/usr/bin/env cargo": "#!/usr/bin/env cargo\n\n// A module\nM\n",
    " /*! Doc /* of */\n the crate */\n\n#! [no_std]\nmod m;\n": " /*! Doc /* of */\n the crate */\n\n#! [no_std]\n\n// A module\nM\n\nmod m;\n",
    "/*! Doc */\nmod m;\n": "/*! Doc */\n\n// A module\nM\n\nmod m;\n",
}


@pytest.mark.parametrize("text", ROOTS)
def test_the_macro_comes_behind_the_crates_attributes(text: str) -> None:
    made = with_models(text).replace("ariel_ml_rs::include_models!();", "M")
    assert re.sub(r"// A module[^\r\n]*", "// A module", made) == ROOTS[text]


@pytest.fixture
def crate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a crate of this computer's, in which the test is; a model is beside it."""
    folder = tmp_path / "sensor"
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text(
        '[package]\nname = "sensor"\nversion = "0.1.0"\nedition = "2021"\n\n[workspace]\n'
    )
    (folder / "src/main.rs").write_text('//! Senses.\n\nfn main() {\n    println!("sensed");\n}\n')
    shutil.copy(DIGITS, tmp_path / "digits.tflite")
    monkeypatch.chdir(folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_shown_then_written_then_nothing_to_do(command: Command, crate: Path) -> None:
    before = contents(crate)
    answer = command("init", "../digits.tflite")
    answer.refuses("nothing was written", "--yes")
    assert '+model = "models/digits.tflite"' in answer.out
    assert "+ariel_ml_rs::include_models!();" in answer.out
    assert contents(crate) == before
    answer = command("init", "../digits.tflite", "--yes")
    assert answer.code == 0, answer
    assert "wire!(digits)" in answer.out
    after = contents(crate)
    assert set(after) == {*before, "build.rs", "models/digits.tflite"}
    assert after["models/digits.tflite"] == DIGITS.read_bytes()
    for words in ([], ["--yes"], ["models/digits.tflite"]):
        again = command("init", *words)
        assert again.code == 0
        assert again.out == "nothing to do: the crate has its model\n"
    assert contents(crate) == after


@pytest.mark.parametrize("text", [text for text in ROOTS if not re.search(r"no_main|mod m;|fn f", text)])
def test_rustc_takes_what_init_makes(text: str, tmp_path: Path) -> None:
    source = tmp_path / "main.rs"
    made = with_models(text if "main" in text else text + "\nfn main() {}\n")
    source.write_text(made.replace("ariel_ml_rs::include_models!();", "mod digits {}"), encoding="utf-8")
    done = process.run(["rustc", "--emit=metadata", "--out-dir", tmp_path, source], timeout=60)
    assert done.status == 0, done.stderr


def test_the_same_file_by_another_path_is_nothing_to_do(command: Command, crate: Path) -> None:
    assert command("init", "../digits.tflite", "--yes").code == 0
    (crate.parent / "there").symlink_to(crate.parent, target_is_directory=True)
    for path in ("../digits.tflite", "../there/digits.tflite", crate / "models/digits.tflite"):
        again = command("init", path)
        assert (again.code, again.out) == (0, "nothing to do: the crate has its model\n")
    (crate.parent / "other.tflite").write_bytes(b"another")
    command("init", "../other.tflite").refuses("[package.metadata.ariel] is there already")


@pytest.mark.parametrize("place", ["src/bin/sense.rs", "src/bin/sense/main.rs"])
def test_a_crate_that_has_one_program_in_bin(command: Command, crate: Path, place: str) -> None:
    (crate / place).parent.mkdir(parents=True)
    (crate / "src/main.rs").rename(crate / place)
    assert command("init", "../digits.tflite", "--yes").code == 0
    assert "ariel_ml_rs::include_models!();" in (crate / place).read_text()


def test_which_of_several_programs_is_the_users_to_say(command: Command, crate: Path) -> None:
    (crate / "src/bin").mkdir()
    (crate / "src/main.rs").rename(crate / "src/bin/sense.rs")
    (crate / "src/bin/log.rs").write_text("fn main() {}\n")
    answer = command("init", "../digits.tflite", "--yes")
    assert answer.code == 0
    assert "root of your program: which of src/bin/log.rs, src/bin/sense.rs?" in answer.err
    assert "include_models" not in (crate / "src/bin/sense.rs").read_text()


def test_the_crate_builds_without_a_warning_and_runs(command: Command, crate: Path) -> None:
    assert command("init", "../digits.tflite", "--yes").code == 0
    env = toolchain.find("host").environment() | {"ARIEL_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    env["CARGO_TARGET_DIR"] = str(TARGET)
    done = process.run(["cargo", "run", "--release"], timeout=1800, cwd=crate, env=env)
    assert (done.status, done.stdout) == (0, "sensed\n"), done.stderr
    assert "warning" not in done.stderr, done.stderr


def test_the_one_model_of_a_crate_is_found(command: Command, crate: Path, flip: Path) -> None:
    command("init").refuses("which model? there is none in it")
    (crate / "models").mkdir()
    shutil.copy(flip, crate / "models")
    assert command("init", "--yes").code == 0
    assert metadata.read((crate / "Cargo.toml").read_text()).models["flip"].path == Path("models/flip.onnx")


def test_options_and_the_board(command: Command, crate: Path) -> None:
    words = ["--board", "stm32f4", "--labels", "0,1,2,3,4,5,6,7,8,9", "--deadline", "1s", "--yes"]
    assert command("init", "../digits.tflite", *words).code == 0
    read = metadata.read((crate / "Cargo.toml").read_text())
    assert read.board == "stm32f4"
    assert read.models["digits"].deadline == 1.0
    command("init", "--optimize", "size").refuses("[package.metadata.ariel] is there already")


def test_in_a_workspace(command: Command, crate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = crate.parent
    (root / "Cargo.toml").write_text(
        '[workspace]\nmembers = ["sensor"]\n\n[workspace.dependencies]\nariel-ml-rs = { path = "x" }\n'
    )
    text = (crate / "Cargo.toml").read_text().replace("\n[workspace]\n", "")
    (crate / "Cargo.toml").write_text(text)
    monkeypatch.chdir(root)
    command("init", "digits.tflite").refuses("a workspace without a package of its own", "sensor")
    # From a folder inside of the package, too.
    monkeypatch.chdir(crate / "src")
    assert command("init", "../../digits.tflite", "--yes").code == 0
    made = tomllib.loads((crate / "Cargo.toml").read_text())
    assert made["dependencies"]["ariel-ml-rs"] == {"workspace": True}
    # The model is the workspace's: it stays where it is.
    assert made["package"]["metadata"]["ariel"] == {"model": "../digits.tflite"}
    assert not (crate / "models").exists()


def test_all_or_nothing(command: Command, crate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a file cannot be put in its place, all that were before it are as they were."""
    before = contents(crate)
    moved = Path.replace
    for at in range(4):
        count = iter(range(100))

        def failing(self: Path, target: Path, at: int = at, count: object = count) -> Path:
            if next(count) == at:  # type: ignore[call-overload]
                raise OSError(28, "No space left on device", str(target))
            return moved(self, target)

        monkeypatch.setattr(Path, "replace", failing)
        answer = command("init", "../digits.tflite", "--yes")
        answer.refuses("nothing was written: No space left on device")
        assert contents(crate) == before
        assert sorted(path.name for path in crate.iterdir()) == ["Cargo.toml", "src"]
    monkeypatch.setattr(Path, "replace", moved)
    assert command("init", "../digits.tflite", "--yes").code == 0


def test_modes_and_links_stay(command: Command, crate: Path) -> None:
    real = crate.parent / "real.toml"
    (crate / "Cargo.toml").rename(real)
    real.chmod(0o640)
    (crate / "Cargo.toml").symlink_to(real)
    assert command("init", "../digits.tflite", "--yes").code == 0
    assert (crate / "Cargo.toml").is_symlink()
    assert "ariel-ml-rs" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_file_that_changes_while_the_user_reads(
    command: Command, crate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(_: str) -> str:
        (crate / "src/main.rs").write_text("fn main() {}\n")
        return "y"

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", answer)
    command("init", "../digits.tflite").refuses("has changed meanwhile: nothing was written")
    assert sorted(path.name for path in crate.iterdir()) == ["Cargo.toml", "src"]
    monkeypatch.setattr("builtins.input", lambda _: "")
    assert command("init", "../digits.tflite").code == 1
    assert sorted(path.name for path in crate.iterdir()) == ["Cargo.toml", "src"]
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert command("init", "../digits.tflite").code == 0


def test_a_build_script_that_ran_on_any_change_is_told(command: Command, crate: Path) -> None:
    (crate / "build.rs").write_text('fn main() {\n    println!("cargo:rustc-link-arg-bins=-Tlinkall.x");\n}\n')
    answer = command("init", "../digits.tflite", "--yes")
    assert "rerun-if-changed" in answer.err
    assert CALL in (crate / "build.rs").read_text()


def test_refusals(command: Command, crate: Path, exotic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(crate)
    command("init", exotic, "--yes").refuses("Warp")
    command("init", "none.tflite", "--yes").refuses("none.tflite does not exist")
    command("init", "../digits.tflite", "--board", "stm32h9", "--yes").refuses("there is no board")
    (crate / "build.rs").write_text('include!("real.rs");\n')
    command("init", "../digits.tflite", "--yes").refuses("no `fn main()` is found in it")
    (crate / "build.rs").unlink()
    manifest = crate / "Cargo.toml"
    text = manifest.read_text()
    manifest.write_text(text.replace("edition", "build = false\nedition"))
    command("init", "../digits.tflite", "--yes").refuses("`build = false`")
    manifest.write_text(text + "[[")
    command("init", "../digits.tflite", "--yes").refuses("this is not TOML")
    manifest.write_text(text)
    assert contents(crate) == before
    monkeypatch.chdir(os.sep)
    command("init", exotic).refuses("there is no Cargo.toml here")


def test_write_all_removes_folders_that_it_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(self: Path, target: Path) -> Path:
        raise OSError(5, "no")

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(OSError, match="no"):
        files.write_all({tmp_path / "a/b/c": b"1", tmp_path / "a/d": b"2"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["bare", "embassy", "rtic", "esp_hal"])
def test_firmwares_as_people_write_them(
    command: Command, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The firmwares of tests/retrofit get what their patches say, but for the lines that call the model."""
    source = ROOT / "tests/retrofit" / name
    folder = tmp_path / name
    shutil.copytree(source, folder)
    (folder / "models").mkdir()
    shutil.copy(DIGITS, folder / "models")
    monkeypatch.chdir(folder)
    assert command("init", "--yes").code == 0
    made = tomllib.loads((folder / "Cargo.toml").read_text())
    assert "ariel-ml-rs" in made["dependencies"]
    assert "ariel-ml-build" in made["build-dependencies"]
    assert made["package"]["metadata"]["ariel"] == {"model": "models/digits.tflite"}
    assert CALL in (folder / "build.rs").read_text()
    assert (folder / "src/main.rs").read_text().count("include_models!();") == 1
    for path in ("Cargo.toml", "build.rs", "src/main.rs"):
        if (source / path).exists():
            rest = iter((folder / path).read_text().splitlines())
            assert all(line in rest for line in (source / path).read_text().splitlines()), path
