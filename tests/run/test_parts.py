"""The parts of `run` that need no emulator: ELF files, what fits, the cache, subprocesses, toolchains."""

from __future__ import annotations

import os
import struct
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ariel_build import boards
from ariel_build.boards import fit
from ariel_build.boards.fit import check_fits
from ariel_build.errors import BoardError, InternalError, SetupError
from ariel_build.machine import process
from ariel_build.run import builder, cache, elf, firmware, toolchain
from ariel_build.run.elf import Section, Sizes


def image(*sections: tuple[str, int, int, int]) -> bytes:
    """Returns an ELF32 file with these sections: name, type, flags, size."""
    names, entries = b"\0", [struct.pack("<10I", *[0] * 10)]
    for name, kind, flags, size in sections:
        entries.append(struct.pack("<10I", len(names), kind, flags, 0x1000, 0, size, 0, 0, 4, 0))
        names += name.encode() + b"\0"
    table = 52 + len(names)
    entries.append(struct.pack("<10I", 0, 3, 0, 0, 52, len(names), 0, 0, 1, 0))
    header = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    header += struct.pack("<HHIIIIIHHHHHH", 2, 40, 1, 0, 0, table, 0, 52, 32, 0, 40, len(entries), len(entries) - 1)
    return header + names + b"".join(entries)


SECTIONS = (
    (".vectors", 1, 2, 64),
    (".text", 1, 6, 1000),
    (".rodata", 1, 2, 200),
    (".data", 1, 3, 30),
    (".bss", 8, 3, 4000),
    (".harness", 8, 3, 500),
    (".comment", 1, 0, 99),
)


def test_sections_that_occupy_memory_are_listed() -> None:
    found = elf.sections(image(*SECTIONS))
    assert [section.name for section in found] == [name for name, *_ in SECTIONS[:-1]]
    assert found[4] == Section(".bss", 0x1000, 4000, loaded=False, writable=True)


def test_sizes_are_of_what_is_loaded_and_of_what_lies_in_ram() -> None:
    assert elf.sizes(image(*SECTIONS)) == Sizes(flash=64 + 1000 + 200 + 30, ram=4030, all_ram=4530)


@pytest.mark.parametrize("damage", [lambda d: b"MZ" + d, lambda d: d[:40], lambda d: d[:-20]])
def test_what_is_no_elf_file_is_a_defect(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(InternalError, match="ELF"):
        elf.sizes(damage(image(*SECTIONS)))


def test_a_model_that_fits_is_let_through() -> None:
    check_fits(boards.load("qemu-cortex-m0"), ram_bytes=15_000, flash_bytes=200_000, stack_bytes=1384)


def test_a_board_without_memories_makes_no_claim() -> None:
    check_fits(boards.load("generic-thumbv7em"), ram_bytes=1 << 30, flash_bytes=1 << 30)


def test_the_stack_counts_as_ram() -> None:
    with pytest.raises(
        BoardError, match=r"with 2,000 bytes of stack it needs 17,000 bytes of RAM, the board has 16,384"
    ):
        check_fits(boards.load("qemu-cortex-m0"), ram_bytes=15_000, flash_bytes=0, stack_bytes=2000)


def test_the_linker_is_understood() -> None:
    board = boards.load("qemu-cortex-m0")
    fit.refuse_overflow(board, "error: undefined symbol: __foo")
    says = """
rust-lld: error: section '.bss' will not fit in region 'RAM': overflowed by 1234 bytes
rust-lld: error: section '.harness' will not fit in region 'RAM': overflowed by 1734 bytes
rust-lld: error: section '.rodata' will not fit in region 'FLASH': overflowed by 20 bytes
"""
    with pytest.raises(BoardError) as refusal:
        fit.refuse_overflow(board, says)
    assert "needs 1,734 bytes of RAM more than the 16,384" in refusal.value.render()
    assert "needs 20 bytes of flash more than the 262,144" in refusal.value.render()


def test_digests_tell_parts_apart() -> None:
    assert cache.digest(["ab", "c"]) != cache.digest(["a", "bc"])
    assert cache.digest(["ab", b"c"]) == cache.digest(["ab", "c"])


def test_the_digest_of_a_folder_leaves_build_output_out(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "lib.rs").write_text("a")
    before = cache.digest_of_files(tmp_path)
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "x").write_text("b")
    assert cache.digest_of_files(tmp_path) == before
    (tmp_path / "src" / "lib.rs").write_text("c")
    assert cache.digest_of_files(tmp_path) != before


def test_two_users_of_a_slot_get_different_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    with cache.slot(tmp_path) as first, cache.slot(tmp_path) as second:
        assert first != second
    with cache.slot(tmp_path) as again:
        assert again == first


def test_the_oldest_files_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "KEEP", 2)
    for age, name in enumerate("abcd"):
        path = tmp_path / f"{name}.elf"
        path.write_text(name)
        times = time.time() - 100 * age
        os.utime(path, (times, times))
    cache.trim(tmp_path, "*.elf")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.elf", "b.elf"]


def test_a_program_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    start = time.monotonic()
    with pytest.raises(InternalError, match="did not end within 1 seconds"):
        process.run([sys.executable, "-c", child], timeout=1)
    assert time.monotonic() - start < 20


def test_a_program_that_is_missing_is_a_matter_of_setup() -> None:
    with pytest.raises(SetupError, match="cannot start `no-such-program`"):
        process.run(["no-such-program"], timeout=1)


@pytest.fixture
def rust(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, tuple[str, bool]]:
    """Returns the toolchains of a machine, to be filled: name ("" is the active one) -> version, has the target."""
    machine: dict[str, tuple[str, bool]] = {}
    library = tmp_path / "lib"
    library.mkdir()
    (library / "libcore-1.rlib").touch()

    def answer(command: Sequence[str], *, env: dict[str, str], timeout: float) -> process.Completed:
        version, has_target = machine.get(env.get("RUSTUP_TOOLCHAIN", ""), ("", False))
        if not version:
            return process.Completed(1, "", "error: toolchain is not installed")
        if "--version" in command:
            return process.Completed(0, f"rustc {version}.0 (abc 2026-01-01)\n", "")
        return process.Completed(0, f"{library if has_target else tmp_path}\n", "")

    for name in ("ARIEL_TOOLCHAIN", "RUSTUP_TOOLCHAIN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(process, "run", answer)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    return machine


def test_the_active_toolchain_comes_first(rust: dict[str, tuple[str, bool]]) -> None:
    rust.update({"": ("1.95", True), "embedded": ("1.96", True)})
    assert toolchain.find("thumbv6m-none-eabi").name is None


def test_then_comes_the_named_one_then_embedded(
    rust: dict[str, tuple[str, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rust.update({"": ("1.95", False), "embedded": ("1.96", True), "mine": ("1.94", True)})
    assert toolchain.find("thumbv6m-none-eabi").name == "embedded"
    monkeypatch.setenv("ARIEL_TOOLCHAIN", "mine")
    assert toolchain.find("thumbv6m-none-eabi").name == "mine"


def test_where_none_can_build_all_are_named_with_the_command(rust: dict[str, tuple[str, bool]]) -> None:
    rust.update({"": ("1.95", False), "embedded": ("1.87", True)})
    with pytest.raises(SetupError) as refusal:
        toolchain.find("thumbv6m-none-eabi")
    said = refusal.value.render()
    assert "the active toolchain (it lacks this target), embedded (1.87 is older than 1.88)" in said
    assert "rustup target add thumbv6m-none-eabi" in said
    assert "nox -s setup" in said


def test_settings_from_outside_do_not_reach_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSTFLAGS", "-Copt-level=1")
    monkeypatch.setenv("CARGO_PROFILE_RELEASE_LTO", "off")
    monkeypatch.setenv("CARGO_HOME", "/somewhere")
    environment = toolchain.Toolchain("mine", "").environment()
    assert not {"RUSTFLAGS", "CARGO_PROFILE_RELEASE_LTO"} & environment.keys()
    assert environment["CARGO_HOME"] == "/somewhere"
    assert environment["RUSTUP_TOOLCHAIN"] == "mine"


@pytest.mark.parametrize("crate", ["firmware", "counter"])
def test_the_committed_lock_files_are_up_to_date(crate: str) -> None:
    # Else every build would ask the network what to take.
    folder = firmware.HARNESS.parent / crate
    command: list[str | Path] = [
        "cargo",
        "metadata",
        "--locked",
        "--format-version",
        "1",
        "--manifest-path",
        folder / "Cargo.toml",
    ]
    done = process.run(command, timeout=120)
    assert done.status == 0, done.stderr


@pytest.mark.parametrize(
    "says, words",
    [
        ("error: linker `cc` not found\n  = note: No such file", "no linker"),
        ("error: failed to get `libm` as a dependency", "cannot get a crate"),
    ],
)
def test_what_cargo_lacks_is_a_matter_of_setup(
    says: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process, "run", lambda *_, **__: process.Completed(101, "", says))
    with pytest.raises(SetupError, match=words):
        builder.build(toolchain.Toolchain(None, ""), tmp_path, tmp_path, [], {}, "it")
