"""Reports of small models, and a browser to look at them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from ariel_build import cli
from tests.commands.conftest import command
from tests.zoo import FLOAT, node, onnx_file
from tools.browsing import Page, opened

__all__ = ["HOSTILE", "Made", "Make", "command"]

#: Names that a page must show as they are. None may end an element, an attribute or the JSON, or fill a hole.
HOSTILE = (
    "</script><img src=x onerror=\"window.hurt='img'\">",
    "<script>window.hurt='script'</script>",
    '"><svg onload="window.hurt=\'svg\'">',
    "'});window.hurt='quote';({x:'",
    "<!--<script>{{program}}{{report}}",
    "]]>&lt;b&gt;&#60;\\u003cb\\u003e",
    "javascript:window.hurt='link'",
    "\u202egnp.exe\u2066\x00\x1b[31m",
)


@dataclass(frozen=True)
class Made:
    """A report that was made: the page, its JSON, and what the command ended with."""

    page: Path
    data: dict[str, Any]
    json: Path
    code: int


Make = Callable[..., Made]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Returns a function that makes the report of a model, with options."""
    return lambda model, *words: made(tmp_path, model, *words)


def made(folder: Path, model: Path, *words: str | Path) -> Made:
    """Makes a report in a folder."""
    page, data = folder / "report.html", folder / "report.json"
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        code = cli.main(["report", str(model), "-o", str(page), "--json", str(data), *map(str, words)])
    return Made(page, json.loads(data.read_text()), data, code)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Gives a page of a browser; tests with it are marked `browser`."""
    with opened(tmp_path_factory.mktemp("browser")) as page:
        yield page


def hostile(folder: Path) -> Path:
    """Writes a model all of whose words are hostile, its file's name among them."""
    names = [*HOSTILE, "y"]
    nodes = [
        node("Sin" if k % 2 else "Exp", [a], [b], name=f"{a} of {k}", doc_string=a)
        for k, (a, b) in enumerate(pairwise(names))
    ]
    path = onnx_file(folder / "a&b\"c'<b>{{report}}.onnx", nodes, {names[0]: (FLOAT, [2, 3])}, {"y": (FLOAT, [2, 3])})
    model = onnx.load(path)
    model.graph.name = model.producer_name = model.doc_string = HOSTILE[0]
    model.metadata_props.add(key="license", value=HOSTILE[1])
    onnx.save(model, path)
    return path


def tower(path: Path, layers: int, width: int = 8) -> Path:
    """Writes a model of so many layers, every second of them with a connection past the others."""
    rng = np.random.default_rng(1)
    nodes, weights, last, kept = [], {}, "x", "x"
    for k in range(layers // 2):
        weights[f"w{k}"] = (rng.standard_normal((width, width)) / 3).astype(np.float32)
        nodes.append(node("MatMul", [last, f"w{k}"], [f"product_{k}"], name=f"/encoder/layer.{k}/dense/MatMul"))
        nodes.append(node("Add", [f"product_{k}", kept], [f"sum_{k}"], name=f"/encoder/layer.{k}/residual/Add"))
        last = f"sum_{k}"
        kept = last if k % 3 == 0 else kept
    nodes.append(node("Relu", [last], ["y"]))
    return onnx_file(path, nodes, {"x": (FLOAT, [4, width])}, {"y": (FLOAT, [4, width])}, weights)
