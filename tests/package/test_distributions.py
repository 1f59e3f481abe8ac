"""Wheel and sdist hold what users need in any folder, and nothing that was built."""

from __future__ import annotations

import email.parser
import importlib.metadata
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.package.conftest import CRATES, Crates, Distributions
from tests.package.metadata import dependencies

#: What `cargo package` adds to a crate's own files.
ADDED = {".cargo_vcs_info.json", "Cargo.lock", "Cargo.toml.orig"}
DATA = "ariel_build/_data/"


@pytest.fixture(scope="session")
def wheel(distributions: Distributions) -> dict[str, bytes]:
    """Returns the files of the wheel."""
    with zipfile.ZipFile(distributions.wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="session")
def metadata(wheel: dict[str, bytes]) -> email.message.Message:
    """Returns the wheel's METADATA."""
    (found,) = (text for name, text in wheel.items() if name.endswith(".dist-info/METADATA"))
    return email.parser.BytesParser().parsebytes(found)


def tracked(root: Path, *folders: str) -> list[str]:
    """Returns the files under the folders that are part of the repository."""
    listed = subprocess.run(["git", "ls-files", *folders], cwd=root, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    # One that was moved is still listed until the commit.
    return [name for name in listed.stdout.split() if root.joinpath(name).exists()]


def test_the_wheel_ships_of_each_crate_what_cargo_package_would(wheel: dict[str, bytes], crates: Crates) -> None:
    for name in CRATES:
        crate = crates.crate(name)
        packaged = {path.relative_to(crate).as_posix(): path for path in crate.rglob("*") if path.is_file()}
        shipped = {file.removeprefix(f"{DATA}{name}/") for file in wheel if file.startswith(f"{DATA}{name}/")}
        assert shipped == packaged.keys() - ADDED
        for file in shipped - {"Cargo.toml"}:
            assert wheel[f"{DATA}{name}/{file}"] == packaged[file].read_bytes(), file
        assert wheel[f"{DATA}{name}/Cargo.toml"] == packaged["Cargo.toml.orig"].read_bytes()


def test_the_wheel_ships_the_compiler_the_boards_and_the_harness(wheel: dict[str, bytes], root: Path) -> None:
    assert [file for file in tracked(root, "ariel_build") if file not in wheel] == []
    wanted = tracked(root, "boards", "harness", "templates")
    assert any(file.endswith(".toml") for file in wanted)
    assert [file for file in ["Cargo.toml", *wanted] if DATA + file not in wheel] == []


def test_the_wheel_ships_nothing_else(wheel: dict[str, bytes], root: Path) -> None:
    known = set(tracked(root))
    ours = (file.removeprefix(DATA) for file in wheel if ".dist-info/" not in file)
    assert [file for file in ours if file not in known] == []


def test_a_wheel_from_a_checkout_is_the_one_from_the_sdist(
    distributions: Distributions, root: Path, tmp_path: Path
) -> None:
    # `pip install .` builds from the checkout; the index's users may build from the sdist.
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    (built,) = tmp_path.glob("*.whl")
    assert built.read_bytes() == distributions.wheel.read_bytes()


def test_what_was_built_beside_the_sources_is_not_shipped(root: Path) -> None:
    sys.path.insert(0, str(root))
    import hatch_build  # noqa: PLC0415  hatchling loads it so, without the repository's packages

    names = set(hatch_build.shipped(root))
    folder = root / "harness" / "firmware" / "target"
    made = not folder.exists()
    folder.mkdir(exist_ok=True)
    file = folder / "of-this-test"
    try:
        file.touch()
        assert set(hatch_build.shipped(root)) == names
    finally:
        file.unlink()
        if made:
            folder.rmdir()


def test_both_are_fit_for_the_index(distributions: Distributions) -> None:
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "twine",
        "check",
        "--strict",
        distributions.wheel,
        distributions.sdist,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 2


def test_the_licences_are_in_both(
    metadata: email.message.Message, wheel: dict[str, bytes], distributions: Distributions
) -> None:
    assert metadata["License-Expression"] == "MIT OR Apache-2.0"
    for name in metadata.get_all("License-File", []):
        assert any(file.endswith(f".dist-info/licenses/{name}") for file in wheel)
    with tarfile.open(distributions.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE-MIT", "LICENSE-APACHE", "README.md", "CHANGELOG.md"} <= names


def test_the_indexs_page_has_no_link_that_leads_nowhere(metadata: email.message.Message, root: Path) -> None:
    page = str(metadata.get_payload())
    links = re.findall(r"\]\(([^)]*)\)", page)
    repository = tomllib.loads(root.joinpath("Cargo.toml").read_text())["workspace"]["package"]["repository"]
    own = [link for link in links if link.startswith(repository)]
    assert own
    for link in own:
        file = re.sub(rf"^{repository}/(blob|raw)/main/|#.*", "", link)
        assert root.joinpath(file).exists(), link
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


def test_dependencies_have_both_bounds_and_this_machine_tests_the_newest(
    metadata: email.message.Message, root: Path
) -> None:
    shipped = [Requirement(text) for text in metadata.get_all("Requires-Dist", [])]
    always = [each for each in shipped if each.marker is None]
    assert sorted(map(str, always)) == sorted(map(str, dependencies(root)))
    for each in always:
        assert sorted(s.operator for s in each.specifier) == ["<", ">="], each
        assert each.specifier.contains(importlib.metadata.version(each.name)), each
