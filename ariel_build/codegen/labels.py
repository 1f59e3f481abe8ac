"""`labels`: the names of an output's elements, as the user wrote them in Cargo.toml or in a file with one a line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from ariel_build.config.options import ModelOptions
from ariel_build.errors import Diagnostic, MetadataError
from ariel_build.ir import Value
from ariel_build.records import dataclass

__all__ = ["Classes", "read"]

#: Characters of a label: a name, not a text.
LONGEST = 100
#: Bytes of a file of labels; the largest of image networks have a few hundred thousand.
LARGEST_FILE = 1 << 20


@dataclass(frozen=True)
class Classes:
    """The labels in the order of the output's elements, the variant of the enum for each, and the output's place."""

    labels: tuple[str, ...]
    variants: tuple[str, ...]
    output: int


def read(options: ModelOptions, outputs: Sequence[Value], own: Sequence[str] = ()) -> Classes | None:
    """Returns the classes that the options ask for, or None; MetadataError where they do not fit the outputs.

    Where the options ask for none, they are the model's `own`, if one output tells so many classes.
    """
    given = options.labels
    if given is None:
        fitting = [k for k, value in enumerate(outputs) if value.type.elements == len(own)]
        if len(fitting) != 1 or len(set(own)) != len(own) or any(_reason(label) for label in own):
            return None
        return Classes(tuple(own), tuple(variants(own)), fitting[0])
    origin = options.given.get("labels", "")
    labels, places = _from_file(given, origin) if isinstance(given, Path) else (given, [origin] * len(given))
    problems: list[Diagnostic] = []
    seen: dict[str, int] = {}
    for index, (label, place) in enumerate(zip(labels, places, strict=True)):
        reason = _reason(label)
        if not reason and label in seen:
            reason = f"is given twice, as number {seen[label] + 1} and {index + 1}"
        seen.setdefault(label, index)
        if reason:
            what = f"label {index + 1}, {_shown(label)}," if label else f"label {index + 1}"
            problems.append(Diagnostic(f"{what} {reason}", place, "each class has one line of text of its own"))
    if problems:
        raise MetadataError(problems)
    fitting = [k for k, value in enumerate(outputs) if value.type.elements == len(labels)]
    if len(fitting) != 1:
        counts = ", ".join(f"`{_plain(v.name)}` has {v.type.elements:,}" for v in outputs)
        several = "several outputs have that many elements" if fitting else f"of the outputs, {counts}"
        raise MetadataError(
            f"`labels` has {len(labels):,} entries: {several}",
            origin,
            "give one label for each element of the one output that tells classes, in its order",
        )
    return Classes(tuple(labels), tuple(variants(labels)), fitting[0])


def variants(labels: Sequence[str]) -> list[str]:
    """Returns a variant of an enum for each label: in camel case, numbered where that is no name of its own.

    `"left hand"` -> LeftHand, `"7"` -> N7, `"é"` -> E, `"да"` -> Class3, its place; two `AB` -> AB and AB3.
    """
    found: list[str] = []
    for index, label in enumerate(labels):
        ascii_ = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
        words = re.findall(r"[A-Za-z0-9]+", ascii_)
        word = "".join(w[:1].upper() + (w[1:].lower() if w.isupper() else w[1:]) for w in words)[:40] or f"Class{index}"
        found.append(f"N{word}" if word[0].isdigit() else word)
    # `Self` is the one keyword in camel case; `ALL` is what the enum calls the list of its variants.
    found = [f"{word}Class" if word in {"Self", "ALL"} else word for word in found]
    taken: set[str] = set()
    for index, word in enumerate(found):
        name, number = word, index
        while name in taken or (name != word and name in found):
            name, number = f"{word}N{number}", number + len(found)
        found[index] = name
        taken.add(name)
    return found


def _from_file(path: Path, origin: str) -> tuple[list[str], list[str]]:
    """Returns the lines of the file, and the place of each; empty lines at the end are none."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        advice = 'a string is the name of a file with one label a line; a list of them is written ["yes", "no"]'
        raise MetadataError(f"cannot read the labels in {path}: {error.strerror}", origin, advice) from None
    if len(data) > LARGEST_FILE:
        raise MetadataError(f"the labels in {path} are more than {LARGEST_FILE:,} bytes", origin)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise MetadataError("the labels are not UTF-8", f"{path}:{line}", "save the file as UTF-8") from None
    # Not splitlines: it takes characters for line ends that editors show in the middle of a line.
    lines = [line.removesuffix("\r").strip(" \t") for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise MetadataError(f"there are no labels in {path}", origin, "write one a line")
    return lines, [f"{path}:{number + 1}" for number in range(len(lines))]


def _reason(label: str) -> str:
    """Returns what is wrong with a label, or an empty string."""
    if not label.strip():
        return "is empty"
    if len(label) > LONGEST:
        return f"has {len(label)} characters, more than {LONGEST}"
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for c in label):
        return "has characters that cannot be printed"
    return ""


def _shown(label: str) -> str:
    return f"`{_plain(label)}`"


def _plain(text: str) -> str:
    """Returns a stranger's words on one line, shortened."""
    safe = "".join(c if c.isprintable() and c != "`" else "?" for c in text)
    return safe if len(safe) <= 40 else safe[:37] + "..."
