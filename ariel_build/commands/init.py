"""`init [MODEL]`: gives a model to the crate in this folder: Cargo.toml, build.rs and the crate's root get their lines.

The changes are shown first. All files are written, or none; nothing that stands there is replaced.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from ariel_build.config.flags import add_options, option_table
from ariel_build.config.module_name import module_name
from ariel_build.errors import MetadataError
from ariel_build.records import dataclass

__all__ = ["add", "main"]

_MODELS = (".tflite", ".onnx", ".pt2")
_SCRIPT = "fn main() {\n    ariel_ml_build::compile();\n}\n"


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument(
        "model", type=Path, metavar="MODEL", nargs="?", help="a .tflite, .onnx or .pt2 file (default: the crate's one)"
    )
    parser.add_argument("--yes", action="store_true", help="write without asking")
    parser.add_argument("--target", help=argparse.SUPPRESS)
    add_options(parser)
    parser.set_defaults(main=main)


@dataclass
class Plan:
    """The files to write with what they hold, as they are now (None: not there), and what the user is told."""

    package: Path
    new: dict[Path, bytes] = field(default_factory=dict)
    old: dict[Path, bytes | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def change(self, path: Path, old: bytes | None, new: bytes) -> None:
        """Adds a file, if anything about it is to change."""
        if old != new:
            self.old[path], self.new[path] = old, new


def main(arguments: argparse.Namespace) -> int:
    """Shows what it would write, asks, and writes; 0 done or nothing to do, 1 the user said no."""
    from ariel_build.machine.files import write_all

    plan = _plan(arguments)
    for note in plan.notes:
        print(f"note: {note}", file=sys.stderr)
    if not plan.new:
        print("nothing to do: the crate has its model")
        return 0
    _show(plan)
    if not arguments.yes and not _agreed():
        return 1
    for path, old in plan.old.items():
        if (path.read_bytes() if path.exists() else None) != old:
            raise MetadataError(
                "the file has changed meanwhile: nothing was written", str(path), "run the command again"
            )
    try:
        write_all(plan.new)
    except OSError as error:
        raise MetadataError(f"nothing was written: {error.strerror}", str(error.filename or plan.package)) from None
    _tell(plan)
    return 0


def _plan(arguments: argparse.Namespace) -> Plan:
    """Returns what is to be written; raises before anything is, where some of it cannot be done."""
    from ariel_build.config.packages import package_of

    package = package_of(Path())
    if package is None:
        raise MetadataError("there is no Cargo.toml here, nor in a folder above", str(Path.cwd()), "`cargo ariel new`")
    plan = Plan(package)
    document = _manifest(plan, arguments)
    _build_script(plan, document)
    _root(plan, document)
    return plan


def _manifest(plan: Plan, arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Plans Cargo.toml, and a model that is copied; returns what Cargo.toml says now."""
    from ariel_build.config import metadata, packages
    from ariel_build.project import crates
    from ariel_build.project.manifest import Wish, has_crate, read, with_model

    path = plan.package / "Cargo.toml"
    data = path.read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise MetadataError("this is not UTF-8", str(path)) from None
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    document = read(text, str(path))
    if "package" not in document:
        members = document.get("workspace", {}).get("members", [])
        raise MetadataError(
            "this is a workspace without a package of its own",
            str(path),
            f"in the folder of a member: {', '.join(members)}",
        )
    root = packages.workspace(plan.package)
    inherited = packages.workspace_dependencies(root) if root is not None else {}
    missing = [crate for crate in (crates.RUNTIME, crates.BUILD) if not has_crate(document, crate)]
    entries: dict[str, Mapping[str, object]] = {
        crate: {"workspace": True} if crate in inherited else {"path": crates.crate_path(crate, plan.package)}
        for crate in missing
    }
    given = document["package"].get("metadata", {})
    if "ariel" in given:
        there = metadata.read(text, str(path))
        known = [plan.package / options.path for options in there.models.values()]
        if option_table(arguments) or arguments.board or (arguments.model and not _is_one_of(arguments.model, known)):
            raise MetadataError(
                "[package.metadata.ariel] is there already",
                str(path),
                "another model, or other options: write them there",
            )
        table = None
    else:
        table, features = _table(plan, arguments, root)
        if "path" in entries.get(crates.RUNTIME, ()):
            entries[crates.RUNTIME] = crates.runtime(plan.package, features)
    new = with_model(text, Wish(entries, table), str(path)) if entries or table is not None else text
    plan.change(path, data, (mark + new).encode())
    return document


def _table(plan: Plan, arguments: argparse.Namespace, root: Path | None) -> tuple[dict[str, Any], list[str]]:
    """Returns `[package.metadata.ariel]`, and the features that the model needs, after it has been compiled."""
    from ariel_build.commands.common import board_of, compiled, features_of, model_options

    model: Path = arguments.model or _only_model(plan.package)
    if not model.is_file():
        raise MetadataError(f"{model} {'is a folder' if model.is_dir() else 'does not exist'}", "MODEL")
    arguments.model = model
    options = option_table(arguments)
    asked, chosen = model_options(arguments), board_of(arguments)
    made = compiled(arguments, asked, chosen, must_fit=bool(arguments.board))
    features = features_of(arguments, asked, made, chosen)
    files: dict[str, object] = {
        key: _from_package(plan.package, Path(str(options[key]))) for key in ("labels",) if _is_file(options.get(key))
    }
    if isinstance(options.get("quantize"), dict):
        quantize: dict[str, object] = dict(options["quantize"])  # type: ignore[call-overload]
        files["quantize"] = quantize | {"calibration": _from_package(plan.package, Path(str(quantize["calibration"])))}
    board = {"board": _board(plan.package, arguments.board)} if arguments.board else {}
    path = _placed(plan, model, root)
    if not options:
        return {"model": path, **board}, features
    name = module_name(model.stem or "model")
    return {**board, "models": {name: {"path": path, **options, **files}}}, features


def _is_one_of(model: Path, known: Sequence[Path]) -> bool:
    """Whether a model is one of those that Cargo.toml names: the file, or what it was copied from."""
    if not model.is_file():
        return False
    return any(path.is_file() and (path.samefile(model) or path.read_bytes() == model.read_bytes()) for path in known)


def _is_file(value: object) -> bool:
    return isinstance(value, str) and Path(value).is_file()


def _from_package(package: Path, path: Path) -> str:
    """Returns a path as Cargo.toml names it: from its folder."""
    return Path(os.path.relpath(path.resolve(), package.resolve())).as_posix()


def _board(package: Path, board: str) -> str:
    from ariel_build.boards import is_path

    return _from_package(package, Path(board)) if is_path(board) else board


def _only_model(package: Path) -> Path:
    """Returns the one model file in the package, where there is one."""
    found = sorted(
        path for folder in (package, package / "models") for path in folder.glob("*.*") if path.suffix in _MODELS
    )
    if len(found) == 1:
        return Path(os.path.relpath(found[0]))
    what = f"there are {len(found)}: {', '.join(path.name for path in found)}" if found else "there is none in it"
    raise MetadataError(f"which model? {what}", str(package), "cargo ariel init MODEL")


def _placed(plan: Plan, model: Path, root: Path | None) -> str:
    """Returns the model's path in Cargo.toml; one from outside of package and workspace is copied into `models`."""
    where = (plan.package if root is None else root).resolve()
    if model.resolve().is_relative_to(where) or model.resolve().is_relative_to(plan.package.resolve()):
        return _from_package(plan.package, model)
    place, data = plan.package / "models" / model.name, model.read_bytes()
    old = place.read_bytes() if place.exists() else None
    if old is not None and old != data:
        raise MetadataError(f"`{place}` exists already, and is another file", str(model), "rename one")
    plan.change(place, old, data)
    return f"models/{model.name}"


def _build_script(plan: Plan, document: Mapping[str, Any]) -> None:
    """Plans build.rs: a new one, or the call in that which there is."""
    from ariel_build.project.rust_source import code_of, with_compile_call

    named = document["package"].get("build", "build.rs")
    if not isinstance(named, str):
        raise MetadataError(
            f"`build = {str(named).lower() if isinstance(named, bool) else named}` in [package]",
            str(plan.package / "Cargo.toml"),
            "name one build script: it has to call `ariel_ml_build::compile()`",
        )
    path = plan.package / named
    if not path.exists():
        plan.change(path, None, _SCRIPT.encode())
        return
    text = _text(path)
    new = with_compile_call(text)
    if new is None:
        raise MetadataError("no `fn main()` is found in it", str(path), "add `ariel_ml_build::compile();` to its main")
    if new != text and "rerun-if" not in text and re.search(r"\S", code_of(text)):
        plan.notes.append(
            f"{path} prints no `cargo::rerun-if-changed`, so that cargo ran it on any change: it now runs when the "
            "model, Cargo.toml or itself change. If it reads other files, have it print them"
        )
    plan.change(path, text.encode(), new.encode())


def _root(plan: Plan, document: Mapping[str, Any]) -> None:
    """Plans the file of the crate's root: the macro that makes modules of the models."""
    from ariel_build.project.rust_source import code_of, with_models

    for path in sorted(plan.package.glob("src/**/*.rs")):
        if re.search(r"\binclude_models\b", code_of(_text(path))):
            return
    named = [table["path"] for table in (*document.get("bin", []), document.get("lib", {})) if "path" in table]
    places = [plan.package / name for name in (*named, "src/main.rs", "src/lib.rs")]
    root = next((place for place in places if place.is_file()), None)
    if root is None:
        programs = sorted([*plan.package.glob("src/bin/*.rs"), *plan.package.glob("src/bin/*/main.rs")])
        if len(programs) != 1:
            what = f"which of {', '.join(_from_package(plan.package, path) for path in programs)}?" if programs else ""
            plan.notes.append(
                "write `ariel_ml_rs::include_models!();` into the root of your program: "
                + (what or "no src/main.rs is here")
            )
            return
        root = programs[0]
    text = _text(root)
    plan.change(root, text.encode(), with_models(text).encode())


def _text(path: Path) -> str:
    """Returns a source as it is, its line ends included."""
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        raise MetadataError("cannot read it as UTF-8", str(path)) from None


def _show(plan: Plan) -> None:
    """Prints the changes as a diff."""
    for path, new in plan.new.items():
        old = plan.old[path]
        name = os.path.relpath(path)
        if path.suffix in _MODELS:
            print(f"new file {name}: {len(new):,} bytes")
            continue
        for line in _diff(name, old, new):
            print(line)
    sys.stdout.flush()


def _diff(name: str, old: bytes | None, new: bytes) -> Iterator[str]:
    before = (old or b"").decode().splitlines()
    head = ("/dev/null" if old is None else f"a/{name}", f"b/{name}")
    yield from difflib.unified_diff(before, new.decode().splitlines(), *head, lineterm="")


def _agreed() -> bool:
    """Asks whether to write; MetadataError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise MetadataError("nothing was written: there is nobody to ask", help="--yes writes what is shown")
    try:
        return input("write this? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _tell(plan: Plan) -> None:
    """Prints what was written, and what the firmware does with it."""
    from ariel_build.config import metadata
    from ariel_build.project.crates import build_finds_us

    print("wrote " + ", ".join(os.path.relpath(path) for path in plan.new))
    models = metadata.read((plan.package / "Cargo.toml").read_text(encoding="utf-8-sig")).models
    for module in models:
        print(f"in your firmware: let mut model = ariel_ml_rs::wire!({module}).unwrap();")
    print("then fill model.input_mut(), and call model.run(), or model.run_async().await in a task")
    if not build_finds_us(plan.package):
        print(f"build.rs does not find this compiler: set ARIEL_PYTHON={sys.executable}, or activate its environment")
