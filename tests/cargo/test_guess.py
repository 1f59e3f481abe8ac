"""The board is guessed from the crates of a firmware and their features, in every way in which Cargo.toml says them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from fnmatch import fnmatchcase

import pytest

from ariel_build import boards
from ariel_build.boards.board_file import read
from ariel_build.boards.guess import Dependency, Guess, dependencies, guess

M4 = "thumbv7em-none-eabihf"
M33 = "thumbv8m.main-none-eabihf"
M3 = "thumbv7m-none-eabi"
M0 = "thumbv6m-none-eabi"


def found(manifest: str, workspace: str = "", on: Iterable[str] = (), target: str = M4) -> dict[str, set[str]]:
    """Returns the dependencies of a manifest with their features."""
    table = tomllib.loads(workspace).get("workspace", {}).get("dependencies", {})
    got = dependencies(tomllib.loads(manifest), table, set(on).__contains__, target)
    return {dependency.crate: set(dependency.features) for dependency in got}


def guessed(target: str, *crates: str) -> Guess:
    """Returns the guess for crates that are written `crate` or `crate/feature/feature`."""
    parts = [crate.split("/") for crate in crates]
    given = [Dependency(name, frozenset(features)) for name, *features in parts]
    return guess(given, target, boards.generic_for(target))


@pytest.mark.parametrize(
    "manifest, expected",
    [
        ('[dependencies]\nrp2040-hal = "0.11"\n', {"rp2040-hal": set()}),
        ('[dependencies]\nembassy-rp = { version = "0.4", features = ["rp2040"] }\n', {"embassy-rp": {"rp2040"}}),
        ('[dependencies.embassy-rp]\nversion = "0.4"\nfeatures = ["rp2040"]\n', {"embassy-rp": {"rp2040"}}),
        ('[dependencies]\nhal = { package = "embassy-rp", features = ["rp2040"] }\n', {"embassy-rp": {"rp2040"}}),
        (
            '[target.\'cfg(target_os = "none")\'.dependencies]\nembassy-rp = { features = ["rp2040"] }\n',
            {"embassy-rp": {"rp2040"}},
        ),
        (f'[target.{M4}.dependencies]\nembassy-rp = "1"\n', {"embassy-rp": set()}),
        ('[target.riscv32imac-unknown-none-elf.dependencies]\nembassy-rp = "1"\n', {}),
        ('[dev-dependencies]\nembassy-rp = "1"\n[build-dependencies]\nrp-pac = "1"\n', {}),
        ('dependencies = 3\ntarget = "x"\nfeatures = []\n', {}),
        ('[dependencies]\nembassy-rp = { features = "rp2040" }\n', {"embassy-rp": set()}),
    ],
)
def test_dependencies(manifest: str, expected: dict[str, set[str]]) -> None:
    assert found(manifest) == expected


def test_what_a_workspace_says_is_inherited() -> None:
    workspace = '[workspace.dependencies]\nhal = { package = "embassy-rp", version = "1", features = ["rp2040"] }\n'
    manifest = '[dependencies]\nhal = { workspace = true, features = ["defmt"] }\n'
    assert found(manifest, workspace) == {"embassy-rp": {"rp2040", "defmt"}}
    assert found("[dependencies]\nhal.workspace = true\n", workspace) == {"embassy-rp": {"rp2040"}}
    assert found("[dependencies]\nhal.workspace = true\n") == {"hal": set()}


FEATURES = """
[features]
pico = ["hal/rp2040", "dep:defmt"]
pico2 = ["hal/rp235xa", "extra?/x", "rp-pac/y"]
[dependencies]
hal = { package = "embassy-rp", version = "1" }
defmt = { version = "1", optional = true }
extra = { version = "1", optional = true }
rp-pac = { version = "1", optional = true }
"""


@pytest.mark.parametrize(
    "on, expected",
    [
        ([], {"embassy-rp": set()}),
        (["pico"], {"embassy-rp": {"rp2040"}, "defmt": set()}),
        (["pico2"], {"embassy-rp": {"rp235xa"}, "rp-pac": {"y"}}),
        (["pico2", "extra"], {"embassy-rp": {"rp235xa"}, "rp-pac": {"y"}, "extra": {"x"}}),
    ],
)
def test_features_that_are_on_ask_for_more(on: list[str], expected: dict[str, set[str]]) -> None:
    assert found(FEATURES, on=on) == expected


@pytest.mark.parametrize(
    "target, crate, board",
    [
        (M4, "embassy-stm32/defmt/stm32h743zi", "stm32h7"),
        (M4, "embassy-stm32/stm32h747xi-cm7", "stm32h7"),
        (M4, "stm32h7xx-hal/stm32h743v", "stm32h7"),
        (M4, "stm32h7/stm32h743", "stm32h7"),
        (M4, "embassy-stm32/stm32f407vg", "stm32f4"),
        ("thumbv7em-none-eabi", "embassy-stm32/stm32f429zi", "stm32f4"),
        (M4, "stm32f4xx-hal/stm32f429", "stm32f4"),
        (M4, "stm32f4/stm32f407", "stm32f4"),
        (M0, "embassy-rp/rp2040", "rp2040"),
        (M0, "rp2040-hal", "rp2040"),
        (M0, "rp2040-pac", "rp2040"),
        (M33, "embassy-rp/rp235xb", "rp2350"),
        ("thumbv8m.main-none-eabi", "embassy-rp/rp235xa", "rp2350"),
        (M33, "rp235x-pac", "rp2350"),
        (M4, "embassy-nrf/nrf52840", "nrf52840"),
        (M4, "nrf52840-pac", "nrf52840"),
        (M33, "embassy-nrf/nrf5340-app-s", "nrf5340"),
        ("riscv32imc-unknown-none-elf", "esp-hal/esp32c3", "esp32-c3"),
        ("riscv32imac-unknown-none-elf", "esp-hal/esp32c6", "esp32-c6"),
        ("xtensa-esp32s3-none-elf", "esp-hal/esp32s3", "esp32-s3"),
        ("riscv32imac-unknown-none-elf", "gd32vf103xx-hal", "gd32vf103"),
        (M4, "embassy-nrf/nrf52833", "nrf52833"),
        (M4, "nrf52832-hal", "nrf52832"),
        (M33, "embassy-nrf/nrf54l15-app-s", "nrf54l15"),
        (M33, "embassy-stm32/stm32u585ai", "stm32u5"),
        (M4, "embassy-stm32/stm32l476rg", "stm32l4"),
        (M4, "embassy-stm32/stm32g474re", "stm32g4"),
        (M0, "embassy-stm32/stm32g0b1re", "stm32g0"),
        (M3, "embassy-stm32/stm32f103c8", "stm32f1"),
        (M4, "embassy-stm32/stm32f767zi", "stm32f7"),
        (M4, "embassy-stm32/stm32f779ni", "stm32f7"),
        (M33, "embassy-stm32/stm32h563zi", "stm32h5"),
        (M33, "stm32-metapac/stm32h573ri", "stm32h5"),
        (M4, "imxrt-hal/imxrt1060", "imxrt1060"),
        ("riscv32imac-unknown-none-elf", "esp-hal/esp32h2", "esp32-h2"),
        ("riscv32imac-unknown-none-elf", "rp235x-hal", "rp2350-riscv"),
        (M0, "embassy-stm32/stm32c071rb", "stm32c0"),
        (M0, "embassy-stm32/stm32u083rc", "stm32u0"),
        (M0, "embassy-stm32/stm32l072rz", "stm32l0"),
        (M4, "embassy-stm32/stm32f303vc", "stm32f3"),
        (M4, "embassy-stm32/stm32f411ce", "stm32f411"),
        (M4, "embassy-stm32/stm32wb55rg", "stm32wb"),
        (M33, "embassy-stm32/stm32wba55cg", "stm32wba"),
        ("thumbv7em-none-eabi", "embassy-stm32/stm32wl55jc-cm4", "stm32wl"),
        (M33, "embassy-stm32/stm32l552ze", "stm32l5"),
        (M33, "embassy-stm32/stm32n657x0", "stm32n6"),
        (M33, "embassy-nrf/nrf9160-ns", "nrf9160"),
        (M4, "feather_m4", "samd51"),
        (M0, "feather_m0", "samd21"),
        ("riscv32imc-unknown-none-elf", "esp-hal/esp32c2", "esp32-c2"),
        ("riscv32imac-unknown-none-elf", "esp-hal/esp32c5", "esp32-c5"),
        ("riscv32imac-unknown-none-elf", "esp-hal/esp32c61", "esp32-c61"),
        ("riscv32imafc-unknown-none-elf", "esp-hal/esp32p4", "esp32-p4"),
        ("xtensa-esp32-none-elf", "esp-hal/esp32", "esp32"),
        ("xtensa-esp32s2-none-elf", "esp-hal/esp32s2", "esp32-s2"),
    ],
)
def test_chips(target: str, crate: str, board: str) -> None:
    got = guessed(target, "cortex-m", crate)
    assert got.board is not None
    assert got.board.name == board
    assert got.board.target == target
    assert f'board = "{board}" below [package.metadata.ariel]' in got.told
    assert boards.load(board).description in got.told


def test_what_names_no_board_gets_a_hint() -> None:
    got = guessed(M4, "cortex-m", "rtic/thumbv7-backend")
    assert got.board is None
    assert got.told.startswith("no `board` is given, and no dependency names a chip: the code is for any Arm Cortex-M4")
    assert '"generic-thumbv7em" leaves it so' in got.told


@pytest.mark.parametrize(
    "crate, reason",
    [
        ("embassy-stm32/defmt/stm32l432kc", "`embassy-stm32` has the feature `stm32l432kc`, which no board file knows"),
        ("embassy-nrf/nrf52805", "`embassy-nrf` has the feature `nrf52805`, which no board file knows"),
        # A chip of the family with less memory is not taken for the larger one.
        ("embassy-stm32/stm32l476rc", "`embassy-stm32` has the feature `stm32l476rc`, which no board file knows"),
        ("embassy-stm32/stm32g474rb", "`embassy-stm32` has the feature `stm32g474rb`, which no board file knows"),
        ("embassy-stm32/stm32f746zg", "`embassy-stm32` has the feature `stm32f746zg`, which no board file knows"),
        ("embassy-stm32/stm32f767zg", "`embassy-stm32` has the feature `stm32f767zg`, which no board file knows"),
        ("embassy-stm32/stm32f401re", "`embassy-stm32` has the feature `stm32f401re`, which no board file knows"),
        ("embassy-stm32/stm32h750vb", "`embassy-stm32` has the feature `stm32h750vb`, which no board file knows"),
        # The second core of an H747 is no Cortex-M7.
        ("embassy-stm32/stm32h747xi-cm4", "`embassy-stm32` has the feature `stm32h747xi-cm4`, which no board file"),
        ("embassy-rp/rp235xa", "the board `rp2350` is thumbv8m.main-none-eabihf, not thumbv7em-none-eabihf"),
    ],
)
def test_why_there_is_no_guess(crate: str, reason: str) -> None:
    got = guessed(M4, crate)
    assert got.board is None
    assert reason in got.told


def test_two_boards_are_no_guess_unless_the_target_decides() -> None:
    both = ("embassy-stm32/stm32f407vg", "nrf52840-pac")
    got = guessed(M4, *both)
    assert got.board is None
    assert "dependencies name several boards" in got.told
    assert "`nrf52840`" in got.told
    assert "`stm32f4`" in got.told
    decided = guessed(M33, *both, "embassy-rp/rp235xa")
    assert decided.board is not None
    assert decided.board.name == "rp2350"


def test_all_cores_work_only_where_the_runtime_can() -> None:
    """Generated code for several cores is larger, and without the feature one core runs it all."""
    alone = guessed(M33, "embassy-rp/rp235xa", "ariel-ml-rs/embassy")
    assert alone.cores == 1
    assert "has not the feature `multicore`" in alone.told
    for feature in ("multicore", "ariel-os"):
        several = guessed(M33, "embassy-rp/rp235xa", f"ariel-ml-rs/{feature}")
        assert several.cores is None
        assert "multicore" not in several.told
    assert guessed(M4, "nrf52840-pac").cores is None


def test_soft_floats_do_without_the_unit() -> None:
    soft = guessed("thumbv7em-none-eabi", "nrf52840-hal").board
    assert soft is not None
    assert all(core.fpu is None and core.dsp for core in soft.cores)


def test_a_board_file_says_what_names_it() -> None:
    document = {"target": M4, "chips": ["embassy-stm32/stm32l4*"], "cores": [{"name": "m4", "isa": "armv7e-m"}]}
    assert read("l4.toml", "l4", document).chips == ("embassy-stm32/stm32l4*",)


def test_no_two_boards_of_one_target_share_a_name() -> None:
    """Otherwise that crate would never be guessed from."""
    owners: dict[tuple[str, str], str] = {}
    for name in boards.known():
        for chip in boards.load(name).chips:
            assert owners.setdefault((chip, boards.load(name).target), name) == name
    assert len(owners) > 10


def test_no_pattern_takes_what_another_board_names() -> None:
    """A chip that one board's pattern fits is named by no other board of that target."""
    patterns = [
        (name, boards.load(name).target, chip)
        for name in boards.known()
        for chip in boards.load(name).chips
        if chip[0] != "!"
    ]
    for name, target, chip in patterns:
        example = re.sub(r"\[(.)[^]]*\]", r"\1", chip).replace("*", "").replace("?", "r")
        fitting = {other for other, theirs, pattern in patterns if theirs == target and fnmatchcase(example, pattern)}
        assert fitting == {name}, example
