"""Damaged npz files, and traps: refused with the array's name, before what they unpack to is unpacked."""

from __future__ import annotations

import io
import pickle
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ariel_build.answers.npz import open_npz
from ariel_build.answers.samples import load
from ariel_build.driver import import_file
from ariel_build.errors import ArielError
from tests.commands.conftest import Command

GOOD = np.zeros((2, 2, 3), np.float32)


def npy(array: object = GOOD) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array), allow_pickle=True)
    return buffer.getvalue()


def npz(path: Path, content: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("x.npy", content)
    return path.read_bytes()


def shaped(text: str, content: bytes = b"") -> bytes:
    """Returns an array whose header has this text in place of the shape (2, 2, 3)."""
    head, data = npy()[:128], content or npy()[128:]
    start = head.index(b"(2, 2, 3)")
    return (head[:start] + text.encode() + b", }").ljust(127) + b"\n" + data


def in_both_headers(data: bytes, offset: int, value: int) -> bytes:
    """Returns a zip with one byte of an entry's two headers changed; `offset` is that in the first."""
    changed = bytearray(data)
    changed[data.index(b"PK\x03\x04") + offset] = value
    changed[data.index(b"PK\x01\x02") + offset + 2] = value
    return bytes(changed)


def broken_stream(path: Path) -> bytes:
    data = bytearray(npz(path, npy(), zipfile.ZIP_DEFLATED))
    data[35:37] = b"\xff\xff"
    return bytes(data)


#: What is wrong, and words that say so.
DAMAGES: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "no array": (lambda path: npz(path, b"hello"), "its header cannot be read"),
    "nothing": (lambda path: npz(path, b""), "its header cannot be read"),
    "version": (lambda path: npz(path, npy().replace(b"NUMPY\x01", b"NUMPY\x07")), "its header cannot be read"),
    "header, bytes": (lambda path: npz(path, shaped("\xff(2, 2, 3)")), "its header cannot be read"),
    "header, words": (lambda path: npz(path, shaped("((((((((")), "its header cannot be read"),
    "header, length": (lambda path: npz(path, npy()[:8] + b"\xff\xff" + npy()[10:]), "its header cannot be read"),
    "negative": (lambda path: npz(path, shaped("(2, -2, -3)")), "its shape is [2, -2, -3]"),
    "shape says more": (lambda path: npz(path, shaped("(99999, 2, 3)")), "its shape [99999, 2, 3] takes 2,399,976"),
    "shape beyond all": (lambda path: npz(path, shaped(f"({10**40}, 2, 3)")), "takes"),
    "cut": (lambda path: npz(path, npy()[:-1]), "it has 47 bytes of data, its shape [2, 2, 3] takes 48"),
    "more": (lambda path: npz(path, npy() + b"1"), "it has 49 bytes of data"),
    "objects": (lambda path: npz(path, npy(np.array([{}], object))), "Python objects"),
    "objects in a structure": (lambda path: npz(path, npy(np.zeros(2, [("a", "i4"), ("b", "O")]))), "Python objects"),
    "compression": (broken_stream, "decompressing"),
    "sum": (lambda path: npz(path, npy()).replace(npy(), npy()[:-1] + b"1"), "CRC"),
    "encryption": (lambda path: in_both_headers(npz(path, npy()), 6, 1), "encrypted"),
    "method": (lambda path: in_both_headers(npz(path, npy()), 8, 99), "compression"),
    "unpacked size": (lambda path: in_both_headers(npz(path, npy(), zipfile.ZIP_DEFLATED), 23, 3), "bytes of data"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_array_is_named(damage: str, flip: Path, command: Command) -> None:
    inputs = flip.with_suffix(".npz")
    make, words = DAMAGES[damage]
    inputs.write_bytes(make(inputs))
    answer = command("run", flip, "--inputs", inputs, "--outputs", "out.npz")
    answer.refuses("the inputs cannot be read: array `x`: ", words, "flip.npz", "numpy.savez")
    assert len(answer.err) < 600


class Trap:
    """Writes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_what_is_pickled_stays_so(flip: Path, tmp_path: Path, command: Command) -> None:
    sprung = tmp_path / "sprung"
    pickle.loads(pickle.dumps(Trap(sprung)))  # noqa: S301 - our own, to see that the trap works
    sprung.unlink()
    inputs = flip.with_suffix(".npz")
    npz(inputs, npy(np.array([Trap(sprung)], object)))
    command("run", flip, "--inputs", inputs, "--outputs", "out.npz").refuses("Python objects")
    assert not sprung.exists()


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_no_flipped_bit_is_a_defect(compression: int, flip: Path) -> None:
    inputs = flip.with_suffix(".npz")
    good = npz(inputs, npy(), compression)
    graph, _ = import_file(flip)
    refused = 0
    for bit in range(0, 8 * len(good), 5):
        damaged = bytearray(good)
        damaged[bit // 8] ^= 1 << bit % 8
        inputs.write_bytes(damaged)
        try:
            load(inputs, graph.inputs)
        except ArielError:
            refused += 1
    assert refused > len(good) // 5


def test_a_file_that_unpacks_to_gigabytes_is_refused_by_its_header(flip: Path) -> None:
    inputs = flip.with_suffix(".npz")
    samples = 1 << 28
    with zipfile.ZipFile(inputs, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", shaped(f"({samples}, 2, 3)"))
    # The sizes in the archive's directory say what the shape says; the data behind them is never looked for.
    data = bytearray(inputs.read_bytes())
    said = (24 * samples + 128).to_bytes(8, "little")
    directory = data.index(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = b"\xff\xff\xff\xff"
    data[directory + 30 : directory + 32] = (12).to_bytes(2, "little")
    name_end = directory + 46 + 5
    data[name_end:name_end] = b"\x01\0\x08\0" + said
    end = data.index(b"PK\x05\x06")
    data[end + 12 : end + 16] = (end - directory).to_bytes(4, "little")
    inputs.write_bytes(data)
    assert open_npz(inputs).sizes == {"x": 24 * samples + 128}

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))

    words = [sys.executable, "-m", "ariel_build", "run", str(flip), "--inputs", str(inputs), "--outputs", "out.npz"]
    answer = subprocess.run(words, capture_output=True, text=True, check=False, preexec_fn=limit)
    assert answer.returncode == 2, answer.stderr
    assert "array `x`: it unpacks to 6,442,450,944 bytes, more than 1,073,741,824" in answer.stderr


def test_only_what_is_asked_for_is_looked_at(flip: Path) -> None:
    inputs = flip.with_suffix(".npz")
    with zipfile.ZipFile(inputs, "w") as archive:
        archive.writestr("x.npy", npy())
        archive.writestr("notes.txt", "no array")
    graph, _ = import_file(flip)
    assert load(inputs, graph.inputs).count == 2
