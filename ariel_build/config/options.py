"""The options of one model, wherever they are written: in Cargo.toml or on the command line.

`KEYS` is the list of them all, each documented once; metadata.py, flags.py and the documentation are made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import cast

from ariel_build.config import option_values as values
from ariel_build.config.option_values import Optimize, Ranges
from ariel_build.errors import Diagnostic
from ariel_build.records import dataclass

__all__ = [
    "KEYS",
    "Budget",
    "Key",
    "ModelOptions",
    "Optimize",
    "Quantization",
    "Reader",
]


@dataclass(frozen=True)
class Budget:
    """Bytes that a model may take; None where there is no limit."""

    ram: int | None = None
    flash: int | None = None
    stack: int | None = None


@dataclass(frozen=True)
class Quantization:
    """How a float model becomes int8: the npz with samples, what may be lost, bits of weights, how ranges are found.

    `max_drop` is a share; None where nothing is to be int16 or float32 for it. `ranges` is None for the best way.
    """

    calibration: Path
    max_drop: float | None = None
    weights_bits: int = 8
    ranges: Ranges | None = None


@dataclass(frozen=True)
class ModelOptions:
    """What a user may say about one model; durations in seconds, sizes in bytes, paths as they were written.

    `given` has an entry for each key that was said, with its place ("Cargo.toml:12", "--budget"), so that a later
    refusal can name it: `given["budget.ram"]`.
    """

    path: Path
    cores: int | None = None
    optimize: Optimize = "speed"
    dims: Mapping[str, int] = field(default_factory=dict)
    signature: str = ""
    state: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] | Path | None = None
    budget: Budget = field(default_factory=Budget)
    deadline: float | None = None
    strict_deadline: bool = False
    max_iterations: int | None = None
    max_tile: float | None = None
    weights_section: str | None = None
    arena: str | None = None
    stream: bool = False
    quantize: Quantization | None = None
    given: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Key:
    """One key: its name, how its value is read, and what it means.

    `parts` are the keys of a table whose keys are known; `entries` reads the values of one whose keys are the user's.
    """

    name: str
    doc: str
    example: str
    default: str = ""
    value: Callable[[object], object] | None = None
    parts: tuple[Key, ...] = ()
    entries: Callable[[object], object] | None = None
    #: Whether it may stand in `[package.metadata.ariel]`, and in `[package.metadata.ariel.models.<name>]`.
    package: bool = False
    model: bool = True


KEYS: tuple[Key, ...] = (
    Key(
        "board",
        "what code is generated for: the name of a board (`ariel-build boards` lists them) or the path of a TOML file",
        '"rp2350"',
        "the one that dependencies name, else a generic single-core board for the target",
        value=values.text,
        package=True,
        model=False,
    ),
    Key(
        "image",
        "the program that this is, where the cores of the board run programs of their own: the name that the board "
        "file has for it (`docs/two-images.md`)",
        '"cm4"',
        "that of the first core, which has the model to itself",
        value=values.text,
        package=True,
        model=False,
    ),
    Key(
        "cores",
        "how many cores work on a model",
        "2",
        "all the cores of the board; 1 for a guessed one without the feature `multicore`",
        value=values.cores,
        package=True,
    ),
    Key(
        "optimize",
        'what matters most: "speed", "size" or "ram"',
        '"speed"',
        '"speed"',
        value=values.optimize,
        package=True,
    ),
    Key("path", "the model's file, .tflite, .onnx or .pt2", '"models/keywords.tflite"', "required", value=values.file),
    Key(
        "dims",
        'the sizes of free dimensions, by their names, or `<input>.<axis>` for one without; "..=100" bounds one, and '
        "each call says how much of it there is",
        '{ batch = 1, time = "..=49" }',
        "1 each; for axes other than the first, with a note",
        entries=values.dimension,
    ),
    Key(
        "signature",
        "TFLite: which signature of the file is compiled",
        '"serving_default"',
        "the first",
        value=values.text,
    ),
    Key(
        "state",
        "outputs that the model keeps in its own RAM, as inputs of its next call; they begin with zero, and `reset()` "
        "makes them so again",
        '{ h_in = "h_out" }',
        "none: inputs and outputs are the caller's",
        entries=values.text,
    ),
    Key(
        "labels",
        "what the elements of the output stand for, or a file with one a line: the enum `Class`, which `class()` and "
        "`top()` of the output give",
        '["yes", "no"]',
        "none",
        value=values.labels,
    ),
    Key(
        "quantize",
        "makes int8 of a float model first, as the command `quantize` does; `docs/quantisation.md` tells how",
        '{ calibration = "models/keywords.npz", max-drop = "0.5%", weights-bits = 8 }',
        "the model is compiled as it is",
        parts=(
            Key(
                "calibration",
                "an npz with samples of each input, and maybe `labels`",
                '"models/keywords.npz"',
                "required",
                value=values.file,
            ),
            Key(
                "max-drop",
                "what may be lost at most: points of accuracy with `labels`, else of agreement with float32, else "
                "noise; tensors are int16 for it, then layers stay float32",
                '"0.5%"',
                "all that can be int8 is",
                value=values.share,
            ),
            Key(
                "weights-bits",
                "bits of the weights of dense layers and pointwise convolutions: 4 take half the flash",
                "4",
                "8",
                value=values.weights_bits,
            ),
            Key(
                "ranges",
                'how the range of a tensor is found: "min-max", "percentile" or "least-error"',
                '"percentile"',
                "the one with the least noise in the outputs",
                value=values.ranges,
            ),
        ),
    ),
    Key(
        "budget",
        "what the model may take; more fails the build",
        '{ ram = "48K", flash = "120K", stack = "4K" }',
        "no limits",
        parts=(
            Key(
                "ram",
                "static memory: arena and state; the fastest plan that keeps it is chosen",
                '"48K"',
                value=values.size,
            ),
            Key("flash", "weights and code", '"120K"', value=values.size),
            Key("stack", "the deepest that a call goes", '"4K"', value=values.size),
        ),
    ),
    Key(
        "deadline",
        "how long an inference may take; a predicted miss is a warning",
        '"20ms"',
        "none",
        value=values.duration,
    ),
    Key(
        "max-iterations",
        "how often loops run, at most, that have no bound of their own: for predictions and deadlines, it ends no loop",
        "50",
        "none: times that have no bound are said to have none",
        value=values.count,
    ),
    Key("strict-deadline", "makes a predicted miss of the deadline an error", "true", "false", value=values.flag),
    Key(
        "arena",
        "the name of an arena that models share which never run at once; each is `<model>::SharedModel` then",
        '"vision"',
        "an arena of the model's own",
        value=values.name,
    ),
    Key(
        "stream",
        "the input comes row by row (or frame by frame: along its first axis that is not 1) through "
        "`model.stream()`, so that it need not be in RAM in whole; one input, one core (`docs/memory.md`)",
        "true",
        "false",
        value=values.flag,
    ),
    Key("max-tile", "the longest that a tile may hold a core", '"200us"', "none", value=values.duration),
    Key(
        "weights",
        "where the weights go",
        '{ section = ".qspi" }',
        "`.rodata.ariel.<model>`",
        parts=(Key("section", "the linker section", '".qspi"', value=values.section),),
    ),
)

_BY_NAME = {key.name: key for key in KEYS}
MODEL_KEYS = tuple(key.name for key in KEYS if key.model)


class Reader:
    """Reads tables of options, and collects what is wrong with them.

    `place` returns where in the user's input a key stands, given its path from the root of that input; `show` how the
    user would name it.
    """

    def __init__(self, place: Callable[[tuple[str, ...]], str]) -> None:
        self.place = place
        self.problems: list[Diagnostic] = []

    def refuse(self, path: tuple[str, ...], message: str, help: str = "") -> None:
        """Notes that what stands at `path` is wrong."""
        self.problems.append(Diagnostic(message, self.place(path), help))

    def unknown(self, path: tuple[str, ...], known: Iterable[str], inside: str, help: str = "") -> None:
        """Notes an unknown key, with the closest known one."""
        known = list(known)
        closest = f"did you mean `{values.closest(path[-1], known)}`?"
        others = f" Known here: {', '.join(known)}" if len(known) > 1 else ""
        self.refuse(path, f"unknown key `{path[-1]}` in {inside}", help or closest + others)

    def value(self, key: Key, value: object, path: tuple[str, ...]) -> object:
        """Returns the value of one key as its type, or None where it is wrong."""
        if key.value is not None:
            return self._read(key.value, value, path, key.name)
        if not isinstance(value, dict):
            self.refuse(
                path, f"`{key.name}` is {values.shown(value)}: a table is expected", f"write {key.name} = {key.example}"
            )
            return None
        if key.entries is not None:
            entries: dict[str, object] = {}
            for name, item, at in _flattened(value, path):
                if name in entries:
                    self.refuse(at, f"`{key.name}.{name}` is given twice")
                entries[name] = self._read(key.entries, item, at, f"{key.name}.{name}")
            return entries
        parts = {part.name: part for part in key.parts}
        found: dict[str, object] = {}
        for name, item in value.items():
            if name not in parts:
                self.unknown((*path, name), parts, f"`{key.name}`")
            elif (reader := parts[name].value) is not None:
                found[name] = self._read(reader, item, (*path, name), f"{key.name}.{name}")
        return found

    def _read(self, reader: Callable[[object], object], value: object, path: tuple[str, ...], name: str) -> object:
        try:
            return reader(value)
        except ValueError as error:
            self.refuse(path, f"`{name}` is {values.shown(value)}: {error}")
            return None

    def model(
        self,
        table: Mapping[str, object],
        path: tuple[str, ...],
        inside: str,
        defaults: Mapping[str, object],
        places: Mapping[str, str],
    ) -> ModelOptions | None:
        """Returns the options in `table`, or None where something is wrong.

        `defaults` holds the cores and the goal of the package, `places` where they are given.
        """
        before = len(self.problems)
        found: dict[str, object] = dict(defaults)
        given = dict(places)
        for name, item in table.items():
            if name not in MODEL_KEYS:
                advice = f"`{name}` is the package's: write it in [package.metadata.ariel]" if name in _BY_NAME else ""
                self.unknown((*path, name), MODEL_KEYS, inside, advice)
                continue
            found[name] = self.value(_BY_NAME[name], item, (*path, name))
            given[name] = self.place((*path, name))
            if isinstance(item, dict):
                given |= {f"{name}.{part}": self.place(at) for part, _, at in _flattened(item, (*path, name))}
        if isinstance(table.get("quantize"), dict) and "calibration" not in cast(
            "dict[str, object]", table["quantize"]
        ):
            self.refuse(
                (*path, "quantize"), "`quantize` without `calibration`", 'write calibration = "models/keywords.npz"'
            )
        if "path" not in table:
            self.refuse(path, f"`path` is missing in {inside}", 'write path = "models/keywords.tflite"')
        if found.get("strict-deadline") and "deadline" not in table:
            self.refuse((*path, "strict-deadline"), "`strict-deadline` without a `deadline`", 'write deadline = "20ms"')
        return _options(found, given) if len(self.problems) == before else None


def _options(found: Mapping[str, object], given: Mapping[str, str]) -> ModelOptions:
    """Returns the dataclass for values that their readers have checked."""
    return ModelOptions(
        path=cast("Path", found["path"]),
        cores=cast("int | None", found.get("cores")),
        optimize=cast("Optimize", found.get("optimize", "speed")),
        dims=cast("dict[str, int]", found.get("dims", {})),
        signature=cast("str", found.get("signature", "")),
        state=cast("dict[str, str]", found.get("state", {})),
        labels=cast("tuple[str, ...] | Path | None", found.get("labels")),
        budget=Budget(**cast("dict[str, int]", found.get("budget", {}))),
        deadline=cast("float | None", found.get("deadline")),
        strict_deadline=cast("bool", found.get("strict-deadline", False)),
        max_iterations=cast("int | None", found.get("max-iterations")),
        max_tile=cast("float | None", found.get("max-tile")),
        weights_section=cast("dict[str, str]", found.get("weights", {})).get("section"),
        arena=cast("str | None", found.get("arena")),
        stream=cast("bool", found.get("stream", False)),
        quantize=_quantization(cast("dict[str, object] | None", found.get("quantize"))),
        given=given,
    )


def _quantization(found: Mapping[str, object] | None) -> Quantization | None:
    if found is None:
        return None
    return Quantization(
        calibration=cast("Path", found["calibration"]),
        max_drop=cast("float | None", found.get("max-drop")),
        weights_bits=cast("int", found.get("weights-bits", 8)),
        ranges=cast("Ranges | None", found.get("ranges")),
    )


def _flattened(table: Mapping[str, object], path: tuple[str, ...]) -> list[tuple[str, object, tuple[str, ...]]]:
    """Returns the entries with their paths; `input.0 = 2`, which TOML reads as `{input = {0 = 2}}`, as `input.0`."""
    entries: list[tuple[str, object, tuple[str, ...]]] = []
    for name, item in table.items():
        if isinstance(item, dict) and item:
            entries += [(f"{name}.{rest}", value, at) for rest, value, at in _flattened(item, (*path, name))]
        else:
            entries.append((name, item, (*path, name)))
    return entries
