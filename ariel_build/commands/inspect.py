"""`inspect MODEL`: inputs, outputs, operators, costs, and what is unsupported and why.

The facts go to standard output whatever the answer is: 0, the model compiles and fits; 1, it compiles and does not fit
the board or a budget; 2, it cannot be compiled.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from ariel_build import frontends
from ariel_build.boards import Board
from ariel_build.commands.common import (
    add_model,
    board_of,
    compiled,
    for_models,
    model_options,
    refuse_several,
)
from ariel_build.commands.consoles import console
from ariel_build.config.options import ModelOptions
from ariel_build.cores.energy import energy
from ariel_build.driver import Compiled, refuse_misfits
from ariel_build.errors import ArielError, BoardError, BudgetError, Diagnostic, UnsupportedError, grouped
from ariel_build.frontends.checks import shown
from ariel_build.ir import Bound, Quant, TensorType, Value
from ariel_build.report.lines import rounded

__all__ = ["add", "main"]


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_model(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(main=for_models(main))


def main(arguments: argparse.Namespace) -> int:
    """Prints the facts as a table or as JSON; returns 0, 1 (it does not fit) or 2 (it cannot be compiled)."""
    if arguments.json:
        refuse_several(arguments)
    options = model_options(arguments)
    board = board_of(arguments)
    refusal: ArielError | None = None
    code = 0
    try:
        result = compiled(arguments, options, board, must_fit=False)
    except UnsupportedError as error:
        refusal, code = error, error.exit_code
        facts = _facts_of_unsupported(arguments, options, error)
    else:
        try:
            refuse_misfits(result, arguments.model, options, board)
        except (BoardError, BudgetError) as error:
            refusal, code = error, 1
        facts = _facts(result, board, fits=refusal is None)
    if arguments.json:
        console.print(json.dumps(facts, indent=2))
    else:
        _show(str(arguments.model), facts)
    if refusal is not None:
        console.file.flush()
        print(refusal.render(), file=sys.stderr)
    return code


def _facts_of_unsupported(
    arguments: argparse.Namespace, options: ModelOptions, error: UnsupportedError
) -> dict[str, Any]:
    """Returns the same facts of a model that cannot be compiled, as far as its file tells them."""
    facts: dict[str, Any] = {"inputs": [], "outputs": [], "operators": {}}
    signature, notes = None, list[str]()
    try:
        source = frontends.read(arguments.model, options.dims, options.signature)
    except ArielError:
        pass  # The reader itself refuses the file, for the reason that `error` has.
    else:
        for kind, keys, names, aliases in (
            ("inputs", source.inputs, source.input_names, source.input_aliases),
            ("outputs", source.outputs, source.output_names, source.output_aliases),
        ):
            tensors = [_tensor(name, source.tensors[key]) for key, name in zip(keys, names, strict=True)]
            facts[kind] = _with_aliases(tensors, aliases)
        signature, notes = source.signature or None, list(source.notes)
        facts["operators"] = dict(sorted(Counter(node.op for node in source.walk()).items()))
    unknown = ("macs", "arena_bytes", "weights_bytes", "flash_bytes", "ram_bytes", "predicted")
    facts |= dict.fromkeys(unknown)
    facts["unsupported"] = [
        {
            "operator": d.message.partition(" is not supported")[0].removeprefix("operator ").partition(": ")[0],
            "origin": d.origin,
            "reason": d.message,
        }
        for d in error.diagnostics
    ]
    facts |= dict.fromkeys(("ram_by_memory", "stack_bytes", "flash_bytes_max", "stack_bytes_max"))
    return facts | {"signature": signature, "notes": notes, "fits": None}


def _facts(result: Compiled, board: Board, *, fits: bool) -> dict[str, Any]:
    predicted = result.predicted
    return {
        "inputs": _with_bounds(
            _with_aliases([_value(v) for v in result.graph.inputs], result.graph.input_aliases),
            result.graph.input_bounds,
        ),
        "outputs": _with_bounds(
            _with_aliases([_value(v) for v in result.graph.outputs], result.graph.output_aliases),
            result.graph.output_bounds,
        ),
        "operators": dict(result.operators),
        "macs": result.macs,
        "arena_bytes": result.plan.arena_bytes,
        "weights_bytes": len(result.weights),
        "flash_bytes": result.bounds.expected_flash,
        "ram_bytes": result.ram_bytes,
        "predicted": {
            "instructions": int(predicted.instructions) if math.isfinite(predicted.instructions) else None,
            "cycles": int(predicted.cycles) if math.isfinite(predicted.cycles) else None,
            "latency_ms": rounded(predicted.seconds, 1e-3),
            "longest_tile_cycles": predicted.longest_cycles,
            "longest_tile_us": rounded(predicted.longest_seconds, 1e-6),
            "longest_tile_step": predicted.longest.name if predicted.longest else None,
            "energy_uj": rounded(energy(predicted, board, result.schedule.cores), 1e-6),
            "board": board.name,
        },
        "unsupported": [],
        "ram_by_memory": result.ram_by_memory,
        "stack_bytes": result.bounds.expected_stack,
        "flash_bytes_max": result.bounds.flash,
        "stack_bytes_max": result.bounds.stack,
        "signature": result.graph.signature or None,
        "notes": list(result.notes),
        "fits": fits,
    }


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


def _with_bounds(tensors: list[dict[str, Any]], bounds: Sequence[Bound | None]) -> list[dict[str, Any]]:
    """Adds to tensors the bounded dimension in front of them, where there is one: they have that shape at most."""
    for tensor, bound in zip(tensors, bounds, strict=False):
        if bound is not None:
            tensor["bounded"] = {"dimension": bound.name, "most": bound.most}
    return tensors


def _value(value: Value) -> dict[str, Any]:
    return _described(value.name, value.type)


def _described(name: str, type_: TensorType) -> dict[str, Any]:
    return {"name": name, "shape": list(type_.shape), "dtype": type_.dtype.label, **_quantisation(type_.quant)}


def _tensor(name: str, tensor: frontends.SourceTensor) -> dict[str, Any]:
    return {
        "name": name,
        "shape": list(tensor.shape) if tensor.shape is not None else None,
        "dtype": tensor.dtype.label if tensor.dtype else None,
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
            shape = str(tensor["shape"])
            if bounded := tensor.get("bounded"):
                axis = Bound.axis(tensor["shape"])
                sizes = [f"..={n}" if k == axis else str(n) for k, n in enumerate(tensor["shape"])]
                shape = f"[{', '.join(sizes)}] with {shown(bounded['dimension'])} of 1 to {bounded['most']}"
            table.add_row(kind[:-1], f"{shown(tensor['name'])}{alias}: {tensor['dtype']} {shape}{quant}")
    if facts["signature"]:
        table.add_row("signature", f"{shown(facts['signature'])}, with its names in brackets")
    table.add_row("operators", ", ".join(f"{count} {name}" for name, count in facts["operators"].items()))
    for key, label in (
        ("macs", "multiply-accumulates"),
        ("arena_bytes", "arena, bytes"),
        ("weights_bytes", "weights, bytes"),
        ("flash_bytes", "flash, bytes"),
        ("flash_bytes_max", "flash at most, bytes"),
        ("stack_bytes", "stack, bytes"),
        ("stack_bytes_max", "stack at most, bytes"),
    ):
        if facts[key] is not None:
            table.add_row(label, f"{facts[key]:,}")
    predicted = facts["predicted"]
    if predicted:
        latency = f", {predicted['latency_ms']} ms" if predicted["latency_ms"] is not None else ""
        latency += f", {predicted['energy_uj']} uJ" if predicted["energy_uj"] is not None else ""
        cycles = (
            "no bound: state `max-iterations`" if predicted["cycles"] is None else f"{predicted['cycles']:,} cycles"
        )
        table.add_row("predicted", f"{cycles}{latency} on {predicted['board']}")
        longest = f"{predicted['longest_tile_cycles']:,} cycles"
        longest += f", {predicted['longest_tile_us']} us" if predicted["longest_tile_us"] is not None else ""
        table.add_row("longest tile", f"{longest}: {predicted['longest_tile_step']}")
    for note in facts["notes"]:
        table.add_row("note", note)
    for problem in grouped([Diagnostic(entry["reason"], entry["origin"]) for entry in facts["unsupported"]]):
        table.add_row("unsupported", f"{problem.message}  ({problem.origin}{problem.and_more})")
    console.print(table)
