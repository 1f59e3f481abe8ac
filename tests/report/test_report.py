"""`report`: numbers are those of the other commands, the page needs nothing else, and strangers' words stay words."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import onnx
import pytest

from ariel_build.report.page import page_of
from tests.commands.conftest import Command
from tests.frontends import tflite_writer as w
from tests.ops.control.models import branched
from tests.report.conftest import HOSTILE, Make, hostile, tower
from tests.zoo import FLOAT, node, onnx_file
from tools.recorded import DIGITS

#: What a page may have at most.
MOST_BYTES = 1_500_000
STATS = {
    "board": "qemu-riscv32",
    "cores": 2,
    "samples": 3,
    "instructions_per_inference": 100_000,
    "makespan_instructions": 60_000.5,
    "cycles": None,
    "ram_bytes": 5_000,
}


def test_numbers_are_those_of_inspect(make: Make, command: Command) -> None:
    for words in (["--board", "stm32h7"], ["--board", "qemu-riscv32", "--cores", "2"], []):
        totals = make(DIGITS, *words).data["totals"]
        facts = json.loads(command("inspect", DIGITS, "--json", *words).out)
        keys = ("macs", "arena_bytes", "ram_bytes", "flash_bytes", "weights_bytes")
        assert {key: totals[key] for key in keys} == {key: facts[key] for key in keys}
        assert all(totals[key] == facts["predicted"][key] for key in ("instructions", "cycles", "latency_ms"))
        assert totals["energy_uj"] == facts["predicted"]["energy_uj"]


def test_layers_together_are_the_model(make: Make) -> None:
    made = make(DIGITS, "--board", "stm32h7")
    layers, totals = made.data["layers"], made.data["totals"]
    assert made.data["model"]["quantisation"].startswith("weights int8")
    assert sum(layer["macs"] for layer in layers) == totals["macs"]
    assert sum(layer["share"] for layer in layers) == pytest.approx(1, abs=1e-3)
    around = totals["instructions"] - sum(layer["instructions"] for layer in layers)
    assert 0 < around < 1_000
    assert sum(layer["weights_bytes"] for layer in layers) == pytest.approx(totals["weights_bytes"], rel=0.05)
    assert layers[0]["inputs"] == [{"dtype": "int8", "shape": made.data["model"]["inputs"][0]["shape"]}]


@pytest.mark.parametrize("words", [["--board", "stm32h7"], ["--board", "qemu-riscv32", "--cores", "3"]])
def test_the_timeline_ends_when_the_prediction_does(make: Make, words: list[str]) -> None:
    made = make(DIGITS, *words)
    timeline, cores = made.data["timeline"], len(made.data["board"]["cores"])
    assert timeline["end"] == pytest.approx(made.data["totals"]["cycles"], rel=0.01, abs=400)
    assert {run[0] for run in timeline["runs"]} == set(range(cores))
    assert {run[3] for run in timeline["runs"]} == set(range(len(made.data["layers"])))
    for core in range(cores):
        of_core = [run for run in timeline["runs"] if run[0] == core]
        assert all(before[2] <= after[1] for before, after in pairwise(of_core))
        assert sum(run[2] - run[1] for run in of_core) == pytest.approx(timeline["busy"][core], rel=0.01)


def test_the_memory_map_holds_what_the_arena_does(make: Make) -> None:
    made = make(DIGITS, "--board", "stm32h7")
    memory, totals = made.data["memory"], made.data["totals"]
    assert max(offset + size for *_, offset, size, _, _ in memory["blocks"]) <= memory["arena_bytes"]
    assert max(held for _, held in memory["live"]) == totals["arena_floor_bytes"]
    assert max(layer["live_bytes"] for layer in made.data["layers"]) == totals["arena_floor_bytes"]
    kinds = [memory["kinds"][kind] for kind, *_ in memory["blocks"]]
    assert {"input", "value", "output"} <= set(kinds)
    for kind, _, layer, *_, start, _ in memory["blocks"]:
        assert (layer is None) == (memory["kinds"][kind] in ("input", "state"))
        assert memory["first"] <= start < memory["last"]


def _reached(graph: dict[str, Any]) -> set[int]:
    """Returns the nodes from which some way leads to an output."""
    ends = {k for k, point in enumerate(graph["nodes"]) if point["kind"] in ("output", "next")}
    while True:
        more = ends | {edge["from"] for edge in graph["edges"] if edge["to"] in ends}
        if more == ends:
            return ends
        ends = more


def test_missing_folders_are_made(make: Make, tmp_path: Path) -> None:
    """As `compile`, `quantize` and `run` do."""
    page = tmp_path / "a" / "b" / "report.html"
    make(DIGITS, "-o", page)
    assert page.is_file()


def test_every_layer_leads_from_an_input_to_an_output(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "branched.tflite"
    path.write_bytes(branched())
    nodes = [
        node("Split", ["x"], ["a", "b"], axis=1),
        node("Relu", ["a"], ["c"]),
        node("Reshape", ["b", "to"], ["d"]),
        node("Concat", ["c", "d", "h"], ["y"], axis=1),
        node("Relu", ["y"], ["z"]),
        node("Relu", ["h"], ["h_next"]),
    ]
    ends = {"x": (FLOAT, [2, 4]), "h": (FLOAT, [2, 1])}, {"z": (FLOAT, [2, 5]), "h_next": (FLOAT, [2, 1])}
    joined = onnx_file(tmp_path / "joined.onnx", nodes, *ends, {"to": [2, 2]})
    for model, *words in ([DIGITS], [path], [path, "--board", "qemu-riscv32", "--cores", "2"], [joined]):
        made = make(model, *words)
        graph = made.data["graph"]
        assert _reached(graph) == set(range(len(graph["nodes"]))), model
        fed = {edge["to"] for edge in graph["edges"]}
        assert all(k in fed for k, point in enumerate(graph["nodes"]) if point["kind"] not in ("input", "state"))
        assert [point["layer"] for point in graph["nodes"] if point["kind"] == "step"] == [
            *range(len(made.data["layers"]))
        ]
    kept = make(joined, "--state", "h=h_next").data["graph"]
    assert {point["kind"] for point in kept["nodes"]} == {"input", "state", "step", "next", "output"}


def test_loops_lead_back(make: Make, tmp_path: Path) -> None:
    body = onnx.helper.make_graph(
        [node("Identity", ["go"], ["on"]), node("Sin", ["a"], ["b"])],
        "body",
        [
            onnx.helper.make_tensor_value_info("i", onnx.TensorProto.INT64, []),
            onnx.helper.make_tensor_value_info("go", onnx.TensorProto.BOOL, []),
            onnx.helper.make_tensor_value_info("a", FLOAT, [3]),
        ],
        [
            onnx.helper.make_tensor_value_info("on", onnx.TensorProto.BOOL, []),
            onnx.helper.make_tensor_value_info("b", FLOAT, [3]),
        ],
    )
    nodes = [node("Exp", ["x"], ["e"]), node("Loop", ["times", "", "e"], ["y"], body=body)]
    model = onnx_file(tmp_path / "loop.onnx", nodes, {"x": (FLOAT, [3])}, {"y": (FLOAT, [3])}, {"times": 20})
    made = make(model)
    assert any(edge.get("back") for edge in made.data["graph"]["edges"])
    assert made.data["timeline"]["flows"]


def test_the_page_needs_nothing_else_and_runs_nothing_else(make: Make) -> None:
    made = make(DIGITS)
    text = made.page.read_text(encoding="utf-8")
    assert not re.search(r"\b(?:src|href)\s*=\s*[\"']?(?:https?:)?//", text)
    assert "@import" not in text and "url(http" not in text
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy and policy[1].startswith("default-src 'none'; ")
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in policy[1]
    assert text.count("<script") == 2
    assert made.page.stat().st_size < 120_000


def test_the_same_model_gives_the_same_page(make: Make) -> None:
    first = make(DIGITS).page.read_bytes()
    assert make(DIGITS).page.read_bytes() == first


def test_a_strangers_words_are_only_words(make: Make, tmp_path: Path) -> None:
    made = make(hostile(tmp_path))
    text = made.page.read_text(encoding="utf-8")
    assert text.count("<script") == text.count("</script") == 2
    inside = text[text.index('<script type="application/json"') :].partition(">")[2].partition("</script>")[0]
    assert not set("<>&") & set(inside)
    data = json.loads(inside)
    assert data == made.data
    assert data["model"]["licence"] == HOSTILE[1]
    assert data["model"]["inputs"][0]["name"] == HOSTILE[0]
    # What does not print, or turns the direction of words, is not in it.
    assert all(word.isprintable() for point in data["graph"]["nodes"] for word in (point["name"],))
    assert "a&amp;b&quot;c&#x27;&lt;b&gt;{{report}}.onnx" in text


def test_a_model_that_does_not_fit_has_a_page_all_the_same(make: Make, command: Command, tmp_path: Path) -> None:
    made = make(DIGITS, "--budget", "ram=1K")
    assert made.code == 1
    assert not made.data["fits"]
    assert "its budget is 1,024" in made.data["misfit"]
    answer = command("report", DIGITS, "--budget", "ram=1K", "-o", tmp_path / "other.html")
    assert "its budget is 1,024" in answer.err


PROFILE = """\
ariel-profile digits: 10 inferences, 25000000 Hz
ariel-profile digits: step 0, 80 tiles, 250000 ticks, 5000 at most
"""


def test_measured_stands_beside_predicted(make: Make, tmp_path: Path) -> None:
    stats = tmp_path / "stats.json"
    stats.write_text(json.dumps(STATS))
    made = make(DIGITS, "--stats", stats)
    totals, found = made.data["totals"], made.data["measured"]
    assert (made.data["board"]["name"], len(made.data["board"]["cores"])) == ("qemu-riscv32", 2)
    assert found["rows"] == [
        ["RAM, bytes", "exact", totals["ram_bytes"], 5_000],
        ["instructions, all cores", "predicted", totals["instructions"], 100_000],
        ["instructions from start to end", "predicted", totals["cycles"], 60_000.5],
    ]


def test_what_a_device_measured_stands_by_the_layers(make: Make, command: Command, tmp_path: Path) -> None:
    log = tmp_path / "device.log"
    log.write_text(PROFILE)
    found = make(DIGITS, "--board", "stm32f4", "--profile", log).data["profile"]
    assert (found["inferences"], found["hertz"]) == (10, 25_000_000)
    # 25,000 ticks of 25 MHz, and of 168 MHz so many cycles.
    (step,) = found["steps"]
    assert (step["step"], step["microseconds"], step["cycles"]) == (0, 1000.0, 168_000)
    assert found["note"].startswith("the log is cut off: it has no line of steps 1, ")
    page = tmp_path / "page.html"
    log.write_text(PROFILE.replace("digits", "other"))
    told = command("report", DIGITS, "-o", page, "--profile", log)
    told.refuses("the log has no profile of `digits`", "it has those of other")
    command("report", DIGITS, "-o", log, "--profile", log).refuses("-o")


def test_reports_compare(make: Make) -> None:
    first = make(DIGITS, "--board", "stm32h7")
    old = first.json.rename(first.json.with_name("old.json"))
    same = make(DIGITS, "--board", "stm32h7", "--against", old).data["changes"]
    assert (same["layers"], same["alike"]) == ([], len(first.data["layers"]))
    assert all(before == after for _, before, after in same["totals"])
    other = make(DIGITS, "--board", "rp2040", "--against", old).data
    changed = other["changes"]
    assert changed["old"]["board"]["name"] == "stm32h7"
    assert ["instructions", first.data["totals"]["instructions"], other["totals"]["instructions"]] in changed["totals"]
    sizes = [abs(row["costs"]["instructions"][1] - row["costs"]["instructions"][0]) for row in changed["layers"]]
    assert sizes and sizes == sorted(sizes, reverse=True)
    assert changed["layers"][0]["kernel"][0] != changed["layers"][0]["kernel"][1]


def test_layers_that_come_and_go_are_told(make: Make, tmp_path: Path) -> None:
    ends = {"x": (FLOAT, [2, 3])}, {"y": (FLOAT, [2, 3])}
    both = [node("Sin", ["x"], ["h"], name="first"), node("Exp", ["h"], ["y"], name="second")]
    first = make(onnx_file(tmp_path / "a.onnx", both, *ends))
    old = first.json.rename(tmp_path / "old.json")
    one = [node("Cos", ["x"], ["y"], name="third")]
    changed = make(onnx_file(tmp_path / "b.onnx", one, *ends), "--against", old).data["changes"]
    kernels = {row["name"]: [bool(kernel) for kernel in row["kernel"]] for row in changed["layers"]}
    assert sorted(kernels.values()) == [[False, True], [True, False], [True, False]]


def test_the_card_has_what_an_onnx_file_says(make: Make, tmp_path: Path) -> None:
    nodes = [node("Relu", ["x"], ["y"])]
    path = onnx_file(tmp_path / "m.onnx", nodes, {"x": (FLOAT, [2])}, {"y": (FLOAT, [2])})
    model = onnx.load(path)
    model.producer_name, model.producer_version, model.doc_string = "maker", "1.2", "two\nlines"
    model.metadata_props.add(key="License", value="Apache-2.0")
    onnx.save(model, path)
    found = make(path).data["model"]
    wanted = {"producer": "maker 1.2", "licence": "Apache-2.0", "description": "two\nlines", "format": "onnx"}
    assert {key: found[key] for key in wanted} == wanted
    assert found["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found["bytes"] == path.stat().st_size


def test_the_card_has_what_a_tflite_file_says(make: Make, tmp_path: Path) -> None:
    said = w.encode({0: "net", 1: "what it does", 2: "v3", 4: "who", 5: "CC-BY-4.0"})
    # A file within the file, with an identifier of its own.
    said = said[:4] + b"M001" + said[8:]
    operators = [w.operator(0, [0, 0], [1], (11, {}))]
    main = w.subgraph([w.tensor("x", [1, 4]), w.tensor("y", [1, 4])], [0], [1], operators)
    model = w.model([w.code(0)], [main], [said]) | {3: "converter", 6: [{0: "TFLITE_METADATA", 1: ("I", 1)}]}
    path = tmp_path / "m.tflite"
    path.write_bytes(w.encode(model))
    found = make(path).data["model"]
    wanted = {
        "name": "net",
        "description": "what it does",
        "version": "v3",
        "author": "who",
        "licence": "CC-BY-4.0",
        "quantisation": "none: float32",
        "producer": "converter",
    }
    assert {key: found[key] for key in wanted} == wanted
    # Damaged words are none, and no reason to refuse the model.
    for damage in (said[:40], b"", b"\xff" * 64, said[:4] + b"M002" + said[8:]):
        path.write_bytes(w.encode(w.model([w.code(0)], [main], [damage]) | {6: model[6]}))
        assert make(path).data["model"]["licence"] == ""
    path.write_bytes(w.encode(model | {6: [{0: "TFLITE_METADATA", 1: ("I", 99)}]}))
    assert make(path).data["model"]["licence"] == ""


def test_a_thousand_layers_make_a_page_of_a_megabyte_and_a_half_at_most(make: Make, tmp_path: Path) -> None:
    made = make(tower(tmp_path / "tower.onnx", 1_000))
    assert len(made.data["layers"]) == 1_000
    assert made.page.stat().st_size < MOST_BYTES
    # Ten times as much is packed.
    graph = {key: value * 10 if isinstance(value, list) else value for key, value in made.data["graph"].items()}
    page = page_of(made.data | {"layers": made.data["layers"] * 10, "graph": graph})
    assert len(page) < MOST_BYTES


def test_in_a_crate_the_model_is_the_crates(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(DIGITS, tmp_path / "digits.tflite")
    manifest = '[package]\nname = "a"\n[package.metadata.ariel]\nmodel = "digits.tflite"\nboard = "stm32f4"\n'
    tmp_path.joinpath("Cargo.toml").write_text(manifest)
    monkeypatch.chdir(tmp_path)
    answer = command("report")
    assert answer.code == 0, answer
    assert "on stm32f4" in answer.out
    assert tmp_path.joinpath("report.html").exists()


def test_what_cannot_be_compiled_has_no_page(command: Command, tmp_path: Path) -> None:
    ends = {"x": (FLOAT, [2])}, {"y": (FLOAT, [2])}
    model = onnx_file(tmp_path / "m.onnx", [node("Warp", ["x"], ["y"])], *ends)
    command("report", model, "-o", tmp_path / "report.html").refuses("Warp is not supported")
    assert not tmp_path.joinpath("report.html").exists()


def test_bad_input_is_refused(command: Command, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    file = tmp_path / "file.json"
    command("report", DIGITS, "-o", page, "--against", file).refuses("cannot read", "file.json")
    command("report", DIGITS, "-o", page, "--stats", file).refuses("cannot read", "file.json")
    for text in ("", "[" * 100_000, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")):
        file.write_text(text)
        command("report", DIGITS, "-o", page, "--against", file).refuses("this is no JSON")
        command("report", DIGITS, "-o", page, "--stats", file).refuses("this is no JSON")
    for text in ("[]", "{}", "3", '{"format": "other"}'):
        file.write_text(text)
        command("report", DIGITS, "-o", page, "--against", file).refuses("this is no report")
        command("report", DIGITS, "-o", page, "--stats", file).refuses("these are no stats of a run")
    file.write_text('{"format": "ariel-report", "version": 9}')
    command("report", DIGITS, "-o", page, "--against", file).refuses("a report of version 9")
    file.write_text('{"format": "ariel-report", "version": 1, "ariel_build": 3}')
    command("report", DIGITS, "-o", page, "--against", file).refuses("the report is damaged")
    command("report", DIGITS, "-o", tmp_path / "whole.html", "--json", file)
    whole = json.loads(file.read_text())
    damaged: tuple[object, ...] = (None, [], "many")
    for totals in damaged:
        file.write_text(json.dumps(whole | {"totals": totals}))
        command("report", DIGITS, "-o", page, "--against", file).refuses("the report is damaged")
    file.write_text(json.dumps(STATS | {"cycles": "many"}))
    command("report", DIGITS, "-o", page, "--stats", file).refuses("these stats are damaged")
    file.write_text(json.dumps(STATS))
    told = command("report", DIGITS, "-o", page, "--stats", file, "--board", "stm32h7")
    told.refuses("this was measured on qemu-riscv32 with 2 cores, the report is wanted for stm32h7 with 2")
    file.write_text(json.dumps(STATS | {"board": "moon"}))
    command("report", DIGITS, "-o", page, "--stats", file).refuses("there is no board `moon`")
    command("report", DIGITS, "-o", tmp_path).refuses("cannot write")
    assert not page.exists()
