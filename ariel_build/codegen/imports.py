"""The `use` lines of a generated module: what its expressions name, collected while they are printed."""

from __future__ import annotations

from ariel_build.codegen import text
from ariel_build.kernels import Kernel, Part

__all__ = ["Imports"]


class Imports:
    """Collects the types and rooms of the runtime crate that a module names."""

    def __init__(self) -> None:
        """Starts empty."""
        self._homes: dict[str, set[str]] = {}

    def part(self, part: Part, kernel: Kernel) -> str:
        """Returns how a field of `kernel` names its type: by the kernel's room, where that has it, else bare.

        Arguments of the kernel's own type are bare, as they are there.
        """
        name = type(part).__name__
        if kernel.ROOMS[0] in part.ROOMS and part not in kernel.arguments:
            return self.own(name, kernel)
        return self.common(part.ROOMS[0], name)

    def own(self, path: str, kernel: Kernel) -> str:
        """Returns how a kernel names what is in its own room, such as `copy::Fill::Nothing`."""
        room = kernel.ROOMS[0].removeprefix("kernels::")
        self._room(room)
        return f"{room}::{path}"

    def common(self, home: str, name: str) -> str:
        """Returns a type that the module names bare."""
        self._homes.setdefault(home, set()).add(name)
        return name

    def kernel(self, kernel: Kernel) -> str:
        """Returns how the module writes a kernel's type, such as `conv2d::Quantized<DoubleRounding>`."""
        path = kernel.path
        self._room(path)
        for argument in kernel.arguments:
            if type(argument).__name__ in path.partition("<")[2].rstrip(">").split(", "):
                self.common(argument.ROOMS[0], type(argument).__name__)
        return path

    def _room(self, path: str) -> None:
        """Takes the module of the kernels that a path begins with."""
        self._homes.setdefault("kernels", set()).add(path.partition("::")[0])

    def lines(self) -> list[str]:
        """Returns the `use` lines in rustfmt's order: a list in braces stands behind the single names beside it."""
        uses = [text.use(f"ariel_ml_rs::{home}", sorted(found)) for home, found in self._homes.items()]
        return [line for use in sorted(uses, key=lambda use: use[0].replace("{", "~")) for line in use]
