"""What a wheel ships beside Python, found by `ariel_build/machine/resources.py`: crates, boards, harness, templates.

Of a crate it is what `cargo package` would publish: the `include` list of its Cargo.toml is read by the rules of cargo.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface
from pathspec import GitIgnoreSpec

#: Folders that are shipped as they are, less what git ignores.
FOLDERS = ("boards", "harness", "templates")
#: Gives the crates their version.
WORKSPACE = "Cargo.toml"


class ShipTheRest(BuildHookInterface[Any]):
    """Puts into `ariel_build/_data` what `run` and build scripts need at a user's."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the files; an editable installation finds them in the checkout."""
        if version != "editable":
            root = Path(self.root)
            files = {str(root / name): f"ariel_build/_data/{name}" for name in shipped(root)}
            build_data["force_include"].update(files)


class LinkTheReadme(MetadataHookInterface):
    """Has the README's links lead into the repository, where a package index shows it."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Sets the long description."""
        root = Path(self.root)
        page = tomllib.loads(root.joinpath(WORKSPACE).read_text())["workspace"]["package"]["repository"]
        text = root.joinpath("README.md").read_text(encoding="utf-8")
        # Images are fetched as they are, everything else is shown.
        text = re.sub(r"(!\[[^]]*\]\()(?![a-z]+:|#)", rf"\1{page}/raw/main/", text)
        text = re.sub(r"((?<!!)\[[^]]*\]\()(?![a-z]+:|#)", rf"\1{page}/blob/main/", text)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def shipped(root: Path) -> Iterator[str]:
    """Yields the files' names, from the root of the repository."""
    yield WORKSPACE
    ignored = GitIgnoreSpec.from_lines(root.joinpath(".gitignore").read_text().splitlines())
    for pattern in tomllib.loads(root.joinpath(WORKSPACE).read_text())["workspace"]["members"]:
        for crate in sorted(root.glob(pattern)):
            manifest = crate / "Cargo.toml"
            included = GitIgnoreSpec.from_lines(tomllib.loads(manifest.read_text())["package"]["include"])
            yield manifest.relative_to(root).as_posix()
            yield from (f"{crate.name}/{name}" for name in _files(crate) if included.match_file(name))
    for folder in FOLDERS:
        names = (f"{folder}/{name}" for name in _files(root / folder))
        yield from (name for name in names if not ignored.match_file(name))


def _files(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())
