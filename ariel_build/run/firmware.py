"""Generated module -> firmware: the harness crate with the model inside, linked for a board's memories.

A finished ELF file is kept under the digest of all that went into it, so that the same model is built once. Builds run
in a slot of the cache with a target folder that stays, so that the runtime crate is compiled once for all boards that
rustc compiles alike, however many cores they have.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ariel_build.boards import Board, Memory, fit
from ariel_build.errors import InternalError
from ariel_build.machine import resources
from ariel_build.machine.files import write_if_changed
from ariel_build.records import dataclass
from ariel_build.run import builder, cache, toolchain

__all__ = ["Subject", "build"]

HARNESS = resources.path("harness/firmware")
_CRATE = "ariel-harness"


@dataclass(frozen=True)
class Subject:
    """The generated files of one model: `ariel_models.rs` in `folder` has the module `module`, which has a `Model`.

    `worker` is the Rust path of what the cores behind the first run, a `fn(u32) -> !` for the core's number.
    Whoever measures another engine in this firmware adds what that needs: `dependencies` of its crate (lines of
    Cargo.toml), arguments of the linker (`links`), and `features`. `streamed` tells that the input comes row by row.
    """

    folder: Path
    module: str
    worker: str = "crate::pool::worker"
    dependencies: str = ""
    links: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    streamed: bool = False

    def files(self, cores: int, *, images: bool = False) -> dict[str, bytes]:
        """Returns the generated files by name, and `subject.rs`, which exports what the harness takes of them."""
        generated = {
            path.name: path.read_bytes()
            for path in sorted(self.folder.iterdir())
            if path.suffix in (".rs", ".weights") and path.is_file()
        }
        exported = 'include!("ariel_models.rs");\n'
        if self.streamed:
            exported += f"crate::streamed::streamed!({self.module});\n"
        else:
            exported += f"pub use self::{self.module}::Model;\n"
        if images:
            exported += f"crate::pool::serve_with_images!({self.module});\n"
        elif cores > 1 or "multicore" in self.features:
            exported += f"pub use {self.worker};\n"
            # A stand-in with workers of its own shares its work itself.
            own = self.worker != type(self).worker
            exported += "pub use crate::serve::serve;\n" if own else "crate::pool::serve_with_pool!();\n"
        return {**generated, "subject.rs": exported.encode()}


def build(
    board: Board,
    subject: Subject | None,
    *,
    cores: int = 1,
    opt_level: str = "3",
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """Returns the firmware that runs `subject` on `board`, or with None the same firmware without the call.

    Of a board whose cores run programs of their own, it is the one that the board is for.
    """
    chosen = toolchain.find(board.image_target)
    files = {} if subject is None else subject.files(cores, images=bool(board.image))

    def key() -> str:
        links = [] if subject is None else subject.links
        return cache.digest([_sources(), setting, opt_level, *links, *_flat(files)])

    # Other dependencies and features build the runtime crate anew: a folder of their own.
    needs = [] if subject is None else [*filter(None, [subject.dependencies, *subject.features])]
    setting = cache.digest([_setting(board, cores, chosen), *needs])
    kept = cache.folder("firmware", f"{board.name}-{setting[:8]}")
    before = key()
    elf = kept / f"{before}.elf"
    if elf.exists():
        # The oldest are deleted first: this one is in use.
        os.utime(elf)
        return elf
    what = f"the model {subject.module}" if subject else "the firmware without a model"
    say(f"building {what} for {board.name}")
    compiling = cache.digest([repr((board.rustflags, chosen.version)), *needs])
    with cache.slot(cache.folder("firmware", f"{board.image_target}-{compiling[:8]}")) as slot:
        _lay_out(slot, board, files, subject.dependencies if subject else "")
        built = _cargo(slot, board, cores, chosen, opt_level, subject)
        # Sources that somebody edited meanwhile have no place under the old digest.
        if key() != before:
            elf = kept / f"{key()}.elf"
        cache.publish(built, elf)
    cache.trim(kept, "*.elf")
    return elf


def _sources() -> str:
    """Returns the digest of everything that is compiled beside the model."""
    places = [HARNESS, *(resources.path(name) for name in ("ariel-ml-rs", "ariel-ml-macros", "Cargo.toml"))]
    return cache.digest(map(cache.digest_of_files, places))


def _setting(board: Board, cores: int, chosen: toolchain.Toolchain) -> str:
    """Returns what of a board and a toolchain makes a difference to firmware."""
    dma = board.run and board.run.dma
    return repr((board.image_target, board.image, board.rustflags, board.memories, dma, cores, chosen.version))


def _flat(files: dict[str, bytes]) -> list[str | bytes]:
    return [part for name, data in files.items() for part in (name, data)]


def _lay_out(slot: Path, board: Board, files: dict[str, bytes], dependencies: str) -> None:
    """Writes the crate, the memories and the model into the slot."""
    crate = slot / "crate"
    runtime = resources.path("ariel-ml-rs").as_posix()
    for path in sorted(HARNESS.rglob("*")):
        place = path.relative_to(HARNESS)
        if path.is_file() and "target" not in place.parts:
            data = path.read_bytes()
            if place.name == "Cargo.toml":
                data = data.replace(b'"../../ariel-ml-rs"', f'"{runtime}"'.encode())
                data = data.replace(b"[dependencies]\n", f"[dependencies]\n{dependencies}".encode())
            elif place.name == "Cargo.lock" and dependencies:
                continue
            write_if_changed(crate / place, data)
    _refresh_runtime(slot)
    if not board.is_host:
        write_if_changed(slot / "memory" / "memory.x", _memory_x(board).encode())
    for name, data in files.items():
        write_if_changed(slot / "subject" / name, data)
    for old in (slot / "subject").glob("*"):
        if files and old.name not in files:
            old.unlink()


def _refresh_runtime(slot: Path) -> None:
    """Has cargo compile the runtime crate anew if its bytes changed: installers may leave old times on new files."""
    stamp = slot / "sources"
    current = _sources()
    if not stamp.exists() or stamp.read_text() != current:
        for fingerprint in (slot / "target").glob("**/.fingerprint/ariel-*/*"):
            fingerprint.unlink(missing_ok=True)
        stamp.write_text(current)


def _memory_x(board: Board) -> str:
    """Returns the MEMORY command of the linker script: the first flash and RAM of the board, or of its program.

    Where weights have a memory of their own, they are placed there. What programs share is named behind it.
    """
    lines = ["MEMORY", "{"]
    seen = board.seen(board.image) if board.image else board.memories
    for region in ("FLASH", "RAM"):
        banks = [m for m in seen if m.kind == region.lower() and not m.shared and not m.weights]
        if not banks:
            raise InternalError(f"{board.name} has no {region.lower()} to link firmware for")
        lines.append(f"    {region} : ORIGIN = {banks[0].origin:#x}, LENGTH = {_left(banks[0]):#x}")
    weights = board.with_weights
    if apart := weights is not None and weights.weights:
        lines.append(f"    WEIGHTS : ORIGIN = {weights.origin:#x}, LENGTH = {weights.length:#x}")
    hot = board.for_hot(1)
    if hot is not None:
        # The end of the memory, so that what else is there begins where it did.
        lines.append(f"    HOT : ORIGIN = {hot.origin + hot.length - hot.hot:#x}, LENGTH = {hot.hot:#x}")
    fast = list(dict.fromkeys(filter(None, board.for_scratch(len(board.cores)))))
    for index, memory in enumerate(fast):
        lines.append(f"    FAST{index} : ORIGIN = {memory.origin + _left(memory):#x}, LENGTH = {memory.scratch:#x}")
    lines.append("}")
    for index, memory in enumerate(fast):
        rooms = f"*({memory.section}.scratch.ariel.*) . = ALIGN(4);"
        lines.append(
            f"SECTIONS {{ .fast{index} (NOLOAD) : ALIGN(16) {{ {rooms} }} > FAST{index} }} INSERT AFTER .rodata;"
        )
    if hot is not None:
        lines += [
            "SECTIONS {",
            "    .hot : ALIGN(16) {",
            f"        _ariel_hot = .; *({hot.section}.ariel.*) . = ALIGN(4); _ariel_hot_end = .;",
            "    } > HOT AT > FLASH",
            "    _ariel_hot_load = LOADADDR(.hot);",
            "} INSERT AFTER .rodata;",
        ]
    if apart:
        # In front of `.rodata` of link.x, which takes what is left.
        lines.append("SECTIONS { .weights : ALIGN(16) { *(.rodata.ariel.*) } > WEIGHTS }")
    for memory in seen:
        if memory.shared and board.image:
            end = memory.origin + memory.length
            lines += [f"_ariel_shared = {memory.origin:#x};", f"_ariel_shared_end = {end:#x};"]
    return "\n".join([*lines, ""])


def _left(memory: Memory) -> int:
    """Returns the bytes of a memory in front of those that are for scratch and hot weights."""
    return memory.length - memory.hot - memory.scratch


def _cargo(
    slot: Path, board: Board, cores: int, chosen: toolchain.Toolchain, opt_level: str, subject: Subject | None
) -> Path:
    """Compiles and links; returns the ELF file."""
    target = slot / "target"
    # Paths in panics are cut short, so that the size of firmware does not depend on where things lie.
    places = (slot, resources.path("ariel-ml-rs").parent)
    flags = [*board.rustflags, *(f"--remap-path-prefix={place}=." for place in places)]
    if subject:
        flags += [f"-Clink-arg={link}" for link in subject.links]
    env = {
        "ARIEL_CORES": str(cores),
        "ARIEL_MEMORY": str(slot / "memory"),
        "ARIEL_SUBJECT": str(slot / "subject"),
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags),
        "CARGO_PROFILE_RELEASE_OPT_LEVEL": opt_level,
    }
    features = {"baseline": subject is None, "multicore": cores > 1, "threads": cores > 1 and board.is_host}
    if board.run is not None and board.run.dma is not None:
        features["dma"] = True
        env["ARIEL_DMA"] = str(board.run.dma)
    if board.for_hot(1) is not None:
        features["hot"] = True
    if board.image:
        features |= {"images": True, "helper": board.worker > 0}
        # The vectors of the program behind the first, which stand at the beginning of its flash.
        env["ARIEL_HELPER"] = str(next(bank.origin for bank in board.banks("flash") if bank.image == board.images[1]))
    named = [*(name for name, wanted in features.items() if wanted), *(subject.features if subject else ())]
    options = ["--features", ",".join(named)]
    folder = target
    if board.is_host:
        # Nothing is counted there, and to optimise the standard library with each model is most of the time of a build.
        env["CARGO_PROFILE_RELEASE_LTO"] = "off"
    else:
        options += ["--target", board.image_target]
        folder /= board.image_target
    try:
        builder.build(chosen, slot / "crate", target, options, env, f"the firmware for {board.name}")
    except builder.Unbuilt as error:
        fit.refuse_overflow(board, str(error.context["stderr"]))
        raise InternalError(error.message) from None
    return folder / "release" / _CRATE
