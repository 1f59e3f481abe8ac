"""Board files: those that come with the compiler, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from ariel_build import boards
from ariel_build.errors import BoardError

GOOD = """
target = "thumbv7em-none-eabihf"
[[cores]]
name = "cortex-m7"
isa = "armv7e-m"
fpu = "single"
dsp = true
clock-hz = 480_000_000
[[cores]]
name = "cortex-m4"
isa = "armv7e-m"
[[memories]]
name = "flash"
kind = "flash"
origin = 0x0800_0000
length = "2M"
[[memories]]
name = "dtcm"
kind = "ram"
origin = 0x2000_0000
length = "128K"
[run]
emulator = "qemu-system-arm"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Returns the path of a board file that is right."""
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    return path


@pytest.mark.parametrize("name", boards.known())
def test_every_board_that_comes_along_is_right(name: str) -> None:
    board = boards.load(name)
    assert board.name == name
    assert board.description
    assert board.is_generic == name.startswith("generic")
    if board.run and not board.is_host:
        assert board.banks("flash")
        assert board.banks("ram")


def test_a_path_names_a_board_of_ones_own(file: Path) -> None:
    board = boards.load(str(file))
    assert board.name == "mine"
    assert [core.name for core in board.cores] == ["cortex-m7", "cortex-m4"]
    assert board.cores[0].clock_hz == 480_000_000
    assert board.cores[1].fpu is None
    assert board.total("ram") == 128 * 1024
    assert board.total("flash") == 2 << 20


def test_equal_cores_are_counted(file: Path) -> None:
    file.write_text(GOOD.replace('name = "cortex-m4"', 'name = "cortex-m4"\ncount = 3'))
    assert len(boards.load(str(file)).cores) == 4


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("clock-hz", "clock_hz", r"unknown key `cores\[0\].clock_hz`: did you mean `clock-hz`"),
        ("[run]", "[runs]", "unknown key `runs`: did you mean `run`"),
        ("emulator", "emulater", r"unknown key `run.emulater`: did you mean `emulator`"),
        ('isa = "armv7e-m"', 'isa = "armv7m"', "`armv7m` is not an instruction set: did you mean `armv7-m`"),
        ('fpu = "single"', 'fpu = "half"', r"`cores\[0\].fpu` is `half`"),
        ('fpu = "single"', "fpu = true", r"`cores\[0\].fpu` has a value of the wrong type"),
        ("dsp = true", "dsp = 1", "wrong type"),
        ("480_000_000", "true", "wrong type"),
        ("480_000_000", "0", "positive"),
        ('kind = "ram"', 'kind = "rom"', r"`memories\[1\].kind` is `rom`"),
        ('"128K"', '"128X"', r"`memories\[1\].length` is '128X': a size is written"),
        ('"128K"', "0", "at least 1 byte"),
        ("0x2000_0000", "0x0800_1000", "the memories `flash` and `dtcm` overlap"),
        ("0x2000_0000", "0xffff_ffff", "32-bit address space"),
        ('"dtcm"', '"flash"', "two memories have the name `flash`"),
        ('target = "thumbv7em-none-eabihf"', "", "`target` is missing"),
        ('emulator = "qemu-system-arm"', "", "`run.emulator` is missing"),
        ("[[cores]]", "[cores]", "not TOML"),
        ('emulator = "qemu-system-arm"', 'emulator = "x"\ncount = "cycles"', "`run.count` is `cycles`"),
        ('emulator = "qemu-system-arm"', 'emulator = "x"\narguments = [1]', "`run.arguments` is a list of strings"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(file: Path, old: str, new: str, words: str) -> None:
    assert old in GOOD
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(BoardError, match=words) as refusal:
        boards.load(str(file))
    assert str(file) in refusal.value.render()


def test_an_unknown_name_is_answered_with_the_closest() -> None:
    with pytest.raises(BoardError, match=r"no board `qemu-cortexm7`: did you mean `qemu-cortex-m7`"):
        boards.load("qemu-cortexm7")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="cannot read the board file"):
        boards.load(str(tmp_path / "none.toml"))


@pytest.mark.parametrize(
    "target, name, isa, fpu, dsp",
    [
        ("thumbv6m-none-eabi", "generic-thumbv6m", "armv6-m", None, False),
        ("thumbv7m-none-eabi", "generic-thumbv7m", "armv7-m", None, False),
        ("thumbv7em-none-eabi", "generic-thumbv7em", "armv7e-m", None, True),
        ("thumbv7em-none-eabihf", "generic-thumbv7em", "armv7e-m", "single", True),
        ("thumbv8m.base-none-eabi", "generic-thumbv8m.base", "armv8-m.base", None, False),
        ("thumbv8m.main-none-eabihf", "generic-thumbv8m.main", "armv8-m.main", "single", False),
        ("riscv32imac-unknown-none-elf", "generic-riscv32", "rv32imac", None, False),
        ("riscv32imafc-unknown-none-elf", "generic-riscv32", "rv32imafc", "single", False),
        ("riscv32imc-esp-espidf", "generic-riscv32", "rv32imc", None, False),
        ("xtensa-esp32s3-none-elf", "generic-xtensa", "xtensa", None, False),
        ("x86_64-unknown-linux-gnu", "generic", "portable", None, False),
        ("aarch64-apple-darwin", "generic", "portable", None, False),
    ],
)
def test_every_target_has_a_generic_board(target: str, name: str, isa: str, fpu: str | None, dsp: bool) -> None:
    board = boards.generic_for(target)
    (core,) = board.cores
    assert (board.name, board.target) == (name, target)
    assert (core.isa, core.fpu, core.dsp) == (isa, fpu, dsp)
    assert board.total("ram") is None
