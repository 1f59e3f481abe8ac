"""What becomes of many damaged models: each is compiled or refused, in bounded time and memory."""

from __future__ import annotations

import multiprocessing
import resource
import signal
import tempfile
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ariel_build import boards
from ariel_build.compilation import planning
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.errors import ArielError
from ariel_build.kernels import KernelCall
from ariel_build.memory import WHOLE, Effort, MemoryPlan, plan_calls
from ariel_build.schedule import Schedule
from tools.recorded.crate import build, write_crate

__all__ = ["Accepted", "Survey", "build_all", "survey"]

#: What one model may take.
SECONDS, BYTES = 10, 4 << 30
MAIN = """\
include!("models.rs");
include!("each_model.rs");

macro_rules! touch {
    ($($name:ident)*) => { 0 $(+ usize::from(Box::new($name::Model::new()).as_mut().run().is_ok()))* };
}

fn main() {
    println!("{}", each_model!(touch));
}
"""
Mutants = Callable[[Path, int, int], Iterator[bytes]]


@dataclass(frozen=True)
class Accepted:
    """The generated files of a damaged model that compiled."""

    module: str
    module_text: str
    weights: bytes


@dataclass
class Survey:
    """How many were refused, what was accepted (each text once), and what should not have happened."""

    refused: int = 0
    accepted: list[Accepted] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)


class _Late(BaseException):
    """Not an Exception: nothing in between may take it for one of the model's."""


def survey(path: Path, mutants: Mutants, count: int, name: str, seed: int = 7, keep: int = 40) -> Survey:
    """Compiles `count` mutants of a file in a process of their own, and keeps `keep` of those that are accepted."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _bound) as process:
        return process.submit(_survey, path, mutants, count, name, seed, keep).result()


def _bound() -> None:
    """Limits the memory of this process, and arms its alarm."""
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))

    def late(*_: object) -> None:
        raise _Late

    signal.signal(signal.SIGALRM, late)


def _search_once() -> None:
    """Lets this process search the smallest arena once for each structure: mutants of weights would repeat it.

    What is planned and checked otherwise, and the code for it, is done for each.
    """
    searched = set[tuple[Hashable, ...]]()

    def once(
        calls: Sequence[KernelCall],
        *ends: Any,  # noqa: ANN401 - handed on as they are
        effort: Effort,
        **others: Any,  # noqa: ANN401 - the same
    ) -> tuple[Schedule, MemoryPlan]:
        like = tuple(_structure(call) for call in calls)
        known = like in searched
        searched.add(like)
        return plan_calls(calls, *ends, effort=WHOLE if known else effort, **others)

    # In a process of its own, see `survey`.
    setattr(planning, "plan_calls", once)  # noqa: B010 - it is not that module's to give away


def _structure(call: KernelCall) -> Hashable:
    """Returns what plans follow from."""
    types = tuple((value.type.dtype, value.type.shape) for value in (*call.inputs, *call.outputs))
    return call.kernel.path, call.tiling, types, call.reads, call.scratch_bytes, call.in_place


def _survey(path: Path, mutants: Mutants, count: int, name: str, seed: int, keep: int) -> Survey:
    _search_once()
    result, texts = Survey(), set[str]()
    board = boards.load("generic")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"mutant{path.suffix}"
        for number, data in enumerate(mutants(path, count, seed)):
            file.write_bytes(data)
            module = f"{name}_{number}"
            signal.alarm(SECONDS)
            try:
                compiled = compile_model(file, ModelOptions(file), board, module)
            except ArielError:
                result.refused += 1
            except _Late:
                result.defects.append(f"mutant {number}: more than {SECONDS} s")
            except Exception as error:  # noqa: BLE001 - whatever it is, users must not meet it
                result.defects.append(f"mutant {number}: {type(error).__name__}: {error}")
            else:
                text = compiled.module_text.replace(module, "")
                if text not in texts and len(texts) < keep:
                    result.accepted.append(Accepted(module, compiled.module_text, compiled.weights))
                texts.add(text)
            finally:
                signal.alarm(0)
    return result


def build_all(accepted: list[Accepted], folder: Path) -> str:
    """Builds all modules in one program; returns what rustc says against them."""
    write_crate(folder, MAIN, accepted, level="1")
    ended = build(folder, "build", "--quiet", shared="fuzz")
    return ended.stderr if ended.returncode else ""
