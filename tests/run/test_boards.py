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
        ("480_000_000", "0", r"`cores\[0\].clock-hz` is 0: a number from 1 to 1e\+11"),
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
        ('"128K"', '"128K"\ninterleaved = 0', r"`memories\[1\].interleaved` is 0"),
        ('"128K"', '"128K"\nbytes-per-cycle = 0', r"`memories\[1\].bytes-per-cycle` is 0: a number from"),
        ('"128K"', '"128K"\nwait-states = -1', r"`memories\[1\].wait-states` is -1"),
        ('"128K"', '"128K"\nwait-states = 4', r"`memories\[1\].kind` is `ram`: `wait-states`"),
        ('"128K"', '"128K"\nweights = true', r"`memories\[1\].kind` is `ram`: `wait-states`"),
        ('kind = "flash"', 'kind = "flash"\ndma = 1', r"`memories\[0\].dma` has a value of the wrong type"),
        ('"128K"', '"128K"\ncores = [2]', r"`memories\[1\].cores` names a core that the board does not have"),
        ('"128K"', '"128K"\ncores = ["0"]', r"`memories\[1\].cores` is a list of numbers from 0 on"),
        (
            'emulator = "qemu-system-arm"',
            'emulator = "x"\ndoorbells = [[1]]',
            "has 1 entries for 2 cores: write one list of addresses for each",
        ),
        ('emulator = "qemu-system-arm"', 'emulator = "x"\ndoorbells = [1, 2]', "`run.doorbells` is a list of numbers"),
        ('emulator = "qemu-system-arm"', 'emulator = "x"\nquantum = -1', "`run.quantum` is -1"),
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


def test_the_chips_of_the_contract_are_there() -> None:
    chips = {name: boards.load(name) for name in CHIPS}
    for name, (target, cores, clock_hz) in CHIPS.items():
        chip = chips[name]
        assert (chip.target, len(chip.cores), chip.cores[0].clock_hz) == (target, cores, clock_hz)
        assert chip.banks("flash")
        assert chip.banks("ram")
        assert chip.run is None


#: Target, cores and clock of the real chips.
CHIPS = {
    "esp32-c3": ("riscv32imc-unknown-none-elf", 1, 160_000_000),
    "esp32-c6": ("riscv32imac-unknown-none-elf", 1, 160_000_000),
    "esp32-s3": ("xtensa-esp32s3-none-elf", 2, 240_000_000),
    "gd32vf103": ("riscv32imac-unknown-none-elf", 1, 108_000_000),
    "nrf52840": ("thumbv7em-none-eabihf", 1, 64_000_000),
    "nrf5340": ("thumbv8m.main-none-eabihf", 1, 128_000_000),
    "rp2040": ("thumbv6m-none-eabi", 2, 125_000_000),
    "rp2350": ("thumbv8m.main-none-eabihf", 2, 150_000_000),
    "stm32f4": ("thumbv7em-none-eabihf", 1, 168_000_000),
    "stm32h7": ("thumbv7em-none-eabihf", 1, 480_000_000),
}


def test_memories_have_banks_and_cores_that_are_near() -> None:
    ram, first, second = boards.load("rp2040").banks("ram")
    assert (ram.interleaved, ram.cores) == (4, ())
    assert (first.cores, second.cores) == ((0,), (1,))


def test_the_cores_of_a_board_may_differ() -> None:
    first, second = boards.load("qemu-cortex-m33x2").cores
    assert (first.isa, first.dsp, first.fpu) == ("armv8-m.main", False, None)
    assert (second.isa, second.dsp, second.fpu) == ("armv8-m.main", True, "single")


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("480_000_000", "1" + 90 * "0", r"clock-hz` is a number of more than 30 digits: a number from 1 to"),
        ("480_000_000", "480_000_000\ncycles-per-instruction = nan", "cycles-per-instruction` is nan: a number from"),
        ("480_000_000", "480_000_000\ncycles-per-instruction = inf", "cycles-per-instruction` is inf"),
        ("480_000_000", "480_000_000\ncycles-per-instruction = 1e308", r"cycles-per-instruction` is 1e\+308"),
        ("480_000_000", "480_000_000\ncycles-per-instruction = 1e-308", "cycles-per-instruction` is 1e-308"),
        ("480_000_000", "480_000_000\ncount = 1_000_000", "count` is 1000000: a number from 1 to 32 is expected"),
        ("480_000_000", "480_000_000\ncount = 33", "count` is 33"),
        ("480_000_000", "480_000_000\ncount = 32", "`cores` has more than 32 in all"),
        ('"128K"', '"128K"\nbytes-per-cycle = nan', "bytes-per-cycle` is nan"),
        ('"128K"', '"128K"\nbytes-per-cycle = -inf', "bytes-per-cycle` is -inf"),
        ('"128K"', '"128K"\ninterleaved = 9_000_000_000_000_000_000', "interleaved` is 9000000000000000000"),
        ('"128K"', "1" + 4000 * "0", "length` is a number of more than 30 digits"),
        ("0x2000_0000", "-1", "origin` is -1"),
        (
            'emulator = "qemu-system-arm"',
            'emulator = "x"\nquantum = 1_000_000_000_000',
            "run.quantum` is 1000000000000",
        ),
        (
            'emulator = "qemu-system-arm"',
            'emulator = "x"\ndoorbells = [[4294967296], []]',
            "`run.doorbells` is a list of",
        ),
        ('"thumbv7em-none-eabihf"', '"thumb\\nv7"', "`target` has characters that cannot be printed"),
        ('emulator = "qemu-system-arm"', f'emulator = "x"\narguments = [{257 * "1,"}]', "257 entries"),
    ],
)
def test_numbers_have_bounds(file: Path, old: str, new: str, words: str) -> None:
    test_a_wrong_file_is_refused_with_its_place(file, old, new, words)


def test_helium_is_said_by_the_board_file() -> None:
    board = boards.load("qemu-cortex-m55")
    (core,) = board.cores
    assert (core.isa, core.dsp, core.fpu, core.mve) == ("armv8-m.main", True, "double", "float")
    soft = boards.adapted(board, "thumbv8m.main-none-eabi")
    assert soft is not None
    assert (soft.cores[0].fpu, soft.cores[0].mve) == (None, None), "start-up code does not switch vectors on"
    with_helium = {name for name in boards.known() if any(core.mve for core in boards.load(name).cores)}
    assert with_helium == {"cortex-m55", "qemu-cortex-m55", "stm32n6"}


@pytest.mark.parametrize(
    "new, words",
    [
        ('mve = "double"', '`cores.*mve` is `double`: write "int" or "float"'),
        ('mve = "int"', "only cores of armv8-m.main with `dsp = true` have Helium"),
        ('mve = "float"', "only cores of armv8-m.main with `dsp = true` have Helium"),
    ],
)
def test_cores_without_helium_are_not_taken_for_others(file: Path, new: str, words: str) -> None:
    test_a_wrong_file_is_refused_with_its_place(file, 'isa = "armv7e-m"', f'isa = "armv7e-m"\n{new}', words)


def test_vectors_of_floats_need_their_unit(file: Path) -> None:
    text = '[[cores]]\nname = "m55"\nisa = "armv8-m.main"\ndsp = true\nmve = "float"\n'
    file.write_text(f'target = "thumbv8m.main-none-eabi"\n{text}')
    with pytest.raises(BoardError, match="the core has no `fpu`"):
        boards.load(str(file))


@pytest.mark.parametrize(
    "data, words",
    [
        (b"a = " + 100_000 * b"[", "nested too deeply"),
        (b"a = " + 5_000 * b"9", "not TOML"),
        (b"\xff\xfea\0", "not TOML"),
        (b"#" * (1 << 21), "has more than 1,048,576 bytes"),
        ((GOOD + 300 * '[[memories]]\nname = "x"\n').encode(), "302 entries, more than 256"),
    ],
)
def test_a_hostile_file_is_refused(file: Path, data: bytes, words: str) -> None:
    file.write_bytes(data)
    with pytest.raises(BoardError, match=words) as refusal:
        boards.load(str(file))
    assert str(file) in refusal.value.render()


def test_what_is_no_file_is_not_read() -> None:
    with pytest.raises(BoardError, match="no regular file"):
        boards.load("/dev/zero")
    with pytest.raises(BoardError, match="null"):
        boards.load("a\0b/c.toml")


def test_a_byte_order_mark_is_no_fault(file: Path) -> None:
    file.write_text(GOOD, encoding="utf-8-sig")
    assert boards.load(str(file)).name == "mine"
