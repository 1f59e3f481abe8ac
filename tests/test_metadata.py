"""`[package.metadata.ariel]`: every key, and every refusal with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ariel_build.config import metadata
from ariel_build.config.at_most import AtMost
from ariel_build.config.options import KEYS, Budget, ModelOptions, Quantization
from ariel_build.errors import Diagnostic, MetadataError

HEAD = '[package]\nname = "firmware"\n\n'


def refused(text: str) -> list[Diagnostic]:
    with pytest.raises(MetadataError) as caught:
        metadata.read(text)
    return caught.value.diagnostics


def told(text: str) -> str:
    return "\n".join(diagnostic.render() for diagnostic in refused(text))


def model(lines: str) -> ModelOptions:
    """Returns the options of a model `m` whose table has these lines besides `path`."""
    text = f'[package.metadata.ariel.models.m]\npath = "m.tflite"\n{lines}\n'
    return metadata.read(text).models["m"]


def problem(lines: str) -> str:
    """Returns the one problem of such a model, its line counted from the first of `lines`."""
    (diagnostic,) = refused(f'[package.metadata.ariel.models.m]\npath = "m.tflite"\n{lines}\n')
    line = int(diagnostic.origin.removeprefix("Cargo.toml:")) - 2
    return f"{line}: {diagnostic.message}" + (f" ({diagnostic.help})" if diagnostic.help else "")


def test_the_short_form_names_the_module_after_the_file() -> None:
    read = metadata.read(HEAD + '[package.metadata.ariel]\nmodel = "models/key words-v2.1.tflite"\n')
    assert read.models == {"key_words_v2_1": ModelOptions(path=Path("models/key words-v2.1.tflite"))}
    assert read.models["key_words_v2_1"].given == {"path": "Cargo.toml:5"}
    assert (read.board, read.cores, read.optimize) == (None, None, "speed")


def test_the_full_form_of_the_contract() -> None:
    read = metadata.read("""
[package.metadata.ariel]
board = "rp2350"
cores = 2
optimize = "ram"

[package.metadata.ariel.models.keywords]
path = "models/keywords.tflite"
dims = { batch = 1, time = 49 }
budget = { ram = "48K", flash = "120K", stack = "4K" }
deadline = "20ms"
strict-deadline = true
max-tile = "200us"
weights = { section = ".qspi" }
""")
    assert (read.board, read.cores, read.optimize) == ("rp2350", 2, "ram")
    assert read.models == {
        "keywords": ModelOptions(
            path=Path("models/keywords.tflite"),
            cores=2,
            optimize="ram",
            dims={"batch": 1, "time": 49},
            budget=Budget(ram=48 * 1024, flash=120 * 1024, stack=4 * 1024),
            deadline=0.02,
            strict_deadline=True,
            max_tile=0.0002,
            weights_section=".qspi",
        )
    }
    given = read.models["keywords"].given
    assert given["budget.flash"] == "Cargo.toml:10"
    assert given["max-tile"] == "Cargo.toml:13"
    assert given["cores"] == "Cargo.toml:4"


def test_a_model_may_repeat_cores_and_optimize() -> None:
    read = metadata.read("""
[package.metadata.ariel]
cores = 2
[package.metadata.ariel.models]
a = { path = "a.tflite", cores = 1 }
b = { path = "b.onnx", optimize = "size" }
""")
    assert [(m.cores, m.optimize) for m in read.models.values()] == [(1, "speed"), (2, "size")]
    assert read.models["a"].given["cores"] == "Cargo.toml:5"


@pytest.mark.parametrize(
    "text",
    [
        'package.metadata.ariel.model = "m.tflite"\n',
        '[package]\nmetadata.ariel.model = "m.tflite"\n',
        '[package]\nmetadata = { ariel = { models = { m = { path = "m.tflite" } } } }\n',
        '["package".metadata]\n"ariel" . model = \'m.tflite\'\n',
        '[package.metadata]\nariel.models.m.path = "m.tflite"\n',
    ],
)
def test_all_forms_of_tables(text: str) -> None:
    assert list(metadata.read(text).models) == ["m"]


@pytest.mark.parametrize(
    "text, expected",
    [("49152", 49152), ('"48K"', 49152), ('"1.5M"', 1572864), ('"4 KiB"', 4096), ('"12kb"', 12288), ('"512B"', 512)],
)
def test_sizes(text: str, expected: int) -> None:
    assert model(f"budget.ram = {text}").budget.ram == expected


@pytest.mark.parametrize("text", ['"48Q"', '"-1"', "-1", "0", '"0.0001K"', "true", "4.5", '"8G"', '""', "[1]", '"٤K"'])
def test_what_is_no_size(text: str) -> None:
    assert problem(f"\nbudget = {{ ram = {text} }}").startswith("2: `budget.ram` is ")


def test_how_to_quantise() -> None:
    read = model('quantize = { calibration = "x.npz", max-drop = "0.5%", weights-bits = 4, ranges = "percentile" }')
    assert read.quantize == Quantization(Path("x.npz"), 0.005, 4, "percentile")
    assert read.given["quantize.max-drop"] == "Cargo.toml:3"
    assert model('quantize.calibration = "x.npz"').quantize == Quantization(Path("x.npz"))
    assert model("").quantize is None


@pytest.mark.parametrize(
    "text, expected",
    [("1s", 1.0), ("20ms", 0.02), ("200us", 0.0002), ("200µs", 0.0002), ("1.5 ms", 0.0015), ("10ns", 1e-8)],
)
def test_durations(text: str, expected: float) -> None:
    assert model(f'deadline = "{text}"').deadline == expected


@pytest.mark.parametrize("text", ["20", '"20"', '"0ms"', '"20 minutes"', '"-1s"', '"1e3s"', "true", "{}"])
def test_what_is_no_duration(text: str) -> None:
    assert problem(f"max-tile = {text}").startswith("1: `max-tile` is ")


def test_free_dimensions_without_a_name_may_be_written_dotted() -> None:
    assert model('dims."input.0" = 2\ndims.other.1 = 3').dims == {"input.0": 2, "other.1": 3}
    assert problem('dims = { "input.0" = 2, input = { 0 = 2 } }') == "1: `dims.input.0` is given twice"
    assert problem("dims.input.0 = 0").startswith("1: `dims.input.0` is 0: a whole number, 1 or more, is expected")


def test_a_dimension_may_be_bounded() -> None:
    dims = model('dims = { time = "..=49", batch = 2 }').dims
    assert dims == {"time": 49, "batch": 2}
    assert [isinstance(size, AtMost) for size in dims.values()] == [True, False]
    for wrong in ('"..=x"', '"..49"', '"1..=49"', '"..="'):
        told = f"1: `dims.time` is {wrong}: a whole number, 1 or more, is expected, or a bound such as "
        assert problem(f"dims.time = {wrong}") == told + '"..=100"'
    for wrong in ('"..=0"', '"..=-1"', '"..=00"'):
        assert problem(f"dims.time = {wrong}") == f'1: `dims.time` is {wrong}: a bound is 1 or more, such as "..=100"'
    for wrong in ('"..=2147483648"', '"..=99999999999"', f'"..={10**13}"', "99999999999"):
        assert problem(f"dims.time = {wrong}") == f"1: `dims.time` is {wrong}: 2147483647 at most is expected"
    assert model('dims.time = "..=2147483647"').dims == {"time": 2147483647}


@pytest.mark.parametrize(
    "lines, expected",
    [
        ("cores = 0", "1: `cores` is 0: a whole number from 1 to 32 is expected: a pool has no more workers"),
        ("cores = true", "1: `cores` is true: a whole number from 1 to 32 is expected: a pool has no more workers"),
        ('cores = "2"', '1: `cores` is "2": a whole number from 1 to 32 is expected: a pool has no more workers'),
        (
            'optimize = "sped"',
            '1: `optimize` is "sped": "speed", "size" or "ram" is expected; the closest is "speed"',
        ),
        ("dims = 4", '1: `dims` is 4: a table is expected (write dims = { batch = 1, time = "..=49" })'),
        ('dims.time = "49"', '1: `dims.time` is "49": a whole number, 1 or more, is expected'),
        (
            "quantize = 'x.npz'",
            '1: `quantize` is "x.npz": a table is expected (write quantize = { calibration = ',
        ),
        (
            "quantize = { max-drop = '1%' }",
            '1: `quantize` without `calibration` (write calibration = "models/keywords.npz")',
        ),
        ("quantize = { calibration = 1 }", "1: `quantize.calibration` is 1: the path of a file is expected"),
        (
            "quantize = { calibration = 'x.npz', max-drop = 0.5 }",
            '1: `quantize.max-drop` is 0.5: a share is written "0.5%", and is at most "100%"',
        ),
        (
            "quantize = { calibration = 'x.npz', max-drop = '101%' }",
            '1: `quantize.max-drop` is "101%": a share is written "0.5%", and is at most "100%"',
        ),
        (
            "quantize = { calibration = 'x.npz', weights-bits = 2 }",
            "1: `quantize.weights-bits` is 2: 8 is expected, or 4: those are the weights that there are kernels for",
        ),
        (
            "quantize = { calibration = 'x.npz', ranges = 'minmax' }",
            '1: `quantize.ranges` is "minmax": "min-max", "percentile" or "least-error" is expected; the closest is',
        ),
        ("budget = '48K'", '1: `budget` is "48K": a table is expected (write budget = { ram = "48K", flash = "120K"'),
        ("budget.rom = '4K'", "1: unknown key `rom` in `budget` (did you mean `ram`? Known here: ram, flash, stack)"),
        ("strict-deadline = true", '1: `strict-deadline` without a `deadline` (write deadline = "20ms")'),
        ("strict-deadline = 'yes'", '1: `strict-deadline` is "yes": true or false is expected'),
        ("weights.section = '.x\"]'", '1: `weights.section` is ".x\\"]": the name of a linker section such as'),
        ("board = 'rp2350'", "1: unknown key `board` in [package.metadata.ariel.models.m] (`board` is the pac"),
        (
            "max_tile = '1ms'",
            "1: unknown key `max_tile` in [package.metadata.ariel.models.m] (did you mean `max-tile`?",
        ),
        ("deadlin = '1ms'", "1: unknown key `deadlin` in [package.metadata.ariel.models.m] (did you mean `deadline`?"),
        ("xyz = 1", "1: unknown key `xyz` in [package.metadata.ariel.models.m] (did you mean `"),
    ],
)
def test_each_wrong_value_is_told_with_its_line(lines: str, expected: str) -> None:
    assert problem(lines).startswith(expected)


@pytest.mark.parametrize("value", ["''", "1", "[]", "{ path = 'm' }"])
def test_a_path_must_be_one(value: str) -> None:
    (diagnostic,) = refused(f"[package.metadata.ariel]\nmodel = {value}\n")
    assert diagnostic.origin == "Cargo.toml:2"
    assert diagnostic.message.startswith("`model` is ")


def test_a_missing_path_is_told_at_the_table() -> None:
    text = "[package.metadata.ariel]\n\n[package.metadata.ariel.models.kws]\ncores = 1\n"
    assert told(text) == (
        "error: `path` is missing in [package.metadata.ariel.models.kws]\n"
        "  --> Cargo.toml:3\n"
        '  help: write path = "models/keywords.tflite"'
    )


def test_unknown_keys_of_the_package() -> None:
    text = '[package.metadata.ariel]\nmodle = "m.tflite"\n'
    assert told(text) == (
        "error: unknown key `modle` in [package.metadata.ariel]\n"
        "  --> Cargo.toml:2\n"
        "  help: did you mean `model`? Known here: board, image, cores, optimize, model, models"
    )
    text = '[package.metadata.ariel]\nmodel = "m.tflite"\ndims.batch = 1\n'
    assert told(text) == (
        "error: unknown key `dims` in [package.metadata.ariel]\n"
        "  --> Cargo.toml:3\n"
        "  help: `dims` is a model's: write it in [package.metadata.ariel.models.<name>], with `path`"
    )


def test_model_together_with_models() -> None:
    text = '[package.metadata.ariel]\nmodel = "m.tflite"\n[package.metadata.ariel.models.a]\npath = "a.tflite"\n'
    assert told(text) == (
        "error: `model` and `models` stand together\n"
        "  --> Cargo.toml:3\n"
        "  help: `model` (Cargo.toml:2) is the short form for one; move it to [package.metadata.ariel.models.<name>]"
    )


@pytest.mark.parametrize(
    "first, second, module",
    [('"key-words"', "key_words", "key_words"), ("fn", "fn_", "fn_"), ("Kws", "kws", "kws"), ("1a", "m_1a", "m_1a")],
)
def test_two_models_of_one_module_name(first: str, second: str, module: str) -> None:
    text = f'[package.metadata.ariel.models]\n{first} = {{ path = "a.onnx" }}\n{second} = {{ path = "b.onnx" }}\n'
    name = first.strip('"')
    assert told(text) == (
        f"error: two models have the module name `{module}`\n"
        "  --> Cargo.toml:3\n"
        f"  help: `{name}` (Cargo.toml:2) has it already: rename one"
    )


def test_names_that_cannot_be() -> None:
    text = '[package.metadata.ariel.models]\n"" = { path = "a.onnx" }\nariel_models = { path = "b.onnx" }\n'
    assert [d.origin for d in refused(text)] == ["Cargo.toml:2", "Cargo.toml:3"]


@pytest.mark.parametrize(
    "text, line, message",
    [
        (HEAD, "", "there is no [package.metadata.ariel]"),
        (HEAD + "[package.metadata.docs]\n", "", "there is no [package.metadata.ariel]"),
        (HEAD + "[package.metadata.arial]\n", ":4", "unknown key `arial` in [package.metadata]"),
        (HEAD + "[package.metadata.ariel]\n", ":4", "[package.metadata.ariel] names no model"),
        (HEAD + "[package.metadata.ariel]\nmodels = {}\n", ":5", "[package.metadata.ariel] names no model"),
        (HEAD + "[package.metadata]\nariel = 'm.tflite'\n", ":5", '`package.metadata.ariel` is "m.tflite": a table is'),
        (HEAD + "[package.metadata.ariel]\nmodels = ['a']\n", ":5", "`models` is an array: a table is expected"),
        (HEAD + "[package.metadata.ariel]\nmodels.a = 'a'\n", ":5", '`models.a` is "a": a table is expected'),
        (HEAD + "[package.metadata.ariel]\nboard = 3\nmodel='a'\n", ":5", "`board` is 3: a string is expected"),
        (HEAD + "[package.metadata.ariel\n", ":4", "this is not TOML: "),
        (HEAD + "a = 1\na = 2\n", "", "this is not TOML: "),
    ],
)
def test_no_table_no_model_no_toml(text: str, line: str, message: str) -> None:
    (diagnostic,) = refused(text)
    assert diagnostic.message.startswith(message)
    if line or "there is no" in message:
        assert diagnostic.origin == f"Cargo.toml{line}"


def test_all_problems_are_told_at_once_in_the_order_of_lines() -> None:
    text = """[package.metadata.ariel]
cores = 0
optimise = "size"
[package.metadata.ariel.models.a]
path = "a.tflite"
budget = { ram = "x", rom = 1 }
[package.metadata.ariel.models.b]
deadline = "soon"
"""
    assert [(d.origin, d.message.partition(" is ")[0].partition(" in ")[0]) for d in refused(text)] == [
        ("Cargo.toml:2", "`cores`"),
        ("Cargo.toml:3", "unknown key `optimise`"),
        ("Cargo.toml:6", "`budget.ram`"),
        ("Cargo.toml:6", "unknown key `rom`"),
        ("Cargo.toml:7", "`path`"),
        ("Cargo.toml:8", "`deadline`"),
    ]


def test_each_key_of_the_contract_is_documented_once() -> None:
    names = [key.name for key in KEYS]
    assert len(set(names)) == len(names)
    for key in KEYS:
        assert key.doc
        assert key.default, key.name
        assert sum((key.value is not None, key.entries is not None, bool(key.parts))) == 1
        # The example of the table is read by the table's own reader.
        table = "" if key.package and not key.model else ".models.m"
        extra = '\nmodel = "m.tflite"' if not table else ""
        extra += '\npath = "m.tflite"' if table and key.name != "path" else ""
        extra += '\ndeadline = "1s"' if key.name == "strict-deadline" else ""
        assert metadata.read(f"[package.metadata.ariel{table}]\n{key.name} = {key.example}{extra}\n").models


def test_nothing_of_a_hostile_file_gets_further_than_its_message() -> None:
    text = '[package.metadata.ariel.models.m]\npath = "m.tflite"\n"a\\ncargo::rustc-cfg=x" = 1\n'
    (diagnostic,) = refused(text)
    assert diagnostic.origin == "Cargo.toml:3"
    deep = "[package.metadata.ariel]\nmodel = " + "[" * 5000 + "]" * 5000
    assert re.search("not TOML|`model` is an array", refused(deep)[0].message)
    # Before 0.15, tomlkit reads infinity there.
    huge = refused("[package.metadata.ariel]\ncores = " + "9" * 5000)[0].message
    assert re.search("not TOML|`cores` is inf", huge)
