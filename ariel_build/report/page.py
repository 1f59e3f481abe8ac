"""page_of(report) = one HTML file without links: the report as JSON, the style and the programs that show it.

What a model's file says stands in the page as JSON alone, in which no character can end the element around it; the
programs write it as text, never as HTML. Beside that, the page's own policy lets a browser run nothing but these
programs, by their hash, and fetch nothing.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["page_of"]

#: Characters from which on the report stands in the page compressed, as no reader of its source would miss.
_LONG = 800_000
_PARTS = Path(__file__).with_name("page")
#: The programs, in their order: each adds to the object `ariel`, the last shows the page.
_PROGRAMS = (
    "words.js",
    "dom.js",
    "choice.js",
    "overview.js",
    "graph.js",
    "chart.js",
    "memory.js",
    "timeline.js",
    "layers.js",
    "weights.js",
    "passes.js",
    "compare.js",
    "card.js",
    "main.js",
)


def page_of(report: Mapping[str, Any]) -> str:
    """Returns the page."""
    text = json.dumps(report, separators=(",", ":"))
    style = _part("page.css")
    program = '"use strict";\nconst ariel = {};\n' + "".join(f"{{\n{_part(name)}}}\n" for name in _PROGRAMS)
    rules = ("default-src 'none'", f"style-src {_hash(style)}", f"script-src {_hash(program)}", "base-uri 'none'")
    holes = {
        "policy": "; ".join((*rules, "form-action 'none'")),
        "title": html.escape(f"{report['model']['file']} on {report['board']['name']}"),
        "style": style,
        "report": _harmless(text) if len(text) < _LONG else base64.b64encode(zlib.compress(text.encode(), 9)).decode(),
        "program": program,
    }
    # In one pass: what is filled in has no holes of its own.
    return re.sub(r"\{\{(\w+)\}\}", lambda hole: holes[hole[1]], _part("page.html"))


def _part(name: str) -> str:
    return _PARTS.joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Returns how a policy names an element's text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _harmless(text: str) -> str:
    """Returns JSON, in ASCII already, without the characters that mean something to HTML."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
