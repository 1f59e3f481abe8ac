"""The QEMU plugin that counts instructions: built once per machine from `harness/counter`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ariel_build.boards.board import Emulation
from ariel_build.errors import SetupError
from ariel_build.machine import process, resources
from ariel_build.machine.files import write_if_changed
from ariel_build.run import builder, cache, toolchain

__all__ = ["arguments", "library"]

HARNESS = resources.path("harness/counter")


def library(emulator: Path, say: Callable[[str], None]) -> Path:
    """Returns the plugin for this emulator, built for this computer."""
    interface = _interface(emulator)
    host = toolchain.find("host")
    kept = cache.folder("counter")
    built = kept / f"{cache.digest([cache.digest_of_files(HARNESS), host.version, interface])}.so"
    if built.exists():
        return built
    say("building the instruction counter")
    with cache.slot(kept) as slot:
        crate = slot / "crate"
        for path in HARNESS.rglob("*"):
            name = path.relative_to(HARNESS)
            if path.is_file() and "target" not in name.parts:
                write_if_changed(crate / name, path.read_bytes())
        env = {"RUSTFLAGS": f"--cfg {interface}" if interface else ""}
        builder.build(host, crate, slot / "target", ["--offline"], env, "the instruction counter")
        cache.publish(slot / "target" / "release" / "libariel_counter.so", built)
    return built


def arguments(run: Emulation, cores: int, timeline: tuple[int, int] | None = None) -> list[str]:
    """Returns the plugin's arguments for firmware on so many cores; `timeline` is the place and size of its memory."""
    if cores == 1:
        return [f"timing={run.timing}"] if run.timing else []
    starters = cores if run.smp else 1
    bells = [f"bell={bell}:{core}" for core, addresses in enumerate(run.doorbells[:cores]) for bell in addresses]
    if timeline is not None:
        bells.append(f"timeline={timeline[0]}:{timeline[1]}")
    return [f"cores={cores}", f"starters={starters}", f"quantum={run.quantum}", *bells]


def _interface(emulator: Path) -> str:
    """Returns the cfg that chooses the plugin interface: QEMU up to 8 takes version 1, from 9 on version 2."""
    asked = process.run([emulator, "--version"], timeout=60)
    found = re.search(r"version (\d+)\.", asked.stdout)
    if asked.status or not found:
        raise SetupError(f"`{emulator.name}` does not run: {asked.last_lines(3)}", help="`nox -s setup` installs QEMU")
    return "plugin_api_2" if int(found[1]) >= 9 else ""
