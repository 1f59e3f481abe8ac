"""The kernels' classes are what the runtime crate declares; each kernel has a cost and a size."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from ariel_build.kernels.declared.window import Window
from ariel_build.schedule.cost import ALONE, ANY, AROUND
from tests.codegen.kernels import all_kernels
from tools.costs.boards import KINDS
from tools.costs.needed import missing
from tools.kernels import FOLDER, SRC, Refused, classes, declare, paths

KERNELS = SRC / "kernels"
COMPILER, SCHEDULE = FOLDER.parent.parent, "schedule/costs.json"
#: Targets for which all kernels can be built, but Helium's, and those with the others for Armv8-M.
ALL = ("thumbv7em-none-eabihf", "thumbv8m.main-none-eabihf")


def test_the_classes_are_those_that_the_sources_declare(tmp_path: Path) -> None:
    declare(tmp_path, SRC)
    here, made = ({path.name: path.read_text() for path in folder.glob("*.py")} for folder in (FOLDER, tmp_path))
    assert here == made, "run `nox -s kernels`"


@pytest.mark.target(ALL[0])
@pytest.mark.target(ALL[1])
def test_no_kernel_is_left_out() -> None:
    """As rustdoc lists them, which knows macros better than our reader does."""
    assert paths().keys() == {kernel for target in ALL for kernel in all_kernels(target)}


def test_what_was_measured_are_kernels() -> None:
    """Figures under another name would be those of no kernel: predictions and bounds would take their defaults."""
    sizes, costs = (json.loads((COMPILER / name).read_text()) for name in ("codegen/code_sizes.json", SCHEDULE))
    measured = {name for table in sizes.values() for name in table["kernels"]}
    measured |= {name.removesuffix(ALONE) for table in costs.values() for name in table} - {ANY, AROUND}
    assert measured - set(paths().values()) == set()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kernel_has_a_cost_on_cores_that_may_run_it(kind: str) -> None:
    costs = json.loads((COMPILER / SCHEDULE).read_text())[kind]
    assert missing(kind, costs) == set(), f"run `python -m tools.costs --kind {kind}`"


@pytest.mark.parametrize(
    "old, new, told",
    [
        ("    pub const ACCESS: Access = Access::Elements;\n", "", "lookup::Table does not say what its tiles read"),
        ("self.output.check::<u8>(arena_bytes, self.elements as usize);", "", "does not say what `output` holds"),
        ("pub elements: u32", "pub elements: Counted", "lookup::Table: the type `Counted` is not known"),
    ],
    ids=["access", "elements", "type"],
)
def test_a_declaration_that_lacks_something_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    shutil.copytree(SRC, tmp_path / "src")
    file = tmp_path / "src" / "kernels" / "lookup.rs"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(Refused, match=told):
        declare(tmp_path, tmp_path / "src")


def test_a_field_that_is_none_or_missing_is_an_error() -> None:
    (table,) = (one for one in classes() if one.__name__ == "Table")
    with pytest.raises(TypeError, match="Table: output, tabel, table differ from its fields"):
        table.made({"input": 1, "elements": 2, "tabel": 3})


def test_a_kernel_is_frozen() -> None:
    made = Window.made(dict.fromkeys(Window.FIELDS, 1))
    with pytest.raises(AttributeError, match="frozen"):
        made.height = 2  # type: ignore[misc]
    assert made.replace(height=2).height == 2
    assert made.height == 1


def test_checks_are_no_machine_code() -> None:
    """What constants alone call is `#[inline]`: without, the crate would compile each for every firmware."""
    before = r"^((?: *(?:#\[|///).*\n)*)"
    made = re.compile(before + r" *(?:pub(?:\([^)]*\))? )?const (?:unsafe )?fn ((?:check|work)\w*)\b", re.MULTILINE)
    found = [(path, *each) for path in KERNELS.rglob("*.rs") for each in made.findall(path.read_text())]
    assert len(found) > 100
    assert [f"{path.name}: {name}" for path, before, name in found if "#[inline" not in before] == []
