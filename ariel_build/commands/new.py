"""`new NAME --board B --executor E --model M`: makes a project that builds at once and runs the model once.

The model is compiled before anything is written: one that is not supported, or does not fit the board, makes no folder.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ariel_build import boards
from ariel_build.boards import Board
from ariel_build.config.flags import add_options, option_table
from ariel_build.config.options import KEYS
from ariel_build.errors import ArielError, MetadataError, ModelError

if TYPE_CHECKING:
    from ariel_build.project.lay_out import Project

__all__ = ["add", "main"]

EXECUTORS = ("embassy", "rtic", "bare", "ariel-os")
#: A project is for one core of one board: `--board` is required, and none says how many cores.
_NOT_OPTIONS = ("board", "cores")


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("name", type=Path, metavar="NAME", help="the folder to make; its last part names the package")
    parser.add_argument("--model", type=Path, required=True, metavar="M", help="a .tflite, .onnx or .pt2 file: copied")
    parser.add_argument("--board", required=True, metavar="B", help="a board that `boards` lists, or your board file")
    parser.add_argument(
        "--executor", default="bare", choices=EXECUTORS, help="what runs the firmware's tasks (default: bare, a loop)"
    )
    add_options(parser, [key.name for key in KEYS if key.name not in _NOT_OPTIONS])
    parser.set_defaults(main=main)


def main(arguments: argparse.Namespace) -> int:
    """Makes the folder whole, or nothing."""
    from ariel_build.machine.files import make_folder
    from ariel_build.project import lay_out
    from ariel_build.project.rustfmt import formatted

    folder: Path = arguments.name
    lay_out.check_name(folder.name)
    if folder.exists() or folder.is_symlink():
        raise MetadataError(
            f"`{folder}` exists already", "NAME", "another name; `cargo ariel init` puts a model into a crate"
        )
    _refuse_member(folder)
    board = boards.load(arguments.board)
    if board.is_generic:
        raise MetadataError(f"`{board.name}` stands for many chips", "--board", "`cargo ariel boards` lists them")
    project = _project(arguments, folder, board)
    files = formatted(lay_out.files(project), "src/main.rs")
    try:
        make_folder(folder, files)
    except OSError as error:
        raise MetadataError(f"cannot make `{folder}`: {error.strerror}", "NAME") from None
    _tell(folder, project)
    return 0


def _refuse_member(folder: Path) -> None:
    """Refuses a folder that a workspace around it takes for a member: the project is a workspace of its own."""
    from ariel_build.config import packages

    place = folder.resolve()
    for root in place.parents:
        workspace = packages.toml(root / "Cargo.toml").get("workspace")
        if not isinstance(workspace, dict):
            continue
        inside = place.relative_to(root)
        patterns = [Path(str(pattern)) for pattern in workspace.get("members", [])]
        if any(len(p.parts) == len(inside.parts) and inside.match(str(p)) for p in patterns) and not any(
            inside.is_relative_to(str(path)) for path in workspace.get("exclude", [])
        ):
            raise MetadataError(
                f"the workspace in {root} takes `{inside.as_posix()}` for a member; the new project is one itself",
                "NAME",
                f'another folder, or `exclude = ["{inside.as_posix()}"]` in [workspace] first',
            )
        return


def _project(arguments: argparse.Namespace, folder: Path, board: Board) -> Project:
    """Returns what is to be made, after the model has been compiled for the board."""
    from ariel_build.commands.common import compiled, features_of, model_options
    from ariel_build.project.lay_out import Project, module_for
    from ariel_build.project.templates import start_for

    start = start_for(board, arguments.executor)
    model: Path = arguments.model
    table = option_table(arguments)
    files = {f"models/{model.name}": _bytes(model, ModelError)}
    options = replace(model_options(arguments), cores=1)
    result = compiled(arguments, options, board)
    metadata: dict[str, object] = {"path": f"models/{model.name}", **table}
    # Files that options name come along.
    if isinstance(options.labels, Path):
        metadata["labels"] = _beside(options.labels, files)
    quantize = table.get("quantize")
    if isinstance(quantize, Mapping):
        metadata["quantize"] = {**quantize, "calibration": _beside(Path(str(quantize["calibration"])), files)}
    if boards.is_path(arguments.board):
        files[f"boards/{board.name}.toml"] = _bytes(Path(arguments.board), MetadataError)
    return Project(
        name=folder.name,
        folder=folder,
        board=board,
        executor=arguments.executor,
        start=start,
        module=module_for(model.stem, start),
        metadata=metadata,
        files=files,
        inputs=result.graph.inputs,
        outputs=result.graph.outputs,
        stack_bytes=result.bounds.stack,
        features=features_of(arguments, options, result, board),
    )


def _beside(path: Path, files: dict[str, bytes]) -> str:
    """Adds a file to those beside the model; returns its path in the project."""
    name = f"models/{path.name}"
    data = _bytes(path, MetadataError)
    if files.setdefault(name, data) != data:
        raise MetadataError(f"two files are called `{path.name}`", str(path), "rename one")
    return name


def _bytes(path: Path, kind: type[ArielError]) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise kind(f"cannot read: {error.strerror}", str(path)) from None


def _tell(folder: Path, project: Project) -> None:
    """Prints what to do next."""
    from ariel_build.project.crates import build_finds_us

    run = "cargo run --release"
    if project.executor == "ariel-os" and project.board.project is not None:
        run = f"laze build -b {project.board.project.laze} run"
    if not build_finds_us(folder):
        run = f"ARIEL_PYTHON={shlex.quote(sys.executable)} {run}"
    print(f"made {folder}: {project.module} on {project.board.name}, {project.executor}")
    print(f"next: cd {shlex.quote(str(folder))} && {run}")
    print("README.md in it says what that needs")
