"""`inspect MODEL`: inputs, outputs, operators, costs, and what is unsupported and why."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from ariel_build import frontends
from ariel_build.boards import Board
from ariel_build.commands.common import Subparsers, add_model, board_of, compiled, console, model_options
from ariel_build.driver import Compiled
from ariel_build.errors import UnsupportedError
from ariel_build.frontends.checks import shown
from ariel_build.ir import Quant, TensorType, Value

__all__ = ["add", "main"]


def add(subparsers: Subparsers) -> None:
    """Declares the command."""
    text = "show what a model takes and gives, what it costs, and what is unsupported"
    parser = subparsers.add_parser("inspect", help=text, description=text)
    add_model(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(main=main)


def main(arguments: argparse.Namespace) -> int:
    """Prints the facts as a table or as JSON."""
    options = model_options(arguments)
    board = board_of(arguments)
    try:
        facts = _facts(compiled(arguments, options, board), board)
    except UnsupportedError as error:
        source = frontends.read(arguments.model, options.dims, options.signature)
        inputs = [_tensor(n, source.tensors[k]) for k, n in zip(source.inputs, source.input_names, strict=True)]
        outputs = [_tensor(n, source.tensors[k]) for k, n in zip(source.outputs, source.output_names, strict=True)]
        facts = {
            "inputs": _with_aliases(inputs, source.input_aliases),
            "outputs": _with_aliases(outputs, source.output_aliases),
            "operators": dict(sorted(Counter(node.op for node in source.nodes).items())),
            **dict.fromkeys(("macs", "arena_bytes", "weights_bytes", "flash_bytes", "ram_bytes", "predicted")),
            "unsupported": [
                {
                    "operator": d.message.partition(" is not supported")[0]
                    .removeprefix("operator ")
                    .partition(": ")[0],
                    "origin": d.origin,
                    "reason": d.message,
                }
                for d in error.diagnostics
            ],
            "signature": source.signature or None,
            "notes": source.notes,
        }
    if arguments.json:
        console.print(json.dumps(facts, indent=2))
    else:
        _show(str(arguments.model), facts)
    return 0


def _facts(result: Compiled, board: Board) -> dict[str, Any]:
    predicted = result.predicted
    return {
        "inputs": _with_aliases([_value(v) for v in result.graph.inputs], result.graph.input_aliases),
        "outputs": _with_aliases([_value(v) for v in result.graph.outputs], result.graph.output_aliases),
        "operators": dict(result.operators),
        "macs": result.macs,
        "arena_bytes": result.plan.arena_bytes,
        "weights_bytes": len(result.weights),
        "flash_bytes": result.bounds.flash,
        "ram_bytes": result.plan.arena_bytes + (16 if result.graph.states else 0),
        "predicted": {
            "cycles": predicted.cycles,
            "latency_ms": _rounded(predicted.seconds, 1e-3),
            "longest_tile_cycles": predicted.longest_cycles,
            "longest_tile_us": _rounded(predicted.longest_seconds, 1e-6),
            "longest_tile_step": predicted.longest.name if predicted.longest else None,
            "board": board.name,
        },
        "unsupported": [],
        "signature": result.graph.signature or None,
        "notes": list(result.notes),
    }


def _rounded(seconds: float | None, unit: float) -> float | None:
    return None if seconds is None else round(seconds / unit, 3)


def _quantisation(quant: Quant | None) -> dict[str, Any]:
    single = quant is not None and quant.per_tensor
    return {
        "scale": quant.scale if quant is not None and single else None,
        "zero_point": quant.zero_point if quant is not None and single else None,
    }


def _with_aliases(tensors: list[dict[str, Any]], aliases: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the tensors with what the model's signature calls them; null where it has no name for one."""
    return [
        {**tensor, "signature_name": (aliases[index] if index < len(aliases) else "") or None}
        for index, tensor in enumerate(tensors)
    ]


def _value(value: Value) -> dict[str, Any]:
    return _described(value.name, value.type)


def _described(name: str, type_: TensorType) -> dict[str, Any]:
    return {"name": name, "shape": list(type_.shape), "dtype": type_.dtype.numpy.name, **_quantisation(type_.quant)}


def _tensor(name: str, tensor: frontends.SourceTensor) -> dict[str, Any]:
    return {
        "name": name,
        "shape": list(tensor.shape) if tensor.shape is not None else None,
        "dtype": tensor.dtype.numpy.name if tensor.dtype else None,
        **_quantisation(tensor.quant),
    }


def _show(model: str, facts: dict[str, Any]) -> None:
    """Prints the facts for people."""
    table = Table(title=model, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    for kind in ("inputs", "outputs"):
        for tensor in facts[kind]:
            quant = f", scale {tensor['scale']:.6g}, zero point {tensor['zero_point']}" if tensor["scale"] else ""
            alias = f" ({shown(tensor['signature_name'])})" if tensor["signature_name"] else ""
            table.add_row(kind[:-1], f"{shown(tensor['name'])}{alias}: {tensor['dtype']} {tensor['shape']}{quant}")
    if facts["signature"]:
        table.add_row("signature", f"{shown(facts['signature'])}, with its names in brackets")
    table.add_row("operators", ", ".join(f"{count} {name}" for name, count in facts["operators"].items()))
    for key, label in (
        ("macs", "multiply-accumulates"),
        ("arena_bytes", "arena, bytes"),
        ("weights_bytes", "weights, bytes"),
        ("flash_bytes", "flash at most, bytes"),
    ):
        if facts[key] is not None:
            table.add_row(label, f"{facts[key]:,}")
    predicted = facts["predicted"]
    if predicted:
        latency = f", {predicted['latency_ms']} ms" if predicted["latency_ms"] is not None else ""
        table.add_row("predicted", f"{predicted['cycles']:,} cycles{latency} on {predicted['board']}")
        longest = f"{predicted['longest_tile_cycles']:,} cycles"
        longest += f", {predicted['longest_tile_us']} us" if predicted["longest_tile_us"] is not None else ""
        table.add_row("longest tile", f"{longest}: {predicted['longest_tile_step']}")
    for note in facts["notes"]:
        table.add_row("note", note)
    for problem in facts["unsupported"]:
        table.add_row("unsupported", f"{problem['reason']}  ({problem['origin']})")
    console.print(table)
