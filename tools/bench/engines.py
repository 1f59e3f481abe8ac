"""Firmware around another engine: the harness of `ariel-build run`, its markers, its profile, with their code inside.

What differs between engines is a Rust type `Model` that implements our trait `Infer`, written by `microflow.py` and
`emx.py`; input and output are bytes in the engine's own layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ariel_build.boards.board import Board
from ariel_build.errors import ArielError, InternalError, SetupError
from ariel_build.ir import Array
from ariel_build.run import elf, firmware, toolchain
from ariel_build.run.emulate import emulate
from ariel_build.run.firmware import HARNESS, Subject
from ariel_build.run.stats import Facts, collect
from tools.bench.ours import cost_of
from tools.bench.store import Cost

__all__ = ["Peer", "Unusable", "compare", "firmware_key", "measure", "peer_module"]


#: Formats round differently, and differences add up from layer to layer: so far an answer counts as right.
QUANTA = 4
#: A difference of more than an eighth of int8's range is no rounding.
WRONG = 32


class Unusable(Exception):
    """The engine does not take this model, or is not installed: says why."""


@dataclass(frozen=True)
class Peer:
    """Another engine's code for one model, ready to be built."""

    module: str
    dependencies: str = ""
    links: tuple[str, ...] = ()


def firmware_key(board: Board) -> list[str]:
    """Returns what a peer's figures follow from beside its own code: what is counted, the board, the Rust compiler.

    The runtime crate is not among it, since the harness takes a trait and no code from there; nor is what of the
    harness lies outside the markers.
    """
    assert board.run is not None
    places = [(memory.origin, memory.length) for memory in board.memories]
    machine = (board.target, board.rustflags, places, board.run.machine, board.run.cpu)
    profile = (HARNESS / "Cargo.toml").read_text().partition("[profile.release]")[2]
    call = (HARNESS / "src" / "serve.rs").read_text().partition("fn infer<")[2].partition("\n}\n")[0]
    return [repr(machine), profile, call, (HARNESS / "link.x").read_text(), toolchain.find(board.target).version]


def measure(peer: Peer, board: Board, samples: Sequence[bytes], folder: Path) -> tuple[Cost, list[bytes]]:
    """Builds and runs a peer; returns what it costs, without a verdict, and its outputs. Raises Unusable."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ariel_models.rs").write_text(peer.module, encoding="utf-8")
    subject = Subject(folder, "peer", dependencies=peer.dependencies, links=peer.links, features=("deep-stack",))
    try:
        image = firmware.build(board, subject)
        emulated = emulate(board, image, samples, count=True, timeout=900)
    except SetupError:
        raise
    except (ArielError, InternalError) as error:
        raise Unusable(_reason(str(error))) from None
    sizes, baseline = (elf.sizes(path.read_bytes()) for path in (image, firmware.build(board, None)))
    # The contract's figures with the peer's own bounds unknown.
    stats = collect(board, emulated, Facts(0, 0, 0), sizes, baseline, cores=1)
    return cost_of({**stats, "arena_bytes": None, "macs": None}, "", None), emulated.outputs


def compare(outputs: Sequence[bytes], expected: Array, scale: float, zero_point: int, dtype: npt.DTypeLike) -> str:
    """Returns how a peer's answers differ from the recorded int8 ones, if by more than `QUANTA`."""
    given = np.stack([np.frombuffer(output, dtype) for output in outputs]).astype(np.float64)
    if given.dtype != np.int8 and np.dtype(dtype).kind == "f":
        given = np.rint(given / scale) + zero_point
    distance = np.abs(given - expected.reshape(given.shape).astype(np.float64))
    worst = float(np.nan_to_num(distance, nan=np.inf).max())
    if worst <= QUANTA:
        return ""
    return f"{'wrong: ' if worst > WRONG else ''}off by up to {worst:g} quanta"


def _reason(message: str) -> str:
    """Returns the line of a failure that tells why."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith(("error: ", "rust-lld: error: "))]
    return (errors or lines)[0]


def peer_module(input_bytes: int, output_bytes: int, items: str, call: str) -> str:
    """Returns the Rust module of a peer: `call` computes, between `input: *const u8` and `output: *mut u8`."""
    return _MODULE.format(input_bytes=input_bytes, output_bytes=output_bytes, items=items, call=call)


_MODULE = """\
#[allow(missing_docs, missing_debug_implementations, dead_code, clippy::all, clippy::pedantic)]
pub mod peer {{
    use ariel_ml_rs::{{Error, Infer, Tensor}};

    {items}

    #[repr(C, align(16))]
    pub struct Bytes<const N: usize>([u8; N]);

    // SAFETY: an array of bytes, aligned to 16.
    unsafe impl<const N: usize> Tensor for Bytes<N> {{
        const PARTS: usize = 1;
        fn part(&self, index: usize) -> &[u8] {{ if index == 0 {{ &self.0 }} else {{ &[] }} }}
        fn part_mut(&mut self, index: usize) -> &mut [u8] {{ if index == 0 {{ &mut self.0 }} else {{ &mut [] }} }}
    }}

    /// The engine keeps its memory itself: what is here is the answer.
    pub struct Model {{ output: Bytes<{output_bytes}> }}

    impl Model {{
        pub const fn new() -> Self {{ Self {{ output: Bytes([0; {output_bytes}]) }} }}
    }}

    impl Infer for Model {{
        type Input = Bytes<{input_bytes}>;
        type Output = Bytes<{output_bytes}>;
        fn input_mut(&mut self) -> &mut Self::Input {{ unreachable!() }}
        fn run(&mut self) -> Result<&Self::Output, Error> {{ unreachable!() }}
        fn infer(&mut self, given: &Self::Input) -> Result<&Self::Output, Error> {{
            let (input, output): (*const u8, *mut u8) = (given.0.as_ptr(), self.output.0.as_mut_ptr());
            {call}
            Ok(&self.output)
        }}
        async fn run_async(&mut self) -> Result<&Self::Output, Error> {{ self.run() }}
        async fn infer_async(&mut self, given: &Self::Input) -> Result<&Self::Output, Error> {{ self.infer(given) }}
        fn reset(&mut self) {{}}
    }}
}}
"""
