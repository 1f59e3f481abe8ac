"""`labels`: an enum `Class` of whatever words the user has, or a refusal that names the line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards, cli
from ariel_build.codegen import labels
from ariel_build.config import metadata
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.errors import ArielError, MetadataError
from tests.codegen.test_generated_code import STRICT
from tests.zoo import FLOAT, node, onnx_file
from tools.recorded.crate import build, write_crate

#: Names that mean something in Rust, or nothing at all, or are others' when they are made identifiers.
HOSTILE = (
    "yes", "YES", "Yes.", "left hand", "left-hand", "self", "Self", "fn", "crate", "ALL", "a l l", "Class", "label",
    "7", "77", "07", "-1", "+1", "\u00e9t\u00e9", "ete", "\u0434\u0430", "\u043d\u0435\u0442", "\U0001f600", "_", "__",
    '"; fn evil() {} //', "back\\slash", "{brace", "}", "$crate", "*/", "`tick`", "0x1F", "x" * 100, "YesN1", "Class20",
    "from_index", "None", "of", "\u00df", "\u4e2d\u6587",
)  # fmt: skip


def classifier(path: Path, *counts: int) -> Path:
    """Writes a model with an output of each number of elements."""
    ends = {f"y{k}": (FLOAT, [1, count]) for k, count in enumerate(counts)}
    constants = {f"w{k}": np.eye(4, count, dtype=np.float32) for k, count in enumerate(counts)}
    nodes = [node("MatMul", ["x", f"w{k}"], [f"y{k}"]) for k in range(len(counts))]
    return onnx_file(path, nodes, {"x": (FLOAT, [1, 4])}, ends, constants)


def options(path: Path, words: Sequence[str] | Path) -> ModelOptions:
    """Returns options whose labels stand in line 7."""
    given = words if isinstance(words, Path) else tuple(words)
    return ModelOptions(path, cores=1, labels=given, given={"labels": "Cargo.toml:7"})


def test_hostile_labels_make_an_enum_that_compiles(tmp_path: Path) -> None:
    """Under the strictest lints, with the text as it was given."""
    path = classifier(tmp_path / "m.onnx", len(HOSTILE))
    made = compile_model(path, options(path, HOSTILE), boards.load("generic"), "model")
    checks = "\n".join(f"    assert_eq!(model::Class::ALL[{k}].label().chars().map(u32::from).sum::<u32>(), "
                       f"{sum(map(ord, label)):_});" for k, label in enumerate(HOSTILE))  # fmt: skip
    source = (
        STRICT.replace("#![no_std]\n", "")
        + f"""
fn main() {{
    let mut output = model::Output::zeroed();
    output.0[3] = 0.5;
    assert_eq!(output.class(), model::Class::LeftHand);
    assert_eq!(output.top(), (model::Class::LeftHand, 0.5));
    assert_eq!(output.top().0.label(), "left hand");
    assert_eq!(model::Class::ALL.len(), {len(HOSTILE)});
{checks}
}}
"""
    )
    write_crate(tmp_path / "crate", source, [made])
    for words in (["clippy"], ["run"]):
        ended = build(tmp_path / "crate", *words, "--quiet", shared=f"labels-{words[0]}")
        assert (ended.returncode, ended.stderr) == (0, "")
    code = [line for line in made.module_text.splitlines() if not line.lstrip().startswith("//")]
    assert all(line.isascii() for line in code)


def test_variants_are_distinct_identifiers_in_camel_case() -> None:
    variants = labels.variants(HOSTILE)
    assert len(set(variants)) == len(HOSTILE)
    assert all(name.isidentifier() and name.isascii() and name not in {"Self", "ALL"} for name in variants)
    assert labels.variants(["yes", "no", "left hand", "7", "\u00e9", "\u0434\u0430"]) == [
        "Yes", "No", "LeftHand", "N7", "E", "Class5",
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    for _ in range(200):
        words = list(dict.fromkeys("".join(rng.choice(list("aAbB1 -_\u00e9N"), 3)) for _ in range(60)))
        assert len(set(labels.variants(words))) == len(words)


@pytest.mark.parametrize(
    "words, told, where",
    [
        (["yes", ""], "label 2 is empty", "Cargo.toml:7"),
        (["yes", " "], "is empty", "Cargo.toml:7"),
        (["yes", "yes"], "label 2, `yes`, is given twice, as number 1 and 2", "Cargo.toml:7"),
        (["yes", "no\nfn"], "cannot be printed", "Cargo.toml:7"),
        (["yes", "\u202eno"], "cannot be printed", "Cargo.toml:7"),
        (["yes", "x" * 101], "101 characters", "Cargo.toml:7"),
        (["yes"], "`labels` has 1 entries: of the outputs, `y0` has 2", "Cargo.toml:7"),
        (["a", "b", "c"], "`labels` has 3 entries", "Cargo.toml:7"),
        (b"yes\n\nno\n", "label 2 is empty", "labels.txt:2"),
        (b"yes\nyes\n", "is given twice", "labels.txt:2"),
        (b"yes\n\xff\n", "not UTF-8", "labels.txt:2"),
        (b"\n\n", "no labels", "Cargo.toml:7"),
        (b"a\n" * (1 << 20), "more than", "Cargo.toml:7"),
        (None, "cannot read the labels", "Cargo.toml:7"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(words: object, told: str, where: str, tmp_path: Path) -> None:
    path = classifier(tmp_path / "m.onnx", 2)
    file = tmp_path / "labels.txt"
    if isinstance(words, bytes):
        file.write_bytes(words)
    given = options(path, words if isinstance(words, list) else file)
    with pytest.raises(MetadataError) as raised:
        compile_model(path, given, boards.load("generic"), "model")
    assert told in raised.value.render()
    assert all(d.origin.endswith(where) for d in raised.value.diagnostics)
    assert str(path) not in raised.value.render()


def test_a_file_has_one_a_line(tmp_path: Path) -> None:
    path = classifier(tmp_path / "m.onnx", 2)
    file = tmp_path / "labels.txt"
    file.write_bytes(b"\xef\xbb\xbfyes \r\nno\xc2\x85way\r\n\n")
    with pytest.raises(MetadataError, match="cannot be printed"):
        compile_model(path, options(path, file), boards.load("generic"), "model")
    file.write_bytes(b"\xef\xbb\xbfyes \r\nno way\r\n\n")
    made = compile_model(path, options(path, file), boards.load("generic"), "model")
    assert 'Yes = "yes",' in made.module_text
    assert 'NoWay = "no way",' in made.module_text
    assert file in made.dependencies


def test_of_several_outputs_the_one_that_fits_has_the_classes(tmp_path: Path) -> None:
    path = classifier(tmp_path / "m.onnx", 3, 2)
    made = compile_model(path, options(path, ["a", "b"]), boards.load("generic"), "model")
    assert "pub struct Output1([f32; 2]) of Class;" in made.module_text
    assert "pub struct Output0([f32; 3]);" in made.module_text
    path = classifier(tmp_path / "n.onnx", 2, 2)
    with pytest.raises(ArielError, match="several outputs"):
        compile_model(path, options(path, ["a", "b"]), boards.load("generic"), "model")


def test_metadata_and_command_line_take_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = '[package.metadata.ariel.models.m]\npath = "m.onnx"\nlabels = {}\n'
    assert metadata.read(text.format('["yes", "no"]')).models["m"].labels == ("yes", "no")
    assert metadata.read(text.format('"l.txt"')).models["m"].labels == Path("l.txt")
    for wrong in ("[]", "[1]", '["a", 2]', "3", "{ a = 1 }", '""'):
        with pytest.raises(MetadataError) as raised:
            metadata.read(text.format(wrong))
        assert "Cargo.toml:3" in raised.value.render()
    path = classifier(tmp_path / "m.onnx", 2)
    (tmp_path / "l.txt").write_text("on\noff\n")
    words = ["compile", str(path), "-o", str(tmp_path / "out"), "--labels"]
    for given, variant in (("yes,no", "Yes"), (str(tmp_path / "l.txt"), "On")):
        assert cli.main([*words, given]) == 0
        assert f"{variant} = " in (tmp_path / "out" / "m.rs").read_text()
    assert cli.main([*words, "yes,yes"]) == 2
    assert "--labels" in capsys.readouterr().err
