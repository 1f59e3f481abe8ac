"""What the commands share: arguments, and the way from arguments to a compiled model."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ariel_build import boards
from ariel_build.boards import Board
from ariel_build.boards.fit import check_cores
from ariel_build.config.flags import add_options, read_options
from ariel_build.config.module_name import module_name
from ariel_build.config.options import ModelOptions
from ariel_build.machine import resources

if TYPE_CHECKING:
    from ariel_build.driver import Compiled

__all__ = ["add_model", "board_of", "compiled", "model_options", "running_options"]


def add_model(parser: argparse.ArgumentParser) -> None:
    """Adds the model and its options."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="a .tflite, .onnx or .pt2 file")
    parser.add_argument("--target", metavar="TRIPLE", help="compile for this target triple (default: the board's)")
    add_options(parser)


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
    if inputs is None:
        return options
    from ariel_build import frontends
    from ariel_build.answers.samples import bind_dims

    source = frontends.read(arguments.model, options.dims, options.signature)
    bound = {k: v for k, v in bind_dims(inputs, source).items() if k not in options.dims}
    given: Mapping[str, int] = {**bound, **options.dims}
    return replace(options, dims=given)


def running_options(arguments: argparse.Namespace, inputs: Path | None = None) -> ModelOptions:
    """Returns the options for a model that runs here: on one core, unless `--cores` says otherwise."""
    options = model_options(arguments, inputs)
    return replace(options, cores=options.cores or 1)


def board_of(arguments: argparse.Namespace, default: str | None = None) -> Board:
    """Returns the board of the arguments: `--board`, else the generic one of `--target`, else `default`."""
    if getattr(arguments, "board", None):
        return boards.load(arguments.board)
    if getattr(arguments, "target", None):
        return boards.generic_for(arguments.target)
    return boards.load(default or "generic")


def compiled(arguments: argparse.Namespace, options: ModelOptions, board: Board, *, must_fit: bool = True) -> Compiled:
    """Compiles the model of the arguments; its module is named after the file."""
    from ariel_build.driver import compile_model

    check_cores(board, options.cores, "--cores")
    return compile_model(
        arguments.model, options, board, module_name(arguments.model.stem or "model"), must_fit=must_fit
    )
