"""`quantize MODEL --calibration X.npz -o OUT.onnx`: post-training int8, and what it costs in accuracy.

The result is an ONNX file with QuantizeLinear and DequantizeLinear in it, which onnxruntime runs as well.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from ariel_build.commands.common import for_models, model_options, refuse_overwriting, refuse_several
from ariel_build.commands.consoles import console, progress
from ariel_build.config import option_values as values
from ariel_build.config.flags import add_options
from ariel_build.config.options import Quantization
from ariel_build.errors import MetadataError
from ariel_build.frontends.checks import shown
from ariel_build.machine.files import write_atomically

if TYPE_CHECKING:
    from ariel_build.quantize import Outcome, Tell

__all__ = ["add", "main"]


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument(
        "model",
        type=Path,
        metavar="MODEL",
        nargs="?",
        help="a .tflite, .onnx or .pt2 file in float32 (default: that of the Cargo.toml here)",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        required=True,
        metavar="X.npz",
        help="[samples, *shape] for each input, and maybe `labels`: the number of the right class of each sample",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.onnx", help="the file to write")
    parser.add_argument(
        "--max-drop",
        metavar="0.5%%",
        help="what may be lost: points of accuracy with `labels`, else of agreement with float32 where the model ends "
        "in a softmax or has --labels, else noise by the power of the signal; weights of 4 bits get 8 for it, then "
        "tensors are int16, then layers stay float32",
    )
    parser.add_argument(
        "--weights-bits",
        metavar="8|4",
        help="bits of the weights of dense layers and pointwise convolutions (default 8): 4 take half the flash",
    )
    parser.add_argument(
        "--ranges",
        metavar="min-max|percentile|least-error",
        help="how the range of a tensor is found (default: the way with the least noise in the outputs)",
    )
    add_options(parser, ("dims", "signature", "state", "labels"))
    parser.set_defaults(main=for_models(main, without=("board", "quantize")))


def main(arguments: argparse.Namespace) -> int:
    """Writes the file; prints both accuracies and the noise of each layer."""
    from ariel_build.quantize import quantize

    refuse_several(arguments)
    output: Path = arguments.output
    if output.suffix != ".onnx":
        raise MetadataError(f"`{output}` is no .onnx file", "-o", "the quantised model is an ONNX file: OUT.onnx")
    if output.is_dir():
        raise MetadataError(f"`{output}` is a folder", "-o")
    refuse_overwriting({"-o": output}, [arguments.model])
    wish = _wish(arguments)
    options = model_options(arguments)
    with _bar() as tell:
        outcome = quantize(options, wish, tell)
    data = outcome.model.SerializeToString(deterministic=True)
    try:
        write_atomically(output, data)
    except OSError as error:
        raise MetadataError(f"cannot write: {error.strerror}", str(output)) from None
    for note in outcome.notes:
        print(f"note: {note}", file=sys.stderr)
    _show(outcome)
    console.print(f"{output}: {len(data):,} bytes; compile it as any model")
    return 0


def _wish(arguments: argparse.Namespace) -> Quantization:
    """Returns what the options say; MetadataError names the wrong one."""

    def value(flag: str, reader: object, text: object) -> object:
        try:
            return None if text is None else reader(text)  # type: ignore[operator]
        except ValueError as error:
            raise MetadataError(f"it is {values.shown(text)}: {error}", flag) from None

    bits = arguments.weights_bits
    return Quantization(
        calibration=arguments.calibration,
        max_drop=value("--max-drop", values.share, arguments.max_drop),  # type: ignore[arg-type]
        weights_bits=value("--weights-bits", values.weights_bits, int(bits) if str(bits).isdecimal() else bits) or 8,  # type: ignore[arg-type]
        ranges=value("--ranges", values.ranges, arguments.ranges),  # type: ignore[arg-type]
    )


@contextmanager
def _bar() -> Iterator[Tell]:
    """Gives what draws a bar where standard error is a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=progress, transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)


def _show(outcome: Outcome) -> None:
    """Prints the layers with their signal-to-noise ratios, what was tried, and both accuracies side by side."""
    result = outcome.result
    table = Table(title="layers", title_justify="left", box=None, pad_edge=False)
    for column in ("signal to noise", "computes in", "scale", "zero point", "layer"):
        table.add_column(column, justify="left" if column in ("layer", "computes in") else "right")
    for node in outcome.graph.nodes:
        value = node.outputs[0]
        stored = result.form.quants.get(value)
        kind = "int8" if node in result.form.choice.nodes else value.type.dtype.label
        kind = "int16" if node in result.widened else f"{kind} by int4" if result.form.packs(node) else kind
        ratio = _ratio(result.noise[value]) if value in result.noise else ""
        scale = (f"{stored.scale:.6g}", str(stored.zero_point)) if stored is not None else ("", "")
        table.add_row(ratio, kind, *scale, shown(f"{node.op.name}, {node.origin}"))
    console.print(table)
    for what, noise in result.tried:
        console.print(f"tried: {what}: {_ratio(noise)}")
    done = [f"ranges by {result.ranges}"]
    done += [f"{result.equalized} pairs of layers equalised"] if result.equalized else []
    done += ["biases corrected"] if result.corrected else []
    done += [f"{len(result.whole)} layers have weights of 8 bits for --max-drop"] if result.whole else []
    done += [f"{len(result.widened)} layers compute in int16 for --max-drop"] if result.widened else []
    done += [f"{len(result.stay_float)} layers stay float32 for --max-drop"] if result.stay_float else []
    console.print(f"kept: {', '.join(done)}")
    score = result.score
    both = Table(title=f"{outcome.samples:,} samples", title_justify="left", box=None, pad_edge=False)
    for column in ("", "float32", "int8"):
        both.add_column(column, justify="right" if column else "left")
    if score.accuracy is not None and score.accuracy_float is not None:
        both.add_row("accuracy", f"{score.accuracy_float:.2%}", f"{score.accuracy:.2%}")
    if score.agreement is not None:
        both.add_row("same greatest output as float32", f"{1:.2%}", f"{score.agreement:.2%}")
    both.add_row("signal to noise of the outputs", "", _ratio(score.noise))
    console.print(both)


def _ratio(noise: float) -> str:
    from ariel_build.quantize.judge import decibels

    ratio = decibels(noise)
    return "exact" if math.isinf(ratio) else f"{ratio:.1f} dB"
