"""What a board is: frozen `Board`, `Core`, `Memory`, `Emulation`, `Power`, `Project`."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Literal

from ariel_build.records import dataclass

__all__ = ["Board", "Core", "Emulation", "FloatUnit", "Memory", "MemoryKind", "Power", "Project", "Vectors"]

FloatUnit = Literal["single", "double"]
Vectors = Literal["int", "float"]
MemoryKind = Literal["flash", "ram"]


@dataclass(frozen=True)
class Core:
    """One core: its instruction set, which units it has besides, and its clock.

    `image` names the program that it runs, where cores run programs of their own; `target` is that program's, where it
    is not the board's.
    """

    name: str
    isa: str
    fpu: FloatUnit | None = None
    dsp: bool = False
    clock_hz: int | None = None
    #: Clock cycles of a mean instruction of our kernels, where that is known.
    cycles_per_instruction: float | None = None
    #: Helium (MVE): vectors of integers, or of floats as well.
    mve: Vectors | None = None
    image: str = ""
    target: str = ""


@dataclass(frozen=True)
class Memory:
    """A memory. The first of its kind is where firmware puts code (flash), or data and stack (ram).

    `interleaved` banks serve as many cores at once, neighbouring words in different banks. `cores` are those that reach
    it without meeting the others: a tightly coupled memory, a core's own bank; none are named where all are alike.
    `bytes_per_cycle` is what all cores together can read of it, one address after the other, in a clock cycle of the
    first core; None where it keeps up with them. `wait_states` are the clock cycles of the first core that a read of up
    to a word takes longer than one of RAM; `weights` is where weights lie, in place of the first flash; with `dma`
    something can copy from there to RAM while cores compute. `hot` are bytes of a RAM that models may have for weights,
    which firmware loads there before the first inference: those in the section `section`. `scratch` are bytes that
    models may have for the scratch of kernels on these cores: sections `section`.scratch. `image` names the only
    program that uses it; `shared` is where programs of several cores meet.
    """

    name: str
    kind: MemoryKind
    origin: int
    length: int
    interleaved: int = 1
    cores: tuple[int, ...] = ()
    bytes_per_cycle: float | None = None
    image: str = ""
    shared: bool = False
    wait_states: int = 0
    weights: bool = False
    dma: bool = False
    hot: int = 0
    section: str = ""
    scratch: int = 0


@dataclass(frozen=True)
class Power:
    """What the chip takes at `volts`: for each MHz of a core that computes, and while its cores sleep."""

    volts: float
    active_ua_per_mhz: float
    sleep_ua: float = 0.0


@dataclass(frozen=True)
class Project:
    """What `new` makes for the board: the template `start`, and the names by which others know the chip.

    `chip` is the feature of the HAL's crates, `probe` what probe-rs calls it, `dispatcher` an interrupt that RTIC may
    have for its tasks, `laze` the board of Ariel OS; each empty where there is none.
    """

    start: str
    chip: str = ""
    probe: str = ""
    dispatcher: str = ""
    laze: str = ""


@dataclass(frozen=True)
class Emulation:
    """How `run` executes firmware: an emulator with its machine, and what can be counted on it.

    With `smp` the emulator is told how many cores to have, and all run from reset on; without, those behind the first
    are off until it starts them. `doorbells` has for each core the addresses at which a store wakes it. Where several
    cores are counted, one may be `quantum` instructions ahead of the others. `timing` names the core whose documented
    timings estimate the clock cycles of one core; tools set it to "blocks" to have executed code told. `dma` is the
    address of the emulator's DMA that fetches weights: that of `harness/rtl`, or a PL080 on Arm; 0 where it has none,
    and the core stands in for one.
    """

    emulator: str
    machine: str = ""
    cpu: str = ""
    arguments: tuple[str, ...] = ()
    counts_instructions: bool = False
    smp: bool = False
    doorbells: tuple[tuple[int, ...], ...] = ()
    quantum: int = 0
    timing: str = ""
    dma: int | None = None


@dataclass(frozen=True)
class Board:
    """What code is generated for, and where it can run. `target` is a Rust target triple, `host` or `any`."""

    name: str
    target: str
    cores: tuple[Core, ...]
    memories: tuple[Memory, ...] = ()
    rustflags: tuple[str, ...] = ()
    run: Emulation | None = None
    description: str = ""
    #: Dependencies of firmware that name this chip or its family: `crate` or `crate/feature`, where `*` is any text;
    #: what begins with `!` does not count.
    chips: tuple[str, ...] = ()
    target_prefix: str | None = None
    #: Seconds that a tile may hold a core, where the model's options do not say.
    max_tile: float | None = None
    power: Power | None = None
    project: Project | None = None
    #: The program that code is for, where cores run programs of their own.
    image: str = ""

    @property
    def images(self) -> tuple[str, ...]:
        """The programs that its cores run, that of the first core first; none where they run the same."""
        return tuple(dict.fromkeys(core.image for core in self.cores if core.image))

    @property
    def worker(self) -> int:
        """The first core that runs the program that code is for."""
        return next((index for index, core in enumerate(self.cores) if core.image == self.image), 0)

    @property
    def image_target(self) -> str:
        """The target of the program that code is for."""
        return self.cores[self.worker].target or self.target

    def of(self, image: str) -> Board:
        """Returns the board for one of its programs: all its cores take part."""
        return replace(self, image=image)

    def alone(self) -> Board:
        """Returns the board as its first program has it to itself: without the cores and memories of the others."""
        if not self.images:
            return self
        first = self.images[0]
        cores = tuple(core for core in self.cores if core.image == first)
        run = replace(self.run, doorbells=self.run.doorbells[: len(cores)]) if self.run else None
        return replace(self, cores=cores, memories=self.seen(first), run=run)

    def seen(self, image: str) -> tuple[Memory, ...]:
        """Returns the memories that one of its programs may use."""
        return tuple(memory for memory in self.memories if memory.image in ("", image))

    @property
    def is_host(self) -> bool:
        """True where firmware is an ordinary program of this computer."""
        return self.target == "host"

    @property
    def is_generic(self) -> bool:
        """True for the boards that stand for a whole family of targets."""
        return self.target_prefix is not None

    @property
    def weights_per_cycle(self) -> float | None:
        """Bytes of weights that the memory with them gives in a cycle of the first core, where it may not keep up."""
        return self.with_weights.bytes_per_cycle if self.with_weights else None

    @property
    def with_weights(self) -> Memory | None:
        """The memory that weights lie in: the one that says so, or the first flash."""
        flash = self.banks("flash")
        return next((memory for memory in flash if memory.weights), flash[0] if flash else None)

    def for_hot(self, workers: int) -> Memory | None:
        """Returns the RAM for weights that are worth it, where all of the first `workers` cores reach it."""
        all_ = (memory for memory in self.banks("ram") if memory.hot)
        return next((m for m in all_ if not m.cores or set(range(workers)) <= set(m.cores)), None)

    def for_scratch(self, workers: int) -> tuple[Memory | None, ...]:
        """Returns for each of the first `workers` cores the RAM that its scratch may be in, if there is one."""
        all_ = [memory for memory in self.banks("ram") if memory.scratch]
        return tuple(next((m for m in all_ if not m.cores or core in m.cores), None) for core in range(workers))

    def scratch_room(self, workers: int) -> int:
        """Returns the bytes of scratch that each of these cores may have there, equal parts of a memory of several."""
        users = Counter(memory for memory in self.for_scratch(workers) if memory is not None)
        return min((memory.scratch // count // 16 * 16 for memory, count in users.items()), default=0)

    def banks(self, kind: MemoryKind) -> tuple[Memory, ...]:
        """Returns the memories of one kind, in the order of the board file."""
        return tuple(memory for memory in self.memories if memory.kind == kind)

    def total(self, kind: MemoryKind) -> int | None:
        """Returns the bytes of all memories of one kind, or None where the board makes no claim."""
        banks = self.banks(kind)
        return sum(memory.length for memory in banks) if banks else None
