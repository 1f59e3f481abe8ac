"""Linker scripts as users write them, and what they say of models before the linker does."""

from __future__ import annotations

from pathlib import Path

import pytest

from ariel_build.link import models as link
from ariel_build.link.linker_script import read
from ariel_build.link.models import Layout, Need
from tools.recorded import ROOT

KIB = 1024
MEMORY = """
MEMORY
{
  FLASH : ORIGIN = 0x08000000, LENGTH = 64K
  RAM   : ORIGIN = 0x20000000, LENGTH = 16K
}
"""
TWO = MEMORY.replace(
    "}", "  AXISRAM : ORIGIN = 0x24000000, LENGTH = 512K\n  QSPI : ORIGIN = 0x90000000, LENGTH = 8M\n}"
)


def layout(text: str, **others: str) -> Layout:
    scripts = {Path(f"{name}.x"): read(other) for name, other in {"memory": text, **others}.items()}
    return Layout(scripts, Path("memory.x"))


def need(ram: int = 4 * KIB, weights: int = 8 * KIB, section: str | None = None, name: str = "kws") -> Need:
    return Need(name, ram, weights, weights + 8 * KIB, 512, section, "Cargo.toml:7")


def lines(memory: str) -> dict[str, int | None]:
    return {name: region.length for name, region in read(f"MEMORY {{ {memory} }}").regions.items()}


@pytest.mark.parametrize(
    "text, length",
    [
        ("64K", 65536),
        ("2M", 2 << 20),
        ("0x1000", 4096),
        ("0x1000K", 4 << 20),
        ("2048K - 0x100 - 4K", 2048 * 1024 - 256 - 4096),
        ("(1 + 2) * 4k", 12288),
        ("64K/2", 32768),
        ("LENGTH(BOOT) * 2", 512),
        ("ORIGIN(BOOT) - 0x0FFFFF00", 0x100),
        ("SIZE", 3 * 1024),
        ("SIZE + UNKNOWN", None),
        ("1 / 0", None),
        ("LOOP", None),
        ("(4K", None),
        ("DEFINED(x) ? 4K : 8K", None),
    ],
)
def test_lengths(text: str, length: int | None) -> None:
    boot = "BOOT : ORIGIN = 0x10000000, LENGTH = 256"
    script = f"SIZE = 3K;\nLOOP = LOOP + 1;\nMEMORY {{ {boot}\n RAM : ORIGIN = 0, LENGTH = {text}\n }}"
    region = read(script).region("RAM")
    assert region is not None
    assert region.length == length
    assert region.line == 4


def test_regions_in_all_their_forms() -> None:
    assert lines("FLASH (rx) : org = 0, len = 64K\nRAM(rwx):o=0,l=8K") == {"FLASH": 65536, "RAM": 8192}
    assert lines("/* RAM : ORIGIN = 0, LENGTH = 1K */ A : ORIGIN = 1, LENGTH = 2K, B : ORIGIN = 1, LENGTH = 3K") == {
        "A": 2048,
        "B": 3072,
    }
    assert lines("nonsense") == {}
    assert read("").regions == {}
    script = read('MEMORY { SRAM : ORIGIN = 0, LENGTH = 8K }\nREGION_ALIAS("REGION_BSS", SRAM);')
    found = script.region("RAM", "REGION_BSS")
    assert found is not None
    assert found.name == "SRAM"


def test_the_scripts_of_the_examples_are_understood() -> None:
    scripts = sorted((ROOT / "examples").glob("*/memory.x"))
    assert len(scripts) >= 5
    for path in scripts:
        found = read(path.read_text())
        for kind in ("RAM", "FLASH"):
            region = found.region(kind)
            assert region is not None, path
            assert region.length is not None, path
            assert region.length >= 128 * KIB, path


@pytest.mark.parametrize(
    "section, region",
    [(".qspi", "QSPI"), (".qspi.kws", "QSPI"), (".ext", "QSPI"), (".axi.a", "RAM"), (".other", None), (".qspix", None)],
)
def test_which_sections_go_where(section: str, region: str | None) -> None:
    script = """
    SECTIONS {
      .qspi : ALIGN(16) {
        *(.qspi .qspi.*);
        KEEP(*(.ext)); /* *(.other) */
        . = ALIGN(4);
      } > QSPI
      .axi (NOLOAD) : { *(.axi*) } > RAM AT > FLASH
    } INSERT AFTER .rodata;
    """
    assert read(script).places(section) == region


def test_what_fits_is_not_spoken_of() -> None:
    assert link.refusals(need(), layout(MEMORY)) == []
    assert link.warnings([need()], layout(MEMORY)) == []
    assert link.refusals(need(ram=1 << 30), Layout({})) == []
    assert link.warnings([need(ram=1 << 30)], Layout({})) == []


def test_what_cannot_fit_is_refused_with_its_name_bytes_and_region() -> None:
    (ram,) = link.refusals(need(ram=16 * KIB + 1), layout(MEMORY))
    assert ram.message == "`kws` does not fit: it takes 16,385 bytes of RAM, the region RAM has 16,384"
    assert ram.origin == "memory.x:5"
    assert 'optimize = "ram"' in ram.help
    (flash,) = link.refusals(need(weights=64 * KIB + 1), layout(MEMORY))
    assert flash.message == "`kws` does not fit: its weights take 65,537 bytes, the region FLASH has 65,536"
    assert flash.origin == "memory.x:4"
    assert link.refusals(need(ram=16 * KIB, weights=64 * KIB), layout(MEMORY)) == []


def test_bounds_and_sums_beyond_a_region_are_warnings() -> None:
    (ram,) = link.warnings([need(ram=16 * KIB)], layout(MEMORY))
    assert ram.message == "`kws` may not fit: up to 16,896 bytes of RAM, stack included, the region RAM has 16,384"
    (flash,) = link.warnings([need(weights=60 * KIB)], layout(MEMORY))
    assert flash.message == "`kws` may not fit: up to 69,632 bytes of flash, the region FLASH has 65,536"
    two = [need(ram=9 * KIB, name="a"), need(ram=9 * KIB, name="b")]
    (both,) = link.warnings(two, layout(MEMORY))
    assert both.message.startswith("`a` and `b` may not fit: up to 18,944 bytes of RAM")
    shared = [Need(n.model, n.ram, n.weights, n.flash_most, n.stack_most, arena="one") for n in two]
    assert link.warnings(shared, layout(MEMORY)) == []
    # What is refused is not told a second time.
    assert link.warnings([need(ram=1 << 20)], layout(MEMORY)) == []


def test_weights_elsewhere_are_held_against_that_region() -> None:
    placed = TWO + "SECTIONS { .qspi : { *(.qspi) } > QSPI }"
    large = need(weights=1 << 20, section=".qspi")
    assert link.refusals(large, layout(placed)) == []
    assert link.warnings([large], layout(placed)) == []
    (refusal,) = link.refusals(need(weights=9 << 20, section=".qspi"), layout(placed))
    assert "the region QSPI has 8,388,608" in refusal.message
    # Sections that the runtimes' scripts place are in flash.
    (refusal,) = link.refusals(need(weights=1 << 20, section=".rodata.kws"), layout(MEMORY))
    assert "the region FLASH" in refusal.message


def test_an_arena_that_only_another_memory_holds_is_a_hint() -> None:
    large = need(ram=256 * KIB)
    assert link.refusals(large, layout(TWO)) == []
    (hint,) = link.warnings([large], layout(TWO))
    assert hint.message == "`kws` does not fit: it takes 262,144 bytes of RAM, the region RAM has 16,384"
    assert "AXISRAM is large enough" in hint.help
    # Who has placed a section there knows.
    assert link.warnings([large], layout(TWO, more="SECTIONS { .axi : { *(.axi) } > AXISRAM }")) == []
    # External flash is no place for it.
    assert len(link.refusals(need(ram=1 << 20), layout(TWO))) == 1


def test_a_section_that_is_not_placed_names_the_region_that_it_may_mean() -> None:
    (hint,) = link.warnings([need(section=".qspi")], layout(TWO))
    assert hint.origin == "Cargo.toml:7"
    assert "> QSPI } INSERT AFTER .rodata;" in hint.help
    assert "MEMORY {" not in hint.help
    assert link.warnings([need(weights=0, section=".qspi")], layout(TWO)) == []
    assert link.warnings([need(section=".rodata.kws")], layout(TWO)) == []
    (without,) = link.warnings([need(section=".ospi.weights")], Layout({}))
    assert "add to memory.x: MEMORY { OSPI_WEIGHTS : " in without.help


def test_scripts_are_found_where_the_linker_looks(tmp_path: Path) -> None:
    package, root, out = tmp_path / "w" / "p", tmp_path / "w", tmp_path / "out"
    for folder in (package / "ld", root / ".cargo", out):
        folder.mkdir(parents=True)
    assert link.find(package, root, out) == Layout({})
    (out / "memory.x").write_text(MEMORY)
    assert link.find(package, root, out).memory == out / "memory.x"
    (root / "memory.x").write_text(MEMORY)
    assert link.find(package, None, out).memory == out / "memory.x"
    assert link.find(package, root, out).memory == root / "memory.x"
    (package / "memory.x").write_text(MEMORY)
    assert link.find(package, root, out).memory == package / "memory.x"
    (package / "ld" / "ext.ld").write_text("SECTIONS { .qspi : { *(.qspi) } > QSPI }")
    assert link.find(package, root, out).place_of(".qspi") is None
    (package / "build.rs").write_text('println!("cargo:rustc-link-arg-bins=-Tld/ext.ld");')
    assert link.find(package, root, out).place_of(".qspi") == "QSPI"
    (package / "build.rs").unlink()
    (root / ".cargo" / "config.toml").write_text('rustflags = ["-C", "link-arg=-Tp/ld/ext.ld"]')
    assert link.find(package, root, out).place_of(".qspi") == "QSPI"
