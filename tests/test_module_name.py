"""Names of generated modules: what comes out is an identifier for rustc, in every edition."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ariel_build.config.module_name import KEYWORDS, module_name


@pytest.mark.parametrize(
    "text, expected",
    [
        ("keywords", "keywords"),
        ("key-words v2.1", "key_words_v2_1"),
        ("Keywords", "Keywords"),
        ("1st", "m_1st"),
        ("٣", "m_٣"),
        ("fn", "fn_"),
        ("async", "async_"),
        ("gen", "gen_"),
        ("try", "try_"),
        ("Self", "Self_"),
        ("ariel_ml_rs", "ariel_ml_rs_"),
        ("ariel-ml-rs", "ariel_ml_rs_"),
        ("union", "union"),
        ("_", "__"),
        ("-", "__"),
        ("--", "__"),
        ("_a", "_a"),
        ("modèle", "modèle"),
        ("mode\u0300le", "modèle"),
        ("a/../b\n\"';", "a____b____"),
        ("😀", "__"),
    ],
)
def test_names(text: str, expected: str) -> None:
    assert module_name(text) == expected


def test_a_name_is_needed() -> None:
    with pytest.raises(ValueError, match="a name of one character or more"):
        module_name("")


@pytest.mark.parametrize("edition", ["2015", "2018", "2021", "2024"])
def test_rustc_takes_them_all(edition: str, tmp_path: Path) -> None:
    words = [*KEYWORDS, "keywords", "1", "é", "٣", "ª", "·", "变量", "a\u0301", "\u0301", "x y", "union", "safe", "raw"]
    names = dict.fromkeys(module_name(word) for word in words)
    source = tmp_path / "names.rs"
    source.write_text("".join(f"pub mod {name} {{}}\n" for name in names), encoding="utf-8")
    command = ["rustc", "--edition", edition, "--crate-type", "lib", "--emit", "metadata", "-A", "warnings"]
    answer = subprocess.run([*command, "--out-dir", tmp_path, source], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_names_are_not_named_again() -> None:
    for word in [*KEYWORDS, "1-2", "a b", "é"]:
        assert module_name(module_name(word)) == module_name(word)
