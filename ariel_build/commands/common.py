"""What the commands share: arguments, and the way from arguments to a compiled model."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ariel_build import boards
from ariel_build.boards import Board
from ariel_build.boards.fit import check_cores
from ariel_build.config.flags import add_options, over, read_options
from ariel_build.config.module_name import module_name
from ariel_build.config.options import ModelOptions
from ariel_build.errors import MetadataError
from ariel_build.machine import resources

if TYPE_CHECKING:
    from ariel_build.config.metadata import Metadata
    from ariel_build.driver import Compiled

__all__ = [
    "add_model",
    "board_of",
    "compiled",
    "for_models",
    "model_options",
    "module_of",
    "refuse_overwriting",
    "refuse_several",
]

Main = Callable[[argparse.Namespace], int]


def add_model(parser: argparse.ArgumentParser) -> None:
    """Adds the model and its options."""
    parser.add_argument(
        "model",
        type=Path,
        metavar="MODEL",
        nargs="?",
        help="a .tflite, .onnx or .pt2 file, or the name of a model in the Cargo.toml here (default: all of them)",
    )
    parser.add_argument("--target", metavar="TRIPLE", help="compile for this target triple (default: the board's)")
    add_options(parser)


def for_models(main: Main, without: Collection[str] = ()) -> Main:
    """Returns the command that runs `main` for its MODEL; without one, for each model of the Cargo.toml here.

    For these the arguments have `module`, its name, and `crate`, its options, over which those of the command line go;
    `without` are keys of Cargo.toml that mean nothing to the command. Returns the gravest of the exit codes.
    """

    def each(arguments: argparse.Namespace) -> int:
        chosen = _chosen(arguments, without)
        codes = []
        for one in chosen:
            if len(chosen) > 1:
                print(f"{one.module}:", flush=True)
            codes.append(main(one))
        return max(codes)

    return each


def refuse_several(arguments: argparse.Namespace) -> None:
    """Raises MetadataError where MODEL is left out and the Cargo.toml here has several: this command is for one."""
    several = getattr(arguments, "several", ())
    if several:
        raise MetadataError(f"which model? Cargo.toml has {', '.join(several)}", "MODEL", "name one of them")


def refuse_overwriting(outputs: Mapping[str, Path | None], inputs: Sequence[Path | None]) -> None:
    """Raises MetadataError where a file to be written, by its option, is one that is read, or is written twice."""
    read = {path.resolve() for path in inputs if path is not None}
    written: dict[Path, str] = {}
    for option, path in outputs.items():
        if path is None:
            continue
        place = path.resolve()
        if place in read:
            raise MetadataError(f"`{path}` is what is read", option, "give the result another name")
        if place in written:
            raise MetadataError(f"`{path}` is written by {written[place]} as well", option, "give it another name")
        written[place] = option


def module_of(arguments: argparse.Namespace) -> str:
    """Returns the name of the model's module: Cargo.toml's, else that of the file."""
    return getattr(arguments, "module", None) or module_name(arguments.model.stem or "model")


def _chosen(arguments: argparse.Namespace, without: Collection[str]) -> list[argparse.Namespace]:
    """Returns the arguments for each model that is meant."""
    from ariel_build.config import packages

    model: Path | None = arguments.model
    package = packages.package_of(Path())
    if model is not None and (model.exists() or package is None or model.suffix):
        return [arguments]
    if package is None:
        raise MetadataError("no MODEL is given, and there is no Cargo.toml here", help="name a file")
    from ariel_build.config import metadata

    # From where we are: `../Cargo.toml`.
    manifest = Path(os.path.relpath(package.resolve())) / "Cargo.toml"
    try:
        found = metadata.read(manifest.read_text(encoding="utf-8-sig"), manifest.as_posix())
    except (OSError, UnicodeDecodeError) as error:
        raise MetadataError(f"cannot read it: {error}", str(manifest)) from None
    if model is not None and str(model) not in found.models:
        return [arguments]
    names = [str(model)] if model is not None else list(found.models)
    return [_of_crate(arguments, manifest.parent, found, name, names, without) for name in names]


def _of_crate(
    arguments: argparse.Namespace,
    package: Path,
    found: Metadata,
    module: str,
    names: Sequence[str],
    without: Collection[str],
) -> argparse.Namespace:
    """Returns the arguments for a model of the package's Cargo.toml; its paths are made such from where we are."""
    options = found.models[module]
    labels = package / options.labels if isinstance(options.labels, Path) else options.labels
    quantize = None if "quantize" in without else options.quantize
    if quantize is not None:
        quantize = replace(quantize, calibration=package / quantize.calibration)
    options = replace(options, path=package / options.path, labels=labels, quantize=quantize)
    own = argparse.Namespace(**vars(arguments))
    own.model, own.module, own.several = options.path, module, tuple(names) if len(names) > 1 else ()
    if hasattr(own, "on"):
        # It runs on another board, which has other cores, and where the harness says what lies where.
        options = replace(options, cores=None, weights_section=None, arena=None)
    elif "board" not in without and getattr(own, "board", None) is None and getattr(own, "target", None) is None:
        board = os.environ.get("ARIEL_BOARD") or found.board
        own.board = str(package / board) if board and boards.is_path(board) else board
        own.image = getattr(own, "image", None) or found.image
    own.crate = options
    return own


def model_options(arguments: argparse.Namespace, inputs: Path | None = None) -> ModelOptions:
    """Returns the options; free dimensions that they leave open are bound to the sizes in the npz `inputs`.

    A model that is to be quantised first is so now, and the arguments name the quantised one from here on.
    """
    options = _bound(arguments, inputs)
    if options.quantize is None:
        return options
    from ariel_build.quantize import quantized

    options = quantized(options, resources.cache_dir() / "quantized")
    arguments.model = options.path
    return options


def _bound(arguments: argparse.Namespace, inputs: Path | None) -> ModelOptions:
    options = read_options(arguments.model, arguments)
    crate: ModelOptions | None = getattr(arguments, "crate", None)
    if crate is not None:
        options = over(crate, options)
    if inputs is None:
        return options
    from ariel_build import frontends
    from ariel_build.answers.samples import bind_dims

    source = frontends.read(arguments.model, options.dims, options.signature)
    bound = {k: v for k, v in bind_dims(inputs, source).items() if k not in options.dims}
    given: Mapping[str, int] = {**bound, **options.dims}
    return replace(options, dims=given)


def board_of(arguments: argparse.Namespace, default: str | None = None) -> Board:
    """Returns the board of the arguments: `--board`, else the generic one of `--target`, else `default`."""
    if getattr(arguments, "board", None):
        return boards.load(arguments.board, getattr(arguments, "image", None))
    if getattr(arguments, "target", None):
        return boards.generic_for(arguments.target)
    return boards.load(default or "generic")


def features_of(arguments: argparse.Namespace, options: ModelOptions, made: Compiled, board: Board) -> list[str]:
    """Returns the features of the runtime crate that the model needs, on its board and in tests on this computer."""
    from ariel_build.driver import compile_model

    portable = compile_model(arguments.model, options, board, made.module, portable=True, must_fit=False)
    return sorted(made.features | portable.features)


def compiled(arguments: argparse.Namespace, options: ModelOptions, board: Board, *, must_fit: bool = True) -> Compiled:
    """Compiles the model of the arguments; its module is named after the file."""
    from ariel_build.driver import compile_model

    check_cores(board, options.cores, "--cores")
    return compile_model(arguments.model, options, board, module_of(arguments), must_fit=must_fit)
