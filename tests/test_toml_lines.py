"""The line of each key, in documents of every form; and in texts that are no TOML, an end."""

from __future__ import annotations

import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from ariel_build.config.toml_lines import key_lines, line_of

DOCUMENT = '''# [not.a.table]
top = "a # no comment"    # key = 1
text = """
[inner]
key = "value" \\"""
"""
literal = \'\'\'
[inner]
''\'\'\'
quotes = """two ""\"""

[ package . "quoted.part" ]   # a comment
"with \\u00e9" = 1
'lit\\eral' = [ 1, # in arrays
    { deep = 1 }, "]" ,
    [ 2, ["x"] ],
]
a.b . c = { d = 1, "e f" = { g = "}" , h = [ { i = 1 } ] }, j.k = 2 }
date = 1979-05-27T07:32:00Z # key = 3
[[bin]]
name = "one"
[[bin]]
name = "two"
extra = -inf
'''


def test_every_form() -> None:
    lines = key_lines(DOCUMENT)
    quoted = ("package", "quoted.part")
    assert lines[("top",)] == 2
    assert lines[("text",)] == 3
    assert lines[("literal",)] == 7
    assert lines[("quotes",)] == 10
    assert lines[("package",)] == 12
    assert lines[quoted] == 12
    assert lines[(*quoted, "with é")] == 13
    assert lines[(*quoted, "lit\\eral")] == 14
    assert lines[(*quoted, "lit\\eral", "deep")] == 15
    for path in (("a",), ("a", "b"), ("a", "b", "c"), ("a", "b", "c", "e f", "h", "i"), ("a", "b", "c", "j", "k")):
        assert lines[quoted + path] == 18
    assert lines[(*quoted, "date")] == 19
    assert lines[("bin", "name")] == 21
    assert lines[("bin", "extra")] == 24
    assert ("inner",) not in lines
    assert ("key",) not in lines
    assert ("not",) not in lines


def test_windows_line_ends() -> None:
    assert key_lines("a = 1\r\n[b]\r\nc = '''\r\n'''\r\nd = 2\r\n")[("b", "d")] == 5


def test_the_nearest_table_stands_for_what_is_missing() -> None:
    lines = key_lines("[a]\n[a.b]\nc = 1\n")
    assert line_of(lines, ("a", "b", "missing")) == 2
    assert line_of(lines, ("a", "x", "y")) == 1
    assert line_of(lines, ("z",)) is None


KEYS = st.text(min_size=1, max_size=4) | st.sampled_from(["a", "b-c", "1", "a.b", '"', "\\", "'"])
LEAVES = st.integers() | st.booleans() | st.text() | st.floats(allow_nan=False) | st.lists(st.text(max_size=3))
TREES = st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=4), max_leaves=12)


@given(st.dictionaries(KEYS, TREES, max_size=5))
def test_all_keys_of_a_document_are_found(tree: dict[str, object]) -> None:
    lines = key_lines(tomlkit.dumps(tree))

    def visit(table: dict[str, object], path: tuple[str, ...]) -> None:
        for key, value in table.items():
            assert (*path, key) in lines
            if isinstance(value, dict):
                visit(value, (*path, key))

    visit(tree, ())


@given(st.text(alphabet="ab.='\"[]{}#,\\ \n\t"))
def test_what_is_no_toml_ends(text: str) -> None:
    assert all(1 <= line <= text.count("\n") + 1 for line in key_lines(text).values())
