"""Runs a generated module on samples: build, emulate, decode, measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ariel_build.boards import Board
from ariel_build.boards.fit import check_cores, check_fits
from ariel_build.errors import InternalError
from ariel_build.records import dataclass
from ariel_build.run import elf, firmware
from ariel_build.run.emulate import emulate
from ariel_build.run.stats import Facts, Stats, collect

__all__ = ["Execution", "execute"]

#: Stack without which not even the harness runs.
_LEAST_STACK = 512


@dataclass(frozen=True)
class Execution:
    """The output bytes of each sample (all outputs in the model's order), and the contents of stats.json."""

    outputs: list[bytes]
    stats: Stats | None


def execute(
    module_dir: Path,
    module: str,
    board: Board,
    samples: Sequence[bytes],
    *,
    streamed: bool = False,
    facts: Facts | None = None,
    sizes: Sequence[Sequence[int]] = (),
    cores: int = 1,
    others: Sequence[tuple[Path, Board]] = (),
    stats: bool = True,
    opt_level: str = "3",
    timeout: float = 600.0,
    say: Callable[[str], None] = lambda _: None,
) -> Execution:
    """Runs module `module` of `module_dir`/ariel_models.rs on `board`, in one process, the samples one after another.

    A sample is all inputs in the model's order, little-endian elements of the model's own types, nothing between them.
    `streamed` says that its input comes row by row: rows are taken out of the samples.
    `sizes` tells how much there is of each bounded dimension, sample by sample; without, it is the bound.
    On several cores the module has what the others do (`firmware.build`). The model is reset once before sample 0.
    `others` are the folders of the same module for the other programs of the board, each with the board for it.
    Without `stats` nothing is counted, and only the outputs are returned.
    """
    check_cores(board, cores, "--cores")
    if len({len(sample) for sample in samples}) > 1:
        raise InternalError("the samples are not of one size")
    if facts is not None:
        copy = len(samples[0]) if samples else 0
        check_fits(board, ram_bytes=facts.arena_bytes + copy, flash_bytes=facts.weights_bytes, stack_bytes=_LEAST_STACK)
    subject = firmware.Subject(module_dir, module, streamed=streamed)
    image = firmware.build(board, subject, cores=cores, opt_level=opt_level, say=say)
    beside = [
        firmware.build(of, firmware.Subject(folder, module), cores=cores, opt_level=opt_level, say=say)
        for folder, of in others
    ]
    emulated = emulate(
        board, image, samples, cores=cores, count=stats, timeout=timeout, sizes=sizes, others=beside, say=say
    )
    if not stats:
        return Execution(emulated.outputs, None)
    whole = baseline = None
    if not board.is_host:
        whole = elf.sizes(image.read_bytes())
    # What a model costs of several programs is in none of them alone.
    if not board.is_host and not others:
        baseline = elf.sizes(firmware.build(board, None, cores=cores, opt_level=opt_level, say=say).read_bytes())
    return Execution(emulated.outputs, collect(board, emulated, facts, whole, baseline, cores=cores))
