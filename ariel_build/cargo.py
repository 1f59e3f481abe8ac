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
from dataclasses import replace
from pathlib import Path

import ariel_build
from ariel_build import boards, driver
from ariel_build.boards import Board
from ariel_build.boards.fit import check_cores
from ariel_build.boards.guess import RUNTIME, Guess, dependencies, guess
from ariel_build.codegen.module import shared_weights
from ariel_build.codegen.weights import Blob
from ariel_build.config import metadata, packages
from ariel_build.config.metadata import Metadata, ModelOptions
from ariel_build.config.toml_lines import key_lines
from ariel_build.errors import ArielError, BoardError, Diagnostic, MetadataError, ModelError, SetupError
from ariel_build.link import models as link
from ariel_build.machine import resources
from ariel_build.machine.files import write_if_changed
from ariel_build.machine.garbage import collect_seldom
from ariel_build.records import dataclass

__all__ = ["main"]

DEFECT = 70  # EX_SOFTWARE
INDEX = f"{metadata.INDEX}.rs"
#: The file in OUT_DIR that remembers what the user has been told of the board.
TOLD = "ariel_board.txt"
#: What `ariel-ml-rs/build.rs` tells the build scripts of crates that depend on it.
_RUNTIME = "DEP_ARIEL_ML_RS_FEATURES"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Build:
    """What cargo says about the build, in its environment variables."""

    package: Path
    out_dir: Path
    target: str
    host: str
    board: str | None
    features: frozenset[str] = frozenset()
    #: Those of the runtime crate, as its build script tells; None where this package does not depend on it itself.
    runtime: frozenset[str] | None = None

    @property
    def is_bare(self) -> bool:
        """Whether the target is without an operating system."""
        return re.search("-none(-|$)", self.target) is not None

    def has(self, feature: str) -> bool:
        """Whether a feature of the package is on."""
        return feature.upper().replace("-", "_") in self.features

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
            features=frozenset(
                name.removeprefix("CARGO_FEATURE_") for name in environment if name.startswith("CARGO_FEATURE_")
            ),
            runtime=frozenset(environment[_RUNTIME].split(",")) if _RUNTIME in environment else None,
        )


def main(environment: Mapping[str, str] | None = None) -> int:
    """Compiles all models of the package that cargo builds; returns the exit code."""
    collect_seldom()
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
    chosen = _board(build, package)
    board = chosen.board
    if chosen.file is not None:
        _tell("rerun-if-changed", str(chosen.file))
    _tell_once(build.out_dir, chosen.told)
    portable = not _is_for(board, build)
    if portable and build.is_bare:
        # Tests on the host are meant to be portable, firmware hardly ever is.
        _tell(
            "warning",
            f"board {board.name} is {board.image_target}, this build is {build.target}: portable code is generated",
        )
    _log.info("board %s for %s%s", board.name, build.target, ", portable code" if portable else "")
    layout = _layout(build) if build.is_bare else link.Layout({})
    compiled: dict[str, driver.Compiled] = {}
    shared = _shared_weights(package)
    needs: list[link.Need] = []
    errors: list[ArielError] = []
    for module, options in package.models.items():
        try:
            group = shared.get(module)
            before = 0 if group is None else len(group.blob.bytes())
            compiled[module] = _compile(module, options, chosen, build, group, portable=portable)
            weights = len(compiled[module].weights) if group is None else len(group.blob.bytes()) - before
            made = compiled[module]
            if build.is_bare and (layout.scripts or options.weights_section is not None or made.elsewhere):
                needs.append(_need(module, options, made, weights))
                refusals = link.refusals(needs[-1], layout)
                if refusals:
                    raise BoardError(refusals)
        except ArielError as error:
            errors.append(error)
    for problem in link.warnings(needs, layout):
        _tell_warning(problem)
    _tell_files(_compiler_files())
    if errors:
        # The gravest decides the exit code: an exceeded budget is an answer, a broken model is not.
        gravest = max(errors, key=lambda error: error.exit_code)
        raise type(gravest)([diagnostic for error in errors for diagnostic in error.diagnostics])
    _write(build.out_dir, compiled, package.arenas, shared)


def _metadata() -> Metadata:
    try:
        text = Path("Cargo.toml").read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MetadataError(f"cannot read Cargo.toml: {error}") from None
    return metadata.read(text)


@dataclass(frozen=True)
class _Chosen:
    """The board that code is generated for, and the file that describes it; what the user is told if it is a guess.

    `cores` is how many work on a model where its options do not say; None for all of the board.
    """

    board: Board
    file: Path | None
    guessed: bool = False
    told: str = ""
    cores: int | None = None


def _board(build: Build, package: Metadata) -> _Chosen:
    """Returns the board that is named, else the one that dependencies name, else a generic one."""
    name, origin = (build.board, "ARIEL_BOARD") if build.board else (package.board, package.given.get("board", ""))
    if name is not None:
        try:
            board = boards.load(name, package.image)
        except BoardError as error:
            raise BoardError([d if d.origin else replace(d, origin=origin) for d in error.diagnostics]) from None
        own = Path(name) if boards.is_path(name) else resources.path("boards") / f"{board.name}.toml"
        return _Chosen((None if board.is_host else boards.adapted(board, build.target)) or board, own)
    if package.image is not None:
        raise BoardError("`image` without a `board`", package.given["image"], 'write board = "stm32h747", or your own')
    generic = boards.generic_for(build.target)
    guessed = _guess(build, generic) if build.is_bare else Guess(None, "")
    board = guessed.board or generic
    file = resources.path("boards") / f"{board.name}.toml"
    return _Chosen(board, file, guessed.board is not None, guessed.told, guessed.cores)


def _guess(build: Build, generic: Board) -> Guess:
    """Returns what the dependencies of the package say of the board."""
    manifest = packages.toml(Path("Cargo.toml"))
    root = packages.workspace()
    inherited: Mapping[str, object] = {}
    if root is not None:
        file = root / "Cargo.toml"
        inherited = packages.workspace_dependencies(root)
        if file.absolute() != Path("Cargo.toml").absolute():
            _tell("rerun-if-changed", str(file))
    return guess(dependencies(manifest, inherited, build.has, build.target), build.target, generic)


def _is_for(board: Board, build: Build) -> bool:
    return build.target == (build.host if board.is_host else board.image_target)


def _layout(build: Build) -> link.Layout:
    """Returns the linker scripts of the package; cargo watches those that are not made by its build script."""
    layout = link.find(Path(), packages.workspace(), build.out_dir)
    _tell_files(path for path in layout.scripts if not path.is_relative_to(build.out_dir))
    return layout


def _need(module: str, options: ModelOptions, compiled: driver.Compiled, weights: int) -> link.Need:
    return link.Need(
        model=module,
        # What is hot, and scratch in fast memory, have memories of their own.
        ram=compiled.main_bytes,
        weights=weights,
        flash_most=compiled.bounds.flash,
        stack_most=compiled.bounds.stack,
        section=options.weights_section,
        origin=options.given.get("weights.section", options.given.get("weights", "")),
        arena=options.arena,
        hot=compiled.hot_place.section if compiled.hot_place is not None else "",
        fast=tuple(place.section for place in compiled.fast_places if place.memory),
    )


@dataclass(frozen=True)
class _Group:
    """Models of one file, as its signatures are, whose constants lie in one blob, in one section."""

    models: tuple[str, ...]
    blob: Blob
    section: str


def _shared_weights(package: Metadata) -> dict[str, _Group]:
    """Returns the group of each model that has its file, and the section of its weights, in common with another."""
    alike: dict[tuple[Path, str | None], list[str]] = {}
    for module, options in package.models.items():
        alike.setdefault((options.path, options.weights_section), []).append(module)
    taken = {*package.models, *package.arenas}
    groups = {}
    for (_, section), models in alike.items():
        if len(models) == 1:
            continue
        name = f"{models[0]}_weights"
        while name in taken:
            name += "_"
        taken.add(name)
        group = _Group(tuple(models), Blob(name), section or f".rodata.ariel.{models[0]}")
        groups.update(dict.fromkeys(models, group))
    return groups


def _compile(
    module: str, options: ModelOptions, chosen: _Chosen, build: Build, group: _Group | None, *, portable: bool
) -> driver.Compiled:
    """Returns the compiled model, and tells cargo which files it depends on."""
    board = chosen.board
    if not options.path.is_file():
        raise ModelError(
            f"{options.path} {'is a folder' if options.path.is_dir() else 'does not exist'}",
            options.given["path"],
            _files_like(options.path) or "the path is relative to the folder of Cargo.toml",
        )
    # Threads stand for cores where the program runs on this computer.
    hosted = build.target == build.host
    if not portable and not hosted:
        check_cores(board, options.cores, options.given.get("cores", "Cargo.toml"))
    _tell("rerun-if-changed", str(options.path))
    _log.info("compiling %s as %s", options.path, module)
    options = replace(options, cores=options.cores or chosen.cores)
    options = _quantized(options, build)
    blob = None if group is None else group.blob
    compiled = driver.compile_model(options.path, options, board, module, portable=portable, must_fit=False, blob=blob)
    _check_features(module, compiled, build)
    # A board that is guessed stands for its family: another chip of that may have more memory.
    judged = replace(board, memories=()) if chosen.guessed else board
    driver.refuse_misfits(compiled, options.path, options, judged, portable=portable)
    _tell_files(path for path in compiled.dependencies if path != options.path)
    for note in compiled.notes:
        _tell("warning", f"{options.path}: {note}")
    return compiled


def _check_features(module: str, compiled: driver.Compiled, build: Build) -> None:
    """Refuses a model with kernels that the runtime crate is compiled without."""
    if build.runtime is None:
        return
    missing = sorted(compiled.features - build.runtime)
    if missing:
        lines = key_lines(Path("Cargo.toml").read_text(encoding="utf-8-sig"))
        line = next((f":{line}" for path, line in lines.items() if path[-1] == RUNTIME), "")
        listed = ", ".join(f'"{feature}"' for feature in missing)
        raise MetadataError(
            f"`{module}` has kernels that {RUNTIME} is compiled without: features {', '.join(missing)}",
            f"Cargo.toml{line}",
            f"add {listed} to its `features`, or leave out `default-features = false`: all are on then",
        )


def _quantized(options: ModelOptions, build: Build) -> ModelOptions:
    """Returns the options of the model in int8, which is kept in OUT_DIR; cargo watches what it is made of."""
    wish = options.quantize
    if wish is None:
        return options
    from ariel_build.quantize import quantized  # noqa: PLC0415 - no other model waits for it

    if not wish.calibration.is_file():
        raise MetadataError(
            f"{wish.calibration} does not exist",
            options.given.get("quantize.calibration", options.given.get("quantize", "")),
            "the path is relative to the folder of Cargo.toml",
        )
    _tell("rerun-if-changed", str(wish.calibration))
    return quantized(options, build.out_dir / "quantized")


def _files_like(path: Path) -> str:
    """Returns advice that names the model whose name is closest to that of a missing one."""
    with contextlib.suppress(OSError):
        models = sorted(file.name for file in path.parent.iterdir() if file.suffix in {".tflite", ".onnx", ".pt2"})
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


def _write(
    out_dir: Path,
    compiled: Mapping[str, driver.Compiled],
    arenas: Mapping[str, Sequence[str]],
    shared: Mapping[str, _Group],
) -> None:
    """Writes the modules, the weights and the index, where they differ; removes those of models that are gone."""
    index = out_dir / INDEX
    lines = [f"// @generated by ariel_build {ariel_build.__version__}. Do not edit.\n"]
    lines += [f'include!("{module}.rs");\n' for module in sorted(compiled)]
    lines += [_shared(arena, arenas[arena]) for arena in sorted(arenas)]
    groups = {group.blob.name: group for group in shared.values()}
    lines += [shared_weights(g.blob, g.models, g.section) for _, g in sorted(groups.items()) if g.blob.bytes()]
    try:
        before = index.read_text(encoding="utf-8") if index.exists() else ""
        for module, model in compiled.items():
            if module not in shared:
                write_if_changed(out_dir / f"{module}.weights", model.weights)
            write_if_changed(out_dir / f"{module}.rs", model.module_text.encode())
        for name, group in groups.items():
            write_if_changed(out_dir / f"{name}.weights", group.blob.bytes())
        write_if_changed(index, "".join(lines).encode())
        for module in re.findall(r'^include!\("([^"/\\]+)\.rs"\);$', before, re.MULTILINE):
            if module not in compiled:
                (out_dir / f"{module}.rs").unlink(missing_ok=True)
                (out_dir / f"{module}.weights").unlink(missing_ok=True)
    except OSError as error:
        raise SetupError(f"cannot write the generated code: {error.strerror}", str(error.filename)) from None


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


def _tell_warning(problem: Diagnostic) -> None:
    """Shows a diagnostic as cargo's own warning, one line each."""
    for line in problem.render().splitlines():
        _tell("warning", line.removeprefix("error: "))


def _tell_once(out_dir: Path, text: str) -> None:
    """Warns of `text` in one build, and not again before it changes.

    Cargo repeats a build script's warnings in each build in which the script does not run. So it is made to run once
    more, by a file that is younger than its first run and stays as it is from then on.
    """
    path = out_dir / TOLD
    if not text:
        path.unlink(missing_ok=True)
        return
    _tell("rerun-if-changed", str(path))
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        _tell("warning", text)
        with contextlib.suppress(OSError):  # told of where the modules cannot be written, either
            write_if_changed(path, text.encode())


def _tell_files(files: Iterable[Path]) -> None:
    for file in files:
        _tell("rerun-if-changed", str(file))


def _tell(directive: str, value: str) -> None:
    sys.stdout.write(f"cargo::{directive}={' '.join(value.splitlines())}\n")
    sys.stdout.flush()
