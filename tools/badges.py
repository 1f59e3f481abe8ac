"""Badges as SVG, of what Cargo.toml and pyproject.toml say: nobody's server draws them, and a test holds them equal."""

from __future__ import annotations

import html
import tomllib
from collections.abc import Callable

from tools.recorded import ROOT

__all__ = ["BADGES"]

#: Pixels of a letter, and beside a word.
_LETTER, _PAD = 6.6, 7


def badge(name: str, value: str) -> str:
    """Returns a badge: a name on grey, a value on blue."""
    left, right = (round(len(text) * _LETTER) + 2 * _PAD for text in (name, value))
    name, value = html.escape(name), html.escape(value)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="{name}: {value}">\n'
        f'<rect width="{left + right}" height="20" rx="3" fill="#57606a"/>\n'
        f'<path d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{right - 3}z" fill="#0969da"/>\n'
        f'<g fill="#fff" font-family="monospace" font-size="11" text-anchor="middle">\n'
        f'<text x="{left / 2}" y="14">{name}</text><text x="{left + right / 2}" y="14">{value}</text>\n'
        "</g>\n</svg>\n"
    )


def _of_cargo(key: str) -> str:
    return str(tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["package"][key])


def _version() -> str:
    return badge("version", f"{_of_cargo('version')}, unpublished")


def _rust() -> str:
    return badge("rust", f">= {_of_cargo('rust-version')}, no_std")


def _python() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return badge("python", project["requires-python"].replace(">=", ">= "))


def _licence() -> str:
    return badge("license", _of_cargo("license"))


#: Files in docs/, with what makes them.
BADGES: dict[str, Callable[[], str]] = {
    f"badges/{name}.svg": function
    for name, function in {"version": _version, "rust": _rust, "python": _python, "license": _licence}.items()
}
