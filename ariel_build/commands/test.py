"""`test [MODEL]`: writes a `#[test]` with recorded samples into the crate in this folder, for the user to keep.

The answers are the oracle's, where one is installed. What the generated Rust answers on this computer is held against
them first: a test that fails from its first day on is not written.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ariel_build import boards
from ariel_build.commands.common import add_model, for_models, model_options, module_of, refuse_several
from ariel_build.errors import Disagreement, MetadataError

if TYPE_CHECKING:
    from ariel_build.project.host_test import Record

__all__ = ["add", "main"]

_COUNT = 4


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_model(parser)
    parser.add_argument(
        "--samples",
        default=str(_COUNT),
        metavar="N|X.npz",
        help=f"how many random inputs (default: {_COUNT}), or an npz with [samples, *shape] for each input",
    )
    # As `run` and `verify` on this computer: one core, and no linker script.
    parser.set_defaults(main=for_models(main), on="host")


def main(arguments: argparse.Namespace) -> int:
    """Writes the test and its data; 0 done, 1 the generated Rust answers otherwise than the oracle."""
    from ariel_build.config import packages
    from ariel_build.machine.files import write_all
    from ariel_build.project import host_test
    from ariel_build.project.manifest import read
    from ariel_build.project.rustfmt import formatted

    package = packages.package_of(Path())
    if package is None or getattr(arguments, "crate", None) is None:
        raise MetadataError(
            "a test is written for a model of a Cargo.toml, and into its folder",
            "MODEL",
            "in the crate: leave MODEL out, or give the model's name there",
        )
    if not arguments.samples.isdecimal():
        refuse_several(arguments)
    record = _record(arguments)
    document = read((package / "Cargo.toml").read_text(encoding="utf-8-sig"), str(package / "Cargo.toml"))
    firmware = host_test.is_firmware(package, document)
    folder = package / "tests" / "ariel" if firmware else package
    written = host_test.test_files(record)
    root = next(name for name in written if name.endswith(".rs"))
    files = {f"tests/{name}": data for name, data in formatted(written, root).items()}
    if firmware:
        files |= host_test.crate_files(folder, document)
    write = {folder / name: data for name, data in files.items()}
    _refuse_others(write, host_test.MARK.lstrip("/# "))
    try:
        write_all(write)
    except OSError as error:
        raise MetadataError(f"nothing was written: {error.strerror}", str(error.filename or folder)) from None
    _tell(folder, record, files, firmware=firmware)
    return 0


def _record(arguments: argparse.Namespace) -> Record:
    """Returns the samples and their answers, after the generated Rust has given the same on this computer."""
    from ariel_build.answers.oracle import Answer, ask
    from ariel_build.answers.samples import load, random_samples, split_outputs
    from ariel_build.commands.run import execute_compiled
    from ariel_build.commands.verify import FIRST_ONLY, OURS, compare, judged_outputs, steps_of
    from ariel_build.driver import compile_model, import_file
    from ariel_build.project.host_test import Record

    path = Path(arguments.samples)
    options = model_options(arguments, None if arguments.samples.isdecimal() else path)
    result = compile_model(arguments.model, options, boards.load("host"), module_of(arguments))
    inputs = result.graph.inputs
    if not arguments.samples.isdecimal():
        samples = load(path, inputs, result.graph.input_aliases)
    elif int(arguments.samples):
        samples = random_samples(inputs, int(arguments.samples))
    else:
        raise MetadataError("at least one sample is needed", "--samples")
    imported, _ = import_file(arguments.model, options.dims, options.signature, options)
    answer = FIRST_ONLY if options.signature else ask(arguments.model, imported, samples)
    judged = judged_outputs(imported, samples, answer)
    quanta = 0 if imported.format == "tflite" else 2
    steps: Mapping[Any, float] = steps_of(result.graph) if quanta else {}
    execution = execute_compiled(result, boards.load("host"), samples.raw(), stats=False)
    got = split_outputs(result.graph.outputs, execution.outputs, (samples.count,)).values()
    for value, mine, theirs in zip(result.graph.outputs, got, judged, strict=True):
        row = compare(value, value.name, mine, theirs, quanta=quanta, step=steps.get(value, 0.0))
        if not row.holds:
            raise Disagreement(
                f"the generated Rust disagrees with {row.judge}: {row.different:,} of {row.elements:,} elements of "
                f"`{row.name}`, the worst by {row.worst:g}; no test was written",
                str(arguments.model),
                "`cargo ariel verify --per-layer` names the layer",
            )
    return Record(
        module=module_of(arguments),
        path=arguments.model.name,
        judge=answer.oracle if isinstance(answer, Answer) else f"{OURS} ({answer})",
        samples=samples,
        outputs=result.graph.outputs,
        wanted=[one.want for one in judged],
        quanta=quanta,
        steps=steps,
    )


def _refuse_others(write: Mapping[Path, bytes], mark: str) -> None:
    """Refuses to write over a file that is not ours; data and .gitignore are those of a file that is."""
    for path in write:
        if (
            path.suffix in (".rs", ".toml")
            and path.exists()
            and mark not in path.read_text(encoding="utf-8", errors="replace")
        ):
            raise MetadataError("the file is not one that this command wrote", str(path), "rename it")


def _tell(folder: Path, record: Record, files: Sequence[str] | Mapping[str, bytes], *, firmware: bool) -> None:
    """Prints what was written, who judged, and how the test is run."""
    import os

    test = next(name for name in files if name.startswith("tests/") and name.endswith(".rs"))
    print(f"wrote {os.path.relpath(folder / test)}: {record.samples.count} samples, judged by {record.judge}")
    words = ["cargo test"]
    if firmware:
        words.append(f"--manifest-path {os.path.relpath(folder / 'Cargo.toml')}")
    if firmware or (folder / ".cargo").exists():
        words.append("--target $(rustc --print host-tuple)")
    print(f"run it: {' '.join(words)}")
