"""`inspect` and `boards`: the contract's keys, names as they are in the model, and what is unsupported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ariel_build import boards
from tests.commands.conftest import Command
from tests.zoo import DIGITS, FLOAT, node, onnx_file

KEYS = [
    "inputs",
    "outputs",
    "operators",
    "macs",
    "arena_bytes",
    "weights_bytes",
    "flash_bytes",
    "ram_bytes",
    "predicted",
    "unsupported",
]
HOSTILE = ["[bold]x[/]", "[/red]", ":smile:", "a\nb", "a\tb", 'a"b', "é", "\u202eabc", "*/", "\x1b[31m", "x" * 500]


def facts(command: Command, model: Path, *words: str) -> dict[str, Any]:
    answer = command("inspect", model, "--json", *words)
    assert answer.code == 0, answer
    loaded: dict[str, Any] = json.loads(answer.out)
    return loaded


def test_json_has_the_keys_of_the_contract(command: Command) -> None:
    found = facts(command, DIGITS)
    assert list(found)[: len(KEYS)] == KEYS
    (given,) = found["inputs"]
    assert set(given) == {"name", "shape", "dtype", "scale", "zero_point", "signature_name"}
    assert given["dtype"] == "int8"
    assert given["scale"] > 0
    assert all(isinstance(found[key], int) and found[key] > 0 for key in KEYS[3:8])
    assert found["flash_bytes"] > found["weights_bytes"]
    assert found["ram_bytes"] >= found["arena_bytes"]
    assert {"cycles", "latency_ms", "board"} <= set(found["predicted"])
    assert found["unsupported"] == []


def test_a_board_predicts_for_itself(command: Command, flip: Path) -> None:
    assert facts(command, flip, "--board", "qemu-cortex-m7")["predicted"]["board"] == "qemu-cortex-m7"


def test_what_is_unsupported_is_told_with_code_0(command: Command, exotic: Path) -> None:
    found = facts(command, exotic)
    assert list(found)[: len(KEYS)] == KEYS
    assert [entry["operator"] for entry in found["unsupported"]] == ["Warp", "ai.looms:Weft"]
    assert all(set(entry) == {"operator", "origin", "reason"} for entry in found["unsupported"])
    assert [entry["shape"] for entry in found["inputs"]] == [[2, 3]]
    assert found["macs"] is None
    text = command("inspect", exotic)
    assert text.code == 0
    assert text.out.count("is not supported") == 2


def test_the_cargo_form(command: Command, flip: Path) -> None:
    plain, as_cargo = command("inspect", flip), command("ariel", "inspect", flip)
    assert as_cargo == plain
    assert as_cargo.code == 0


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_names_are_words_not_markup(name: str, command: Command, tmp_path: Path) -> None:
    nodes = [node("Transpose", [name], ["y"], name=name)]
    model = onnx_file(tmp_path / "m.onnx", nodes, {name: (FLOAT, [2, 3])}, {"y": (FLOAT, [3, 2])})
    assert facts(command, model)["inputs"][0]["name"] == name
    text = command("inspect", model)
    assert text.code == 0
    assert "\x1b" not in text.out
    assert "\u202e" not in text.out
    if name.isascii() and name.isprintable() and len(name) < 20:
        assert name in text.out


def test_boards_lists_every_board(command: Command) -> None:
    answer = command("boards")
    assert answer.code == 0
    for name in boards.known():
        assert name in answer.out
