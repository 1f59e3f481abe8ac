"""The enum `Class` of a generated module: a variant for each label that the user gave to the elements of an output."""

from __future__ import annotations

from ariel_build.codegen.labels import Classes
from ariel_build.codegen.text import doc, plain

__all__ = ["classes_lines"]


def classes_lines(classes: Classes | None) -> list[str]:
    """Returns the definition of `Class`, or nothing where there are no labels."""
    if classes is None:
        return []
    lines = [
        "    ariel_ml_rs::classes! {",
        *doc(["The classes, in the order of the output's elements."], indent="        "),
    ]
    lines.append("        pub enum Class {")
    for variant, label in zip(classes.variants, classes.labels, strict=True):
        lines += [*doc([f"`{plain(label)}`."], indent="            "), f"            {variant} = {literal(label)},"]
    return [*lines, "        }", "    }", ""]


def literal(text: str) -> str:
    """Returns a Rust string of the text; what is not plain ASCII by its number, so that no word acts in the source."""
    inner = "".join(c if " " <= c <= "~" and c not in '"\\' else f"\\u{{{ord(c):x}}}" for c in text)
    return f'"{inner}"'
