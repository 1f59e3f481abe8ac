"""What can be said before linking: whether the memories that firmware links for hold its models and their sections.

The linker tells an overflow by a region and a number of bytes, not by a model; a section that no script places it puts
where it likes. Both are seen in `memory.x` and in the scripts beside it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ariel_build.config.option_values import closest
from ariel_build.errors import Diagnostic
from ariel_build.link.linker_script import Region, Script, read
from ariel_build.records import dataclass

__all__ = ["Layout", "Need", "find", "refusals", "warnings"]

#: The script in which the runtimes of Cortex-M and RISC-V have users describe memories.
MEMORY = "memory.x"
#: Sections that the scripts of these runtimes place.
_USUAL = re.compile(r"\.(rodata|text|data)(\..*)?")
#: No linker script that a person writes is larger.
_MOST_BYTES = 1 << 18
#: Names of regions that no static with a model's arena goes to.
_FLASH_LIKE = re.compile("flash|spi|xip|rom|boot", re.IGNORECASE)
_FLASH_NAMES = ("FLASH", "REGION_RODATA", "REGION_TEXT")
_RAM_NAMES = ("RAM", "REGION_BSS", "REGION_DATA")


@dataclass(frozen=True)
class Layout:
    """The linker scripts of a package that are known, by their paths; `memory` is the path of its `memory.x`."""

    scripts: dict[Path, Script]
    memory: Path | None = None

    @property
    def regions(self) -> Script:
        """The script with the regions; an empty one where there is none."""
        return Script() if self.memory is None else self.scripts[self.memory]

    def place_of(self, section: str) -> str | None:
        """Returns the region of an input section (empty if not said), None where no script places it."""
        found = (script.places(section) for script in self.scripts.values())
        return next((region for region in found if region is not None), None)

    def uses(self, region: Region) -> bool:
        """Whether a script of the user's places a section in the region."""
        scripts = self.scripts.values()
        return any(self.regions.region(name) == region for script in scripts for _, name in script.placed if name)


@dataclass(frozen=True)
class Need:
    """What a model needs when it is linked, in bytes; `flash_most` and `stack_most` are bounds.

    `section` is the one of its weights where the user has set it, `origin` where that stands; `arena` is the
    name of the arena that it shares with other models. `hot` is the section of weights in fast memory, if any, `fast`
    those of scratch there.
    """

    model: str
    ram: int
    weights: int
    flash_most: int
    stack_most: int
    section: str | None = None
    origin: str = ""
    arena: str | None = None
    hot: str = ""
    fast: tuple[str, ...] = ()


def find(package: Path, root: Path | None, out_dir: Path) -> Layout:
    """Returns the scripts in the package, in the root of its workspace and in OUT_DIR: where cargo has linkers look.

    Of several with one name the first counts. Those that build.rs or cargo's configuration name with `-T` are there,
    too, where they are files.
    """
    folders = [package, *([root] if root is not None and root.absolute() != package.absolute() else []), out_dir]
    scripts: dict[Path, Script] = {}
    names: set[str] = set()
    for path in [path for folder in folders for path in _scripts_in(folder)] + list(_named(folders)):
        if path.name not in names:
            with contextlib.suppress(OSError):
                if path.stat().st_size <= _MOST_BYTES:
                    scripts[path] = read(path.read_text(encoding="utf-8", errors="replace"))
                    names.add(path.name)
    return Layout(scripts, next((path for path in scripts if path.name == MEMORY), None))


def _scripts_in(folder: Path) -> Iterator[Path]:
    for suffix in ("x", "ld", "lds"):
        yield from sorted(path for path in folder.glob(f"*.{suffix}") if path.is_file())


def _named(folders: Sequence[Path]) -> Iterator[Path]:
    """Yields the scripts that linker arguments name."""
    for folder in folders[:-1]:
        for file in ("build.rs", ".cargo/config.toml", ".cargo/config"):
            with contextlib.suppress(OSError, UnicodeDecodeError):
                text = (folder / file).read_text(encoding="utf-8")
                for name in re.findall(r"-T\s*([\w./-]+\.\w+)", text):
                    yield from (base / name for base in folders if (base / name).is_file())


def refusals(need: Need, layout: Layout) -> list[Diagnostic]:
    """Returns why a model cannot be linked, whatever else the firmware holds."""
    found = []
    ram, flash = (
        _small(layout.regions.region(*_RAM_NAMES), need.ram),
        _small(_weights_region(need, layout), need.weights),
    )
    if ram is not None and _elsewhere(need.ram, layout) is None:
        advice = 'a chip with more RAM, `optimize = "ram"`, or a model with smaller activations'
        found.append(_misfit(need.model, f"it takes {need.ram:,} bytes of RAM", ram, layout, advice))
    if flash is not None:
        advice = (
            'a chip with more flash, a model with fewer weights, or `weights = { section = ".." }` in a larger memory'
        )
        found.append(_misfit(need.model, f"its weights take {need.weights:,} bytes", flash, layout, advice))
    return found


def warnings(needs: Sequence[Need], layout: Layout) -> list[Diagnostic]:
    """Returns what may go wrong when these models are linked: sections that no script places, regions that overflow."""
    found = [_unplaced(need, layout) for need in needs] + [_cold(need, layout) for need in needs]
    found += [_slow(need.model, section, layout) for need in needs for section in need.fast]
    found += [_misplaced(need, layout) for need in needs]
    fitting = [need for need in needs if not refusals(need, layout)]
    found += [_tight(fitting, layout, kind) for kind in ("RAM", "flash")]
    return [problem for problem in found if problem is not None]


def _unplaced(need: Need, layout: Layout) -> Diagnostic | None:
    """Returns the hint for weights in a section that no script is known to place."""
    section = need.section
    if section is None or not need.weights or _USUAL.fullmatch(section) or layout.place_of(section) is not None:
        return None
    regions = [name for name in layout.regions.regions if name not in ("RAM", "FLASH")]
    region = closest(section.strip("."), regions) if regions else section.strip(".").upper().replace(".", "_")
    memory = "" if regions else f"MEMORY {{ {region} : ORIGIN = .., LENGTH = .. }} "
    output = f"{section} : ALIGN(16) {{ *({section} {section}.*); }} > {region}"
    return Diagnostic(
        f"no linker script that is known places the section `{section}`, which has the weights of `{need.model}`: "
        "the linker puts them where it likes",
        need.origin,
        f"add to {layout.memory or MEMORY}: {memory}SECTIONS {{ {output} }} INSERT AFTER .rodata;",
    )


def _cold(need: Need, layout: Layout) -> Diagnostic | None:
    """Returns the hint for weights that are to be in fast memory, where no script is known to place them."""
    section = need.hot
    if not section or _USUAL.fullmatch(section) or layout.place_of(section) is not None:
        return None
    return Diagnostic(
        f"no linker script that is known places the section `{section}`, which has weights of `{need.model}` for fast "
        "memory: they stay in flash",
        help=f"add to {layout.memory or MEMORY} what docs/slow-memory.md has for hot weights",
    )


def _slow(model: str, section: str, layout: Layout) -> Diagnostic | None:
    """Returns the hint for scratch that is to be in fast memory, where no script is known to place it."""
    if section.startswith(".bss.") or _USUAL.fullmatch(section) or layout.place_of(section) is not None:
        return None
    return Diagnostic(
        f"no linker script that is known places the section `{section}`, which has scratch of `{model}` for fast "
        "memory: it stays with other data",
        help=f"add to {layout.memory or MEMORY} what docs/memory.md has for scratch in fast memory",
    )


def _misplaced(need: Need, layout: Layout) -> Diagnostic | None:
    """Returns the hint for an arena that only another memory than the usual one can hold, where no script uses that."""
    ram, roomy = _small(layout.regions.region(*_RAM_NAMES), need.ram), _elsewhere(need.ram, layout)
    if ram is None or roomy is None or layout.uses(roomy):
        return None
    advice = f'{roomy.name} is large enough: place a section there, and name it with #[unsafe(link_section = "..")]'
    return _misfit(need.model, f"it takes {need.ram:,} bytes of RAM", ram, layout, f"{advice} on the model's static")


def _tight(needs: Sequence[Need], layout: Layout, kind: str) -> Diagnostic | None:
    """Returns the hint for a region that bounds of what all models take exceed: the linker may find that all fits."""
    region = layout.regions.region(*(_RAM_NAMES if kind == "RAM" else _FLASH_NAMES))
    if region is None or not needs:
        return None
    if kind == "RAM":
        # One arena for models that share it, and one stack for all that is called.
        arenas: dict[str, int] = {}
        for need in needs:
            if _small(region, need.ram) is None:
                key = need.model if need.arena is None else f"arena {need.arena}"
                arenas[key] = max(arenas.get(key, 0), need.ram)
        most = sum(arenas.values()) + max(need.stack_most for need in needs)
    else:
        most = sum(_flash_in(region, need, layout) for need in needs)
    if _small(region, most) is None:
        return None
    who = " and ".join(f"`{need.model}`" for need in needs)
    what = "bytes of RAM, stack included" if kind == "RAM" else "bytes of flash"
    advice = "the linker decides: this is a bound, and code that is not reached is left out"
    return Diagnostic(
        f"{who} may not fit: up to {most:,} {what}, {_named_region(region)}", _place(region, layout), advice
    )


def _flash_in(region: Region, need: Need, layout: Layout) -> int:
    """Returns the bytes of code and weights that a model has in a region of flash at most."""
    own = _weights_region(need, layout)
    return need.flash_most - (0 if own is not None and own.name == region.name else need.weights)


def _small(region: Region | None, need: int) -> Region | None:
    """Returns the region if it is known to be too small."""
    return region if region is not None and region.length is not None and need > region.length else None


def _weights_region(need: Need, layout: Layout) -> Region | None:
    """Returns the region of a model's weights, or None where that is not known."""
    if need.section is None or (_USUAL.fullmatch(need.section) and layout.place_of(need.section) is None):
        return layout.regions.region(*_FLASH_NAMES)
    place = layout.place_of(need.section)
    return layout.regions.region(place) if place else None


def _elsewhere(ram_bytes: int, layout: Layout) -> Region | None:
    """Returns a region besides flash and the usual RAM that is large enough, which a static may be put into by hand."""
    usual = {region.name for names in (_RAM_NAMES, _FLASH_NAMES) if (region := layout.regions.region(*names))}
    return next(
        (
            region
            for region in layout.regions.regions.values()
            if region.name not in usual and region.length is not None and region.length >= ram_bytes
            if "ram" in region.name.lower() or not _FLASH_LIKE.search(region.name)
        ),
        None,
    )


def _misfit(model: str, takes: str, region: Region, layout: Layout, advice: str) -> Diagnostic:
    return Diagnostic(f"`{model}` does not fit: {takes}, {_named_region(region)}", _place(region, layout), advice)


def _named_region(region: Region) -> str:
    return f"the region {region.name} has {region.length:,}"


def _place(region: Region, layout: Layout) -> str:
    return f"{layout.memory}:{region.line}"
