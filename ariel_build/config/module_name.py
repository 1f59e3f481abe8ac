"""Returns the name of the Rust module that is generated for a model: a valid identifier of every edition.

Characters that no identifier has become `_`, a leading digit gets `m_`, a keyword and the name of the
runtime crate a trailing `_`.
"""

from __future__ import annotations

import unicodedata

__all__ = ["KEYWORDS", "module_name"]

#: Strict and reserved keywords of the editions 2015 to 2024. `_` alone is one, too, where a module is named.
KEYWORDS = frozenset(
    """
    Self _ abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen
    if impl in let loop macro match mod move mut override priv pub ref return self static struct super trait true try
    type typeof unsafe unsized use virtual where while yield
    """.split()  # noqa: SIM905 - plainer than fifty words in quotes
)

#: The crate that generated code names: a module beside it could not have its name.
_RUNTIME = "ariel_ml_rs"


def module_name(text: str) -> str:
    """Returns the module's name for a key of `models` or the stem of a model file; ValueError where it is empty."""
    if not text:
        raise ValueError("a model needs a name of one character or more")
    # Rust compares identifiers in this normal form: `é` of one and of two characters is the same name.
    text = unicodedata.normalize("NFC", text)
    # Python and Rust define identifiers by the same Unicode properties, XID_Start and XID_Continue.
    name = "".join(c if ("a" + c).isidentifier() else "_" for c in text)
    if not name[0].isidentifier():
        name = f"m_{name}"
    return f"{name}_" if name in KEYWORDS or name == _RUNTIME else name
