"""The `use` lines of a generated module: what its expressions name, collected while they are printed."""

from __future__ import annotations

import re

__all__ = ["HOMES", "Imports"]

#: Where the types live that kernels of several rooms share; every other type is in its kernel's own room.
HOMES = {
    "Axis": "tile",
    "Bounds": "quant",
    "DoubleRounding": "quant",
    "DoubleRounding16": "quant",
    "Dsp": "kernels::isa::packed",
    "DspFpu": "kernels::isa::packed",
    "Far": "kernels::isa::packed",
    "FarShort": "kernels::isa::packed",
    "Image": "memory",
    "Multiplier": "quant",
    "Near": "kernels::isa::packed",
    "NearShort": "kernels::isa::packed",
    "NearestEven": "quant",
    "Region": "memory",
    "Reduced": "quant",
    "Rescale": "kernels::dynamic_quantize",
    "Source": "memory",
    "Stepped": "kernels::isa::scalar",
    "Thumb2": "kernels::isa::packed",
    "Unequal": "kernels::isa::packed",
    "Window": "kernels::window",
}
_HEAD = re.compile(r"\w+")


class Imports:
    """Collects the types and rooms of the runtime crate that a module names."""

    def __init__(self) -> None:
        """Starts empty."""
        self._rooms: set[str] = set()
        self._types: set[str] = set()

    def name(self, path: str, room: str) -> str:
        """Returns how a kernel of `room` writes `path`, such as `Window` or `Fill::Nothing`."""
        match = _HEAD.match(path)
        head = match[0] if match else ""
        if head in HOMES:
            self._types.add(head)
            return path
        own = head[:1].isupper()
        self._rooms.add(room if own else head)
        return f"{room}::{path}" if own else path

    def kernel(self, path: str) -> str:
        """Returns how the module writes a kernel's type, such as `conv2d::Int8<DoubleRounding>`."""
        self._rooms.add(path.partition("::")[0])
        parameter = path.partition("<")[2].rstrip(">")
        if parameter in HOMES:
            self._types.add(parameter)
        return path

    def lines(self) -> list[str]:
        """Returns the `use` lines in rustfmt's order: a list in braces stands behind the single names beside it."""
        homes: dict[str, list[str]] = {"kernels": sorted(self._rooms)} if self._rooms else {}
        for type_ in sorted(self._types):
            homes.setdefault(HOMES[type_], []).append(type_)
        lines = [
            f"use ariel_ml_rs::{home}::{names[0] if len(names) == 1 else '{' + ', '.join(names) + '}'};"
            for home, names in homes.items()
        ]
        return sorted(lines, key=lambda line: line.replace("{", "~"))
