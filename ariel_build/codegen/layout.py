"""Rust expressions as rustfmt lays them out with this repository's settings: on one line where that fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ariel_build.records import dataclass

__all__ = ["Expression", "List", "Struct", "assignment", "flat", "lay_out"]

MAX_WIDTH = 120
_STEP = "    "
#: rustfmt puts several literals of at most so many characters on a line, and anything else on a line each.
_SHORT = 10


@dataclass(frozen=True)
class Struct:
    """`Name { field: value, .. }`."""

    name: str
    fields: Mapping[str, Expression]


@dataclass(frozen=True)
class List:
    """`[a, b]`, or `&[a, b]` with the prefix `&`."""

    items: Sequence[Expression]
    prefix: str = ""


#: Text is an expression that is never broken.
Expression = str | Struct | List


def flat(expression: Expression) -> str:
    """Returns the expression on one line."""
    match expression:
        case str():
            return expression
        case List():
            return f"{expression.prefix}[{', '.join(map(flat, expression.items))}]"
        case Struct():
            fields = ", ".join(_field(name, flat(value)) for name, value in expression.fields.items())
            return f"{expression.name} {{ {fields} }}" if fields else f"{expression.name} {{}}"


def lay_out(expression: Expression, indent: str, before: int, after: int = 1) -> str:
    """Returns the expression with its line breaks.

    `indent` is that of the line it starts on; `before` and `after` are the characters around it on its first and last
    line, the indent included.
    """
    text = flat(expression)
    if isinstance(expression, str) or before + len(text) + after <= MAX_WIDTH:
        return text
    inner = indent + _STEP
    if isinstance(expression, Struct):
        fields = (
            f"{inner}{_field(name, lay_out(value, inner, len(inner) + len(name) + 2))},\n"
            for name, value in expression.fields.items()
        )
        return f"{expression.name} {{\n{''.join(fields)}{indent}}}"
    opening = f"{expression.prefix}["
    if len(expression.items) == 1 and isinstance(expression.items[0], Struct):
        return f"{opening}{lay_out(expression.items[0], indent, before + len(opening), after + 1)}]"
    return f"{opening}\n{_items(expression.items, inner)}{indent}]"


def assignment(left: str, expression: Expression, indent: str) -> str:
    """Returns `left = expression;`, the expression on a line of its own where it fits there and only there."""
    text = flat(expression)
    one_line = len(indent) + len(left) + len(" = ;") + len(text) <= MAX_WIDTH
    if not one_line and len(indent) + len(_STEP) + len(text) + 1 <= MAX_WIDTH:
        return f"{indent}{left} =\n{indent}{_STEP}{text};"
    return f"{indent}{left} = {lay_out(expression, indent, len(indent) + len(left) + 3)};"


def _items(items: Sequence[Expression], inner: str) -> str:
    """Returns the elements of a list that is broken, with their indent."""
    texts = [lay_out(item, inner, len(inner)) for item in items]
    if not all(isinstance(item, str) and len(item) <= _SHORT for item in items):
        return "".join(f"{inner}{text},\n" for text in texts)
    lines = [inner]
    for text in texts:
        if len(lines[-1]) + len(text) + 2 > MAX_WIDTH:
            lines.append(inner)
        lines[-1] += ("" if lines[-1] == inner else " ") + f"{text},"
    return "\n".join(lines) + "\n"


def _field(name: str, value: str) -> str:
    """Returns `name: value`; a value of the same name stands alone."""
    return name if name == value else f"{name}: {value}"
