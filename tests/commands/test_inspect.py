"""`inspect` and `boards`: the contract's keys, names as they are in the model, and what is unsupported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.machine import resources
from tests.commands.conftest import Command
from tests.zoo import FLOAT, node, onnx_file
from tools.recorded import DIGITS

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


def facts(command: Command, model: Path, *words: str, code: int = 0) -> dict[str, Any]:
    answer = command("inspect", model, "--json", *words)
    assert answer.code == code, answer
    loaded: dict[str, Any] = json.loads(answer.out)
    return loaded


def test_operators_have_the_names_of_the_formats(command: Command, tmp_path: Path) -> None:
    nodes = [node("ArgMax", ["x"], ["most"], axis=1), node("ArgMin", ["x"], ["least"], axis=1)]
    ends = {"most": (7, [2, 1]), "least": (7, [2, 1])}
    found = facts(command, onnx_file(tmp_path / "m.onnx", nodes, {"x": (FLOAT, [2, 3])}, ends))
    assert {"ArgMax", "ArgMin"} <= set(found["operators"])


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
    assert {"instructions", "cycles", "latency_ms", "energy_uj", "board"} <= set(found["predicted"])
    assert found["unsupported"] == []


def test_a_board_predicts_for_itself(command: Command, flip: Path) -> None:
    assert facts(command, flip, "--board", "qemu-cortex-m7")["predicted"]["board"] == "qemu-cortex-m7"


def test_what_is_unsupported_is_told_with_all_that_is_known(command: Command, exotic: Path) -> None:
    found = facts(command, exotic, code=2)
    assert list(found)[: len(KEYS)] == KEYS
    assert [entry["operator"] for entry in found["unsupported"]] == ["Warp", "ai.looms:Weft"]
    assert all(set(entry) == {"operator", "origin", "reason"} for entry in found["unsupported"])
    assert [entry["shape"] for entry in found["inputs"]] == [[2, 3]]
    assert [entry["shape"] for entry in found["outputs"]] == [[3, 2]]
    assert found["operators"] == {"Transpose": 1, "Warp": 1, "ai.looms:Weft": 1}
    assert found["macs"] is None
    text = command("inspect", exotic)
    text.refuses("Warp", "Weft", "exotic.onnx")
    assert text.out.count("is not supported") == 2
    assert "x: float32 [2, 3]" in text.out


def test_a_file_that_the_reader_refuses_is_unsupported_too(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "old.onnx"
    model = onnx_file(path, [node("Relu", ["x"], ["y"])], {"x": (FLOAT, [2])}, {"y": (FLOAT, [2])}, opset=1)
    found = facts(command, model, code=2)
    assert list(found)[: len(KEYS)] == KEYS
    assert found["inputs"] == []
    assert len(found["unsupported"]) == 1
    assert "operator set 1" in found["unsupported"][0]["reason"]


def test_a_model_that_does_not_fit_the_board_is_shown_all_the_same(command: Command, tmp_path: Path) -> None:
    nodes = [node("Add", ["x", "w"], ["y"])]
    big = np.zeros((300, 256), np.float32)
    ends: tuple[Any, Any] = {"x": (FLOAT, [1])}, {"y": (FLOAT, [300, 256])}
    model = onnx_file(tmp_path / "big.onnx", nodes, *ends, {"w": big})
    found = facts(command, model, "--board", "qemu-cortex-m0", code=1)
    assert found["weights_bytes"] == big.nbytes
    assert found["fits"] is False
    assert facts(command, model, "--board", "qemu-cortex-m7")["fits"] is True
    answer = command("inspect", model, "--board", "qemu-cortex-m0")
    assert answer.code == 1
    assert "weights, bytes" in answer.out
    for told in ("does not fit qemu-cortex-m0", "bytes of flash, the board has 262,144", "big.onnx", "help: "):
        assert told in answer.err


def test_so_is_one_that_exceeds_its_budget(command: Command, flip: Path) -> None:
    answer = command("inspect", flip, "--budget", "ram=1")
    assert answer.code == 1
    assert "arena, bytes" in answer.out
    assert "its budget is 1" in answer.err


def test_a_budget_of_ram_buys_the_cheapest_plan_that_keeps_it(command: Command) -> None:
    words = (DIGITS, "--board", "qemu-cortex-m7", "--cores", "1")
    free = facts(command, *words)
    smallest = facts(command, *words, "--optimize", "ram")
    found = {}
    for budget in (free["arena_bytes"], 2500, smallest["arena_bytes"]):
        found[budget] = facts(command, *words, "--budget", f"ram={budget}")
        assert found[budget]["arena_bytes"] <= budget
    costs = [facts["predicted"]["cycles"] for facts in found.values()]
    assert costs == sorted(costs)
    assert found[free["arena_bytes"]]["predicted"] == free["predicted"]
    assert costs[0] < costs[1] <= smallest["predicted"]["cycles"]
    (note,) = found[2500]["notes"]
    assert note.startswith("for `budget.ram` the arena has")
    assert f"instead of {free['arena_bytes']:,}, about" in note


def test_so_is_one_that_misses_a_strict_deadline(command: Command, flip: Path) -> None:
    words = ("--board", "stm32f4", "--deadline", "1ns", "--strict-deadline")
    answer = command("inspect", flip, *words)
    assert answer.code == 1
    assert "predicted" in answer.out
    assert "its deadline is 1 ns" in answer.err
    assert command("compile", flip, "-o", flip.with_name("out"), *words).code == 1


@pytest.mark.parametrize("name", ["inspect", "compile"])
def test_a_board_may_be_a_file(name: str, command: Command, flip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my boards"
    folder.mkdir()
    board = folder / "mine.toml"
    board.write_text((resources.path("boards") / "stm32f4.toml").read_text())
    tail = ["-o", str(tmp_path / "out")] if name == "compile" else ["--json"]
    answer = command(name, flip, "--board", board, *tail)
    assert answer.code == 0, answer
    if name == "inspect":
        assert json.loads(answer.out)["predicted"]["board"] == "mine"
    command(name, flip, "--board", folder / "gone.toml", *tail).refuses("cannot read the board file", "gone.toml")
    board.write_text("target = 3\n")
    command(name, flip, "--board", board, *tail).refuses("mine.toml", "`target`")


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
