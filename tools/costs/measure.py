"""Instructions of each step of models on an emulated board: firmware with many models, a marker before every step."""

from __future__ import annotations

import copy
import json
import math
import struct
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Literal

import numpy as np

from ariel_build import boards
from ariel_build.boards.board import Board
from ariel_build.codegen import generate
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.errors import ArielError, BoardError, InternalError
from ariel_build.ir import DType, Graph
from ariel_build.isa.select import select
from ariel_build.kernels import KernelCall
from ariel_build.kernels.flow import worst
from ariel_build.lower.lowering import lower
from ariel_build.machine import process
from ariel_build.memory import SPEED, MemoryPlan, plan_calls
from ariel_build.run import emulate, firmware
from ariel_build.schedule.steps import Schedule, Tile

__all__ = ["Inference", "Measured", "Model", "Way", "measure", "sample"]

_SECONDS = 900.0
#: Models of one firmware, at most, and the bytes of flash and RAM that they may take together.
_MODELS, _BYTES = 24, 3_000_000


@dataclass(frozen=True)
class Measured:
    """A step: its kernel call, the tiles that it runs in, what that takes, and which part of the inference it is.

    `alone` tells that nothing else in the firmware calls the kernel, `is_made` that no file has the call.
    """

    call: KernelCall
    tiles: tuple[Tile, ...]
    instructions: float
    share: float
    alone: bool = False
    is_made: bool = False


@dataclass(frozen=True)
class Model:
    """A model as it is built: from a file, or from a graph as it stands, which no pass has seen."""

    name: str
    module: str
    module_text: str
    weights: bytes
    graph: Graph
    schedule: Schedule
    plan: MemoryPlan
    predicted: float | None = None
    is_made: bool = False
    #: The inputs, where they are recorded.
    given: bytes | None = None

    @classmethod
    def of_file(cls, path: Path, board: Board, way: Way, module: str) -> Model:
        """Returns the model of a file; raises ArielError."""
        chosen = boards.load("generic") if way is Way.PORTABLE else board
        optimize: Literal["size", "speed"] = "size" if way is Way.SMALL else "speed"
        made = compile_model(path, ModelOptions(path, cores=1, optimize=optimize), chosen, module)
        parts = made.module_text, made.weights, made.graph, made.schedule, made.plan
        name = path.parent.name if path.stem == "model" else path.stem
        told = made.predicted.instructions if chosen is board else None
        return cls(name, module, *parts, told, given=_recorded(path, made.graph))

    @classmethod
    def of_graph(cls, graph: Graph, board: Board, way: Way, module: str) -> Model:
        """Returns the model of a graph."""
        graph = copy.deepcopy(graph)
        lowered = lower(graph)
        selected = select(lowered.calls, None if way is Way.PORTABLE else board, small=way is Way.SMALL)
        schedule, plan = plan_calls(
            selected.calls, graph.inputs, graph.outputs, (), lowered.aliases, effort=SPEED, rolls=False
        )
        made = generate(module, graph, schedule, plan, f".rodata.ariel.{module}", board.target)
        return cls(graph.name, module, made.text, made.weights, graph, schedule, plan, is_made=True)

    @property
    def size(self) -> int:
        """Bytes that it takes of the smaller of both memories, about."""
        return max(self.plan.arena_bytes + 2 * sum(v.type.bytes for v in self.graph.inputs), len(self.weights))


@dataclass(frozen=True)
class Inference:
    """What an inference of a model takes: each step that runs, all of it from call to return, and before the steps.

    `alone` are the kernels that have one call in the firmware, which may have other models as well.
    """

    model: Model
    steps: tuple[Measured, ...]
    instructions: int
    before: int
    alone: Collection[str] = ()


class Way(Enum):
    """With which kernels a model is compiled."""

    FAST = "fast"
    SMALL = "small"
    PORTABLE = "portable"


def measure(
    subjects: Iterable[Path | Graph],
    board: Board,
    way: Way = Way.FAST,
    say: Callable[[str], None] = lambda _: None,
    *,
    most: int = _MODELS,
    having: Sequence[str] = (),
) -> list[Inference]:
    """Returns what models take, up to `most` of them in a firmware.

    What cannot be compiled or does not fit is told and left out, and what has no kernel of the rooms `having`, if any.
    """
    models: list[Model] = []
    for subject in subjects:
        make = Model.of_file if isinstance(subject, Path) else Model.of_graph
        try:
            model = make(subject, board, way, f"m{len(models)}")  # type: ignore[arg-type]
        except (ArielError, InternalError) as error:
            say(f"{subject}: left out: {str(error).splitlines()[0]}")
            continue
        if having and not any(call.kernel.path.startswith(tuple(having)) for call in model.schedule.calls):
            continue
        if model.size > _BYTES:
            say(f"{subject}: left out: too large")
            continue
        models.append(model)
    found: list[Inference] = []
    for batch in _batches(models, most):
        for together, sections in _fitting(batch, board, say):
            users = Counter(call.kernel.path for model in together for call in model.schedule.calls)
            alone = {path for path, count in users.items() if count == 1}
            found += [_inference(model, taken, alone) for model, taken in zip(together, sections, strict=True)]
    return found


def _fitting(
    batch: Sequence[Model], board: Board, say: Callable[[str], None]
) -> Iterator[tuple[Sequence[Model], list[dict[str, object]]]]:
    """Yields what `_run` returns of all models that fit at once: of halves, where they do not."""
    try:
        yield batch, _run(batch, board, say)
    except BoardError as error:
        if len(batch) == 1:
            say(f"{batch[0].name}: left out: {str(error).splitlines()[0]}")
            return
        for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
            yield from _fitting(half, board, say)


def _batches(models: Iterable[Model], most: int) -> Iterator[list[Model]]:
    """Yields as many models at once as fit."""
    batch: list[Model] = []
    for model in models:
        if batch and (len(batch) == most or sum(one.size for one in batch) + model.size > _BYTES):
            yield batch
            batch = []
        batch.append(model)
    if batch:
        yield batch


def _inference(model: Model, section: Mapping[str, object], alone: Collection[str]) -> Inference:
    taken: Iterable[tuple[int, int, int]] = section.get("steps", [])  # type: ignore[assignment]
    counted: list[int] = section["executed"]  # type: ignore[assignment]
    executed, taken = sum(counted), sorted(taken)
    # What lies behind the last step is counted with it: states that are copied.
    whole = taken[:-1] if model.plan.copies else taken
    steps = list(_steps(model.schedule, whole, executed))
    # The nodes of a graph are none of a model: each counts in full.
    steps = [
        replace(
            step,
            share=1.0 if model.is_made else step.share,
            alone=step.call.kernel.path in alone and len(step.tiles) < 2,
            is_made=model.is_made,
        )
        for step in steps
    ]
    before = executed - sum(instructions for _, instructions, _ in taken)
    return Inference(model, tuple(steps), executed, before, alone)


def _steps(schedule: Schedule, taken: Iterable[tuple[int, int, int]], executed: int) -> Iterator[Measured]:
    """Yields the steps that ran so often as is known beforehand: not those of a loop that ends by its data."""
    flow = schedule.flow or (range(len(schedule.steps)),)
    for index, instructions, _ in taken:
        times = worst(flow, lambda block, index=index: index in block)  # type: ignore[misc]
        if times and math.isfinite(times):
            step = schedule.steps[index]
            tiles = tuple(piece.tile for piece in step.pieces)
            yield Measured(step.call, tiles, instructions / times, instructions / executed)


def _run(models: Sequence[Model], board: Board, say: Callable[[str], None]) -> list[dict[str, object]]:
    """Returns the counter's section of each model's second inference."""
    given = b"".join(sample(model) for model in models)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for model in models:
            (folder / f"{model.module}.rs").write_text(model.module_text)
            (folder / f"{model.module}.weights").write_bytes(model.weights)
        (folder / "ariel_models.rs").write_text(_module([model.module for model in models], len(given)))
        elf = firmware.build(board, firmware.Subject(folder, "batch", features=("trace",)), say=say)
        (folder / "in.bin").write_bytes(struct.pack("<II", 1, len(given)) + given)
        done = process.run(emulate.command(board, elf, cores=1, count=True, say=say), cwd=folder, timeout=_SECONDS)
        if done.status:
            raise InternalError(f"models on {board.name} failed: {done.last_lines()}")
        sections: list[dict[str, object]] = json.loads((folder / "counts.json").read_text())["sections"]
    if len(sections) != 2 * len(models):
        raise InternalError("other sections than models", {"sections": len(sections), "models": len(models)})
    return sections[len(models) :]


def sample(model: Model) -> bytes:
    """Returns the first recorded inputs, or random ones: reals are normal, all else are any bytes."""
    if model.given is not None:
        return model.given
    rng = np.random.default_rng(0)
    parts = []
    for value in model.graph.inputs:
        dtype, count = value.type.dtype, value.type.elements
        if dtype in (DType.F32, DType.F64):
            parts.append(rng.standard_normal(count).astype(dtype.numpy).tobytes())
        elif dtype is DType.BOOL:
            parts.append(rng.integers(0, 2, count, np.uint8).tobytes())
        else:
            parts.append(rng.integers(0, 256, value.type.bytes, np.uint8).tobytes())
    return b"".join(parts)


def _recorded(path: Path, graph: Graph) -> bytes | None:
    """Returns the first inputs recorded beside a model; None where there are none, or none for these sizes."""
    arrays = [np.load(name) for name in sorted(path.parent.glob("in_*.npy"), key=lambda name: int(name.stem[3:]))]
    given = b"".join(array[0].tobytes() for array in arrays if len(array))
    return given if len(given) == sum(value.type.bytes for value in graph.inputs) else None


def _module(names: Sequence[str], size: int) -> str:
    """Returns the module of a model that runs those of other modules, one after the other, each between markers."""
    return _BATCH.format(
        size=size,
        modules="".join(f'include!("{name}.rs");\n' for name in names),
        fields="".join(f"{name}: (super::{name}::Model, Room<super::{name}::Model>), " for name in names),
        values="".join(f"{name}: (super::{name}::Model::new(), MaybeUninit::uninit()), " for name in names),
        calls="".join(f"one(&mut self.{name}, &mut rest)?; " for name in names),
    )


_BATCH = """\
{modules}
#[allow(missing_docs, missing_debug_implementations, dead_code, clippy::all, clippy::pedantic)]
pub mod batch {{
    use ariel_ml_rs::{{Error, Infer, Tensor}};
    use core::mem::MaybeUninit;

    type Room<M> = MaybeUninit<<M as Infer>::Input>;

    #[repr(C, align(16))]
    pub struct Bytes([u8; {size}]);

    // SAFETY: an array of bytes, aligned to 16.
    unsafe impl Tensor for Bytes {{
        const PARTS: usize = 1;
        fn part(&self, index: usize) -> &[u8] {{ if index == 0 {{ &self.0 }} else {{ &[] }} }}
        fn part_mut(&mut self, index: usize) -> &mut [u8] {{ if index == 0 {{ &mut self.0 }} else {{ &mut [] }} }}
    }}

    #[repr(C, align(16))]
    pub struct Nothing;

    // SAFETY: no bytes, aligned to 16.
    unsafe impl Tensor for Nothing {{
        const PARTS: usize = 0;
        fn part(&self, _: usize) -> &[u8] {{ &[] }}
        fn part_mut(&mut self, _: usize) -> &mut [u8] {{ &mut [] }}
    }}

    pub struct Model {{ {fields}nothing: Nothing }}

    impl Model {{
        pub const fn new() -> Self {{ Self {{ {values}nothing: Nothing }} }}
    }}

    fn one<M: Infer>(of: &mut (M, Room<M>), rest: &mut &[u8]) -> Result<(), Error> {{
        // SAFETY: an input is plain data, every bit pattern of which is a value.
        let input = unsafe {{
            of.1.as_mut_ptr().write_bytes(0, 1);
            of.1.assume_init_mut()
        }};
        for part in 0..M::Input::PARTS {{
            let part = input.part_mut(part);
            let (here, behind) = rest.split_at(part.len());
            part.copy_from_slice(here);
            *rest = behind;
        }}
        infer(&mut of.0, input)
    }}

    #[inline(never)]
    fn infer<M: Infer>(model: &mut M, input: &M::Input) -> Result<(), Error> {{
        crate::platform::start();
        let answer = model.infer(input);
        crate::platform::stop();
        answer.map(|_| ())
    }}

    impl Infer for Model {{
        type Input = Bytes;
        type Output = Nothing;
        fn input_mut(&mut self) -> &mut Bytes {{ unreachable!() }}
        fn run(&mut self) -> Result<&Nothing, Error> {{ unreachable!() }}
        fn infer(&mut self, given: &Bytes) -> Result<&Nothing, Error> {{
            let mut rest: &[u8] = &given.0;
            {calls}
            Ok(&self.nothing)
        }}
        async fn run_async(&mut self) -> Result<&Nothing, Error> {{ self.run() }}
        async fn infer_async(&mut self, given: &Bytes) -> Result<&Nothing, Error> {{ self.infer(given) }}
        fn reset(&mut self) {{}}
    }}
}}
"""
