"""The `cargo` command: what build.rs runs. The only file that knows OUT_DIR and cargo's directives.

Environment -> metadata -> one module per model in OUT_DIR -> directives on standard output. Errors are directives, too.
"""

from __future__ import annotations

import contextlib
import difflib
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import ariel_build
from ariel_build import boards, driver, metadata, resources
from ariel_build.boards import Board
from ariel_build.errors import ArielError, BoardError, MetadataError, ModelError, SetupError
from ariel_build.metadata import Metadata, ModelOptions

__all__ = ["main"]

DEFECT = 70  # EX_SOFTWARE
INDEX = f"{metadata.INDEX}.rs"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Build:
    """What cargo says about the build, in its environment variables."""

    package: Path
    out_dir: Path
    target: str
    host: str
    board: str | None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Build:
        """Returns the build that a build script's environment describes."""
        missing = [name for name in ("CARGO_MANIFEST_DIR", "OUT_DIR", "TARGET") if not environment.get(name)]
        if missing:
            raise SetupError(
                f"`cargo` is the command that build.rs runs, and {', '.join(missing)} is not set",
                help="to generate code by hand: ariel-build compile MODEL -o DIR",
            )
        return cls(
            package=Path(environment["CARGO_MANIFEST_DIR"]),
            out_dir=Path(environment["OUT_DIR"]).absolute(),
            target=environment["TARGET"],
            host=environment.get("HOST", ""),
            board=environment.get("ARIEL_BOARD") or None,
        )


def main(environment: Mapping[str, str] | None = None) -> int:
    """Compiles all models of the package that cargo builds; returns the exit code."""
    environment = os.environ if environment is None else environment
    try:
        _start_log(environment.get("ARIEL_LOG", ""))
        build = Build.of(environment)
        # Paths in Cargo.toml are relative to it; short ones read better in messages, too.
        with contextlib.chdir(build.package):
            _compile_package(build)
    except ArielError as error:
        _tell_error(error.render())
        return error.exit_code
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == ariel_build.__name__:
            return _defect(error)
        _tell_error(
            f"error: the module `{error.name}`, which ariel_build needs, is not installed\n"
            f"  help: {sys.executable} -m pip install {error.name}"
        )
        return SetupError.exit_code
    except Exception as error:  # noqa: BLE001 - whatever it is, cargo must show it
        return _defect(error)
    return 0


def _compile_package(build: Build) -> None:
    """Writes a module for each model; raises one error for all that is wrong."""
    _tell("rerun-if-changed", "Cargo.toml")
    _tell("rerun-if-env-changed", "ARIEL_BOARD")
    _tell("rerun-if-env-changed", "ARIEL_LOG")
    package = _metadata()
    board, board_file = _board(build, package)
    _tell("rerun-if-changed", str(board_file))
    portable = not _is_for(board, build)
    if portable and re.search("-none(-|$)", build.target):
        # Tests on the host are meant to be portable, firmware hardly ever is.
        _tell(
            "warning", f"board {board.name} is {board.target}, this build is {build.target}: portable code is generated"
        )
    _log.info("board %s for %s%s", board.name, build.target, ", portable code" if portable else "")
    compiled: dict[str, driver.Compiled] = {}
    errors: list[ArielError] = []
    for module, options in package.models.items():
        try:
            compiled[module] = _compile(module, options, board, build, portable=portable)
        except ArielError as error:
            errors.append(error)
    _tell_files(_compiler_files())
    if errors:
        # The gravest decides the exit code: an exceeded budget is an answer, a broken model is not.
        gravest = max(errors, key=lambda error: error.exit_code)
        raise type(gravest)([diagnostic for error in errors for diagnostic in error.diagnostics])
    _write(build.out_dir, compiled, package.arenas)


def _metadata() -> Metadata:
    try:
        text = Path("Cargo.toml").read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MetadataError(f"cannot read Cargo.toml: {error}") from None
    return metadata.read(text)


def _board(build: Build, package: Metadata) -> tuple[Board, Path]:
    """Returns the board, and the file that describes it."""
    name, origin = (build.board, "ARIEL_BOARD") if build.board else (package.board, package.given.get("board", ""))
    try:
        board = boards.load(name) if name else boards.generic_for(build.target)
    except BoardError as error:
        raise BoardError([d if d.origin else replace(d, origin=origin) for d in error.diagnostics]) from None
    own = name is not None and Path(name).suffix == ".toml"
    return board, Path(name) if name is not None and own else resources.path("boards") / f"{board.name}.toml"


def _is_for(board: Board, build: Build) -> bool:
    return build.target == (build.host if board.is_host else board.target)


def _compile(module: str, options: ModelOptions, board: Board, build: Build, *, portable: bool) -> driver.Compiled:
    """Returns the compiled model, and tells cargo which files it depends on."""
    if not options.path.is_file():
        raise ModelError(
            f"{options.path} {'is a folder' if options.path.is_dir() else 'does not exist'}",
            options.given["path"],
            _files_like(options.path) or "the path is relative to the folder of Cargo.toml",
        )
    # Threads stand for cores where the program runs on this computer.
    hosted = build.target == build.host
    if not portable and not hosted and options.cores is not None and options.cores > len(board.cores):
        raise BoardError(
            f"board {board.name} has {len(board.cores)} core{'s' if len(board.cores) > 1 else ''}, not {options.cores}",
            options.given.get("cores", "Cargo.toml"),
            "set cores to no more, or leave it out; `board` in Cargo.toml, or ARIEL_BOARD, names another board",
        )
    _tell("rerun-if-changed", str(options.path))
    _log.info("compiling %s as %s", options.path, module)
    compiled = driver.compile_model(options.path, options, board, module, portable=portable)
    _tell_files(path for path in compiled.dependencies if path != options.path)
    for note in compiled.notes:
        _tell("warning", f"{options.path}: {note}")
    return compiled


def _files_like(path: Path) -> str:
    """Returns advice that names the model whose name is closest to that of a missing one."""
    with contextlib.suppress(OSError):
        models = sorted(file.name for file in path.parent.iterdir() if file.suffix in {".tflite", ".onnx"})
        close = difflib.get_close_matches(path.name, models, n=1)
        if close:
            return f"did you mean {(path.parent / close[0]).as_posix()}?"
    return ""


def _shared(arena: str, models: Sequence[str]) -> str:
    """Returns the module of an arena that models share: as large as the largest of them needs."""
    sizes = ", ".join(f"::core::mem::size_of::<super::{model}::Model>()" for model in models)
    names = ", ".join(f"`{model}`" for model in models)
    return (
        f"/// Memory of {names}, which never run at once.\n"
        f"pub mod {arena} {{\n"
        "    /// Bytes that the largest of them needs.\n"
        f"    pub const BYTES: usize = ::ariel_ml_rs::shared::largest(&[{sizes}]);\n"
        "    /// The arena; `SharedModel::on` of each model takes it.\n"
        "    pub type SharedArena = ::ariel_ml_rs::SharedArena<BYTES>;\n"
        "}\n"
    )


def _write(out_dir: Path, compiled: Mapping[str, driver.Compiled], arenas: Mapping[str, Sequence[str]]) -> None:
    """Writes the modules, the weights and the index, where they differ; removes those of models that are gone."""
    index = out_dir / INDEX
    lines = [f"// @generated by ariel_build {ariel_build.__version__}. Do not edit.\n"]
    lines += [f'include!("{module}.rs");\n' for module in sorted(compiled)]
    lines += [_shared(arena, arenas[arena]) for arena in sorted(arenas)]
    try:
        before = index.read_text(encoding="utf-8") if index.exists() else ""
        for module, model in compiled.items():
            _replace(out_dir / f"{module}.weights", model.weights)
            _replace(out_dir / f"{module}.rs", model.module_text.encode())
        _replace(index, "".join(lines).encode())
        for module in re.findall(r'^include!\("([^"/\\]+)\.rs"\);$', before, re.MULTILINE):
            if module not in compiled:
                (out_dir / f"{module}.rs").unlink(missing_ok=True)
                (out_dir / f"{module}.weights").unlink(missing_ok=True)
    except OSError as error:
        raise SetupError(f"cannot write the generated code: {error.strerror}", str(error.filename)) from None


def _replace(path: Path, content: bytes) -> None:
    """Gives the file this content, in one step, and leaves it alone where it has it."""
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == content:
            return
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


def _compiler_files() -> Iterator[Path]:
    """Returns the files of this package that took part, and the one that names its version where pip installed it.

    Not the folder: Python writes __pycache__ into it while it compiles, which would make cargo run us a second time. A
    new operator's file is not seen so, but a model that needs it has not been built before: cargo runs us anyway.
    """
    root = Path(ariel_build.__file__).parent
    modules = {getattr(module, "__file__", None) for name, module in sorted(sys.modules.items())}
    files = (Path(file) for file in modules if file is not None)
    yield from sorted(file for file in files if file.is_relative_to(root))
    yield from sorted(root.parent.glob("ariel_build-*.dist-info/METADATA"))


def _start_log(level: str) -> None:
    """Has the log written to standard error, which `cargo build -vv` shows."""
    names = ["error", "warning", "info", "debug"]
    if level and level.lower() not in names:
        raise SetupError(f"ARIEL_LOG is `{level}`", help=f"set it to one of {', '.join(names)}")
    logging.basicConfig(stream=sys.stderr, level=(level or "warning").upper(), format="%(levelname)s: %(message)s")


def _defect(error: Exception) -> int:
    """Tells of a defect of ours; the trace goes where cargo dumps it."""
    traceback.print_exception(error)
    _tell_error(
        f"error: a defect of ariel_build {ariel_build.__version__}: {type(error).__name__}: {error}\n"
        "  help: please report it, with the trace below"
    )
    return DEFECT


def _tell_error(rendered: str) -> None:
    """Shows diagnostics as cargo's own errors, which are one line each: so are ours, one for each line."""
    for line in rendered.splitlines():
        _tell("error", line.removeprefix("error: "))


def _tell_files(files: Iterable[Path]) -> None:
    for file in files:
        _tell("rerun-if-changed", str(file))


def _tell(directive: str, value: str) -> None:
    sys.stdout.write(f"cargo::{directive}={' '.join(value.splitlines())}\n")
    sys.stdout.flush()
