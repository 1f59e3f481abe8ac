"""The same options on the command line, under the same names."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from ariel_build.config.flags import add_options, read_options
from ariel_build.config.options import KEYS, Budget, ModelOptions
from ariel_build.errors import MetadataError


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser.parse_args(words)


def read(*words: str) -> ModelOptions:
    return read_options(Path("m.tflite"), parsed(*words))


def problems(*words: str) -> list[str]:
    with pytest.raises(MetadataError) as caught:
        read(*words)
    return [f"{d.origin}: {d.message}" for d in caught.value.diagnostics]


def test_nothing_said_gives_the_defaults() -> None:
    assert read() == ModelOptions(path=Path("m.tflite"))
    assert parsed().board is None


def test_every_key_has_its_option() -> None:
    options = read(
        *("--board", "host", "--cores", "2", "--optimize", "size"),
        *("--dim", "batch=1", "--dim", "a=b.0=3"),
        *("--budget", "ram=48K", "--budget", "flash=1000"),
        *("--deadline", "20ms", "--strict-deadline", "--max-tile", "200us", "--weights", "section=.qspi"),
    )
    assert options == ModelOptions(
        path=Path("m.tflite"),
        cores=2,
        optimize="size",
        dims={"batch": 1, "a=b.0": 3},
        budget=Budget(ram=48 * 1024, flash=1000),
        deadline=0.02,
        strict_deadline=True,
        max_tile=0.0002,
        weights_section=".qspi",
    )
    assert options.given["budget"] == "--budget"
    assert options.given["dims"] == "--dim"
    parser = argparse.ArgumentParser()
    add_options(parser)
    for key in KEYS:
        if key.name != "path":
            assert ("--dim" if key.name == "dims" else f"--{key.name}") in parser.format_help()


def test_refusals_name_the_option() -> None:
    (refusal,) = problems("--cores", "two")
    assert refusal == '--cores: `cores` is "two": a whole number from 1 to 32 is expected: a pool has no more workers'
    assert problems("--dim", "batch") == ["--dim: `batch` is not NAME=VALUE"]
    assert problems("--dim", "batch=1", "--dim", "batch=2") == ["--dim: `batch` is given twice"]
    assert problems("--budget", "rom=4K") == ["--budget: unknown key `rom` in `budget`"]
    assert problems("--max-tile", "5", "--budget", "ram=x") == [
        '--budget: `budget.ram` is "x": a size is written 49152, "48K" or "1.5M"',
        '--max-tile: `max-tile` is "5": a duration is written "1s", "20ms", "200us" or "500ns"',
    ]
