"""Limits and checks that the readers of all formats share: nothing of a file is believed before it is checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ariel_build.errors import ModelError
from ariel_build.ir import MAX_TENSOR_BYTES

__all__ = [
    "MAX_CONSTANT_BYTES",
    "MAX_FILE_BYTES",
    "MAX_RANK",
    "ConstantBudget",
    "checked_shape",
    "corrupt",
    "public_names",
    "read_file",
    "shown",
]

#: No microcontroller addresses more; a length that a flipped bit made is refused before memory is asked for.
MAX_FILE_BYTES = 1 << 28
MAX_CONSTANT_BYTES = 1 << 28
#: TFLite kernels stop at 8 axes, ONNX exporters at far fewer.
MAX_RANK = 16

_SHOWN_LENGTH = 120


def corrupt(reason: str, origin: str = "") -> ModelError:
    """Returns the error for a file that contradicts itself or its format."""
    return ModelError(
        f"the model file is corrupt: {reason}",
        origin,
        "copy or export the model again; if other tools read it, please report this file",
    )


class ConstantBudget:
    """Bounds the bytes of all constants of a file: one piece of it may stand for a thousand of them."""

    def __init__(self) -> None:
        """Begins with `MAX_CONSTANT_BYTES`."""
        self._left = MAX_CONSTANT_BYTES

    def charge(self, amount: int, origin: str) -> None:
        """Takes the bytes of one more; ModelError where they are too many."""
        self._left -= amount
        if self._left < 0:
            raise ModelError(
                f"the constants take more than {MAX_CONSTANT_BYTES >> 20} MiB",
                origin,
                "the file is corrupt, or the model is not one for a microcontroller",
            )


def shown(name: str) -> str:
    """Returns a name of the file as it may stand in a message: one line, printable, of bounded length."""
    text = name.replace("`", "\N{REPLACEMENT CHARACTER}")
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 3] + "..."


def public_names(names: Sequence[str], kind: str) -> list[str]:
    """Returns what users call the inputs or outputs: their names, `<kind>_<i>` where one is empty or repeated."""
    count = Counter(names)
    result = [n if n and count[n] == 1 else f"{kind}_{i}" for i, n in enumerate(names)]
    if len(set(result)) < len(result):  # the file itself calls another one `input_1`
        return [f"{kind}_{i}" for i in range(len(names))]
    return result


def checked_shape(shape: Sequence[int], item_bytes: int, origin: str) -> tuple[int, ...]:
    """Returns `shape` if all extents are 0 or more and the tensor has a size that we can address."""
    if len(shape) > MAX_RANK:
        raise corrupt(f"a tensor has {len(shape)} axes", origin)
    size = item_bytes
    for extent in shape:
        if extent < 0:
            raise corrupt(f"shape {list(shape)} has a negative extent", origin)
        size *= max(extent, 1)  # an extent of 0 must not hide an absurd one
        if size > MAX_TENSOR_BYTES:
            raise ModelError(
                f"a tensor of shape {list(shape)} is larger than {MAX_TENSOR_BYTES >> 20} MiB",
                origin,
                "the file is corrupt, or the model is not one for a microcontroller",
            )
    return tuple(int(extent) for extent in shape)


def read_file(path: Path) -> bytes:
    """Returns the file's bytes; ModelError where there is no such file, it cannot be read, or it is far too large."""
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise ModelError(f"the model file {what}", help="check the path")
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ModelError(
                f"the model file has {size} bytes, more than the {MAX_FILE_BYTES >> 20} MiB that are read",
                help="a model for a microcontroller is far smaller",
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise ModelError(
            f"the model file cannot be read: {error}", help="check the path and its permissions"
        ) from error
