"""`Input` and `Output` of a generated model: a newtype over one array, or a struct with a field for each tensor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ariel_build.codegen.layout import Expression, List, flat
from ariel_build.codegen.sizes import part_lines
from ariel_build.codegen.text import doc, identifier, integer, plain, real
from ariel_build.config.module_name import KEYWORDS
from ariel_build.ir import Bound, DType, Value
from ariel_build.records import dataclass

__all__ = ["IoStruct", "io_struct"]

#: Characters of a field's name; beyond that it helps nobody.
LONGEST = 40


@dataclass(frozen=True)
class IoStruct:
    """The lines that define it, and type and value of the constant with its shape."""

    lines: list[str]
    shape: tuple[str, Expression]


def io_struct(
    name: str,
    kind: str,
    values: Sequence[Value],
    labelled: int | None = None,
    *,
    bounds: Sequence[Bound | None] = (),
    sizes: Mapping[str, str] | None = None,
) -> IoStruct:
    """Returns the definition of `Input` or `Output`; the enum `Class` names the elements of tensor `labelled`.

    `bounds` are the bounded dimensions of the tensors, which are called as `sizes` says.
    """
    in_front = [*bounds, *[None] * (len(values) - len(bounds))]

    def part_of(index: int, part: str) -> list[str]:
        lines, bound = _tensor(part, kind, values[index], labelled == index), in_front[index]
        if bound is not None:
            lines += part_lines(part, _element(values[index]), values[index], bound, sizes or {})
        return lines

    if len(values) == 1:
        return IoStruct(part_of(0, name), (f"[usize; {len(values[0].shape)}]", _shape(values[0])))
    fields = field_names(kind, values)
    parts = [f"{name}{index}" for index in range(len(values))]
    lines = [line for k, part in enumerate(parts) for line in part_of(k, part)]
    lines += ["    ariel_ml_rs::tensors! {", *doc([f"The {kind}s of the model."], indent="        ")]
    lines.append(f"        pub struct {name} {{")
    for index, (field, part, value) in enumerate(zip(fields, parts, values, strict=True)):
        lines += [*doc([f"`{plain(value.name)}`: `{value.type}`."], indent="            ")]
        lines.append(f"            {index} => {field}: {part},")
    lines += ["        }", "    }", ""]
    return IoStruct(lines, (f"[&[usize]; {len(values)}]", List([_shape(v, "&") for v in values])))


def field_names(kind: str, values: Sequence[Value]) -> list[str]:
    """Returns a field name for each tensor: its own as an identifier, or `input_<i>`."""
    words = []
    for value in values:
        word = identifier(value.name.split(":")[0])
        words.append(f"{word}_" if word in KEYWORDS else word)
    counts = Counter(words)
    numbered = [f"{kind}_{index}" for index in range(len(words))]
    names = [
        word if 0 < len(word) <= LONGEST and counts[word] == 1 else number
        for word, number in zip(words, numbered, strict=True)
    ]
    # A tensor may itself be called `input_3`.
    return names if len(set(names)) == len(names) else numbered


def _shape(value: Value, prefix: str = "") -> List:
    return List([integer(extent) for extent in value.shape], prefix)


def _element(value: Value) -> str:
    """Returns the type of an element."""
    halves = {DType.F16: "ariel_ml_rs::half::F16", DType.BF16: "ariel_ml_rs::half::Bf16"}
    return "u8" if value.type.dtype is DType.BOOL else halves.get(value.type.dtype, value.type.dtype.value)


def _tensor(name: str, kind: str, value: Value, labelled: bool) -> list[str]:
    type_, element = value.type, _element(value)
    lines = [
        "    ariel_ml_rs::tensor! {",
        *doc([f"{kind.capitalize()} `{plain(value.name)}`: `{type_}`."], indent="        "),
        f"        pub struct {name}([{element}; {integer(type_.elements)}]){' of Class' if labelled else ''};",
        f"        shape {flat(_shape(value))};",
    ]
    quant = type_.quant
    if quant is not None and quant.per_tensor and type_.dtype in (DType.I8, DType.U8, DType.I16):
        lines.append(f"        scale {real(quant.scale)}; zero_point {quant.zero_point};")
    elif type_.dtype is DType.BOOL:
        lines.append("        logical;")
    return [*lines, "    }", ""]
