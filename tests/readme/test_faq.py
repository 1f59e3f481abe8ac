"""Every message in docs/faq.md is one that the sources print, so that a reader who searches for it finds it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ariel_build.machine import process

ROOT = Path(__file__).resolve().parents[2]
#: What rustc says, not our sources, and code that it says so of.
FOREIGN = {"use of unresolved module or unlinked crate": "pub fn f() { keywords::g(); }"}


def sources() -> str:
    """Returns the texts that our programs can print, with what is split over lines joined."""
    files = [*ROOT.glob("ariel_build/**/*.py")]
    files += [path for crate in ("build", "macros", "rs") for path in ROOT.glob(f"ariel-ml-{crate}/src/**/*.rs")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    text = text.replace("{HEADER}", "[package.metadata.ariel]")
    return re.sub(r'"\s*\n\s*f?"', "", text)


def messages() -> list[str]:
    """Returns the quoted messages: the headings of the page."""
    text = (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")
    return re.findall(r"^### `([^`]+)`", text, re.MULTILINE)


@pytest.fixture(scope="module")
def text() -> str:
    """Returns what our programs can print."""
    return sources()


def test_there_are_messages() -> None:
    assert len(messages()) > 10
    assert set(FOREIGN) < set(messages())


@pytest.mark.parametrize("message", [message for message in messages() if message not in FOREIGN])
def test_the_sources_print_it(message: str, text: str) -> None:
    # What stands between two `..` is in the source as it is, with something put in between.
    parts = [part.strip(" ,:") for part in message.split("..")]
    pattern = r"[^\n]*?\{[^\n]*?\}[^\n]*?".join(re.escape(part) for part in parts if part)
    assert re.search(pattern, text), f"no source prints `{message}`: docs/faq.md is to say what is printed"


@pytest.mark.parametrize("message", sorted(FOREIGN))
def test_rustc_prints_it(message: str, tmp_path: Path) -> None:
    source = tmp_path / "lib.rs"
    source.write_text(FOREIGN[message])
    done = process.run(["rustc", "--crate-type=lib", "--edition=2024", source], timeout=60, cwd=tmp_path)
    assert message in done.stderr
