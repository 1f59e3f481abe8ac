"""Readers of option values: each returns the value as its type, or raises ValueError with what was expected.

They take what TOML gives (strings, integers, booleans); the command line's texts are made into that before.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal, cast

from ariel_build.config.at_most import AtMost
from ariel_build.config.module_name import KEYWORDS

__all__ = [
    "MOST_CORES",
    "Optimize",
    "Ranges",
    "closest",
    "cores",
    "count",
    "dimension",
    "duration",
    "file",
    "flag",
    "labels",
    "name",
    "optimize",
    "ranges",
    "section",
    "share",
    "shown",
    "size",
    "text",
    "weights_bits",
]

Optimize = Literal["speed", "size", "ram"]
Ranges = Literal["min-max", "percentile", "least-error"]

#: As many workers as a pool of the runtime crate takes (`pool/room.rs`).
MOST_CORES = 32

# No more digits than anything real has: a number of thousands of them would keep Python busy.
_NUMBER = r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?"
_SIZE = _NUMBER + "([kKmMgG]?)(?:i?[bB])?"
_TOO_LARGE = "2147483647 at most is expected"
_DURATION = _NUMBER + "(s|ms|us|µs|ns)"


def size(value: object) -> int:
    """Returns the bytes that `49152`, "48K" or "1.5M" mean (K = 1024); raises ValueError(reason)."""
    if isinstance(value, int) and not isinstance(value, bool):
        amount = Decimal(value)
    else:
        match = re.fullmatch(_SIZE, value) if isinstance(value, str) else None
        if not match:
            raise ValueError('a size is written 49152, "48K" or "1.5M"')
        amount = Decimal(match[1]) * {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[match[2].upper()]
    if amount != int(amount):
        raise ValueError("that is not a whole number of bytes")
    if not 1 <= amount <= 1 << 32:
        raise ValueError("a size is at least 1 byte, and at most the 4G of a 32-bit address space")
    return int(amount)


def name(value: object) -> str:
    """Returns a name in snake case, which a Rust module can have; raises ValueError(reason)."""
    if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", value) or value in KEYWORDS:
        raise ValueError("a name of small letters, digits and _ is expected, and no keyword of Rust")
    return value


def duration(value: object) -> float:
    """Returns the seconds that "20ms", "1.5us" or "1s" mean; raises ValueError(reason)."""
    match = re.fullmatch(_DURATION, value) if isinstance(value, str) else None
    if not match:
        raise ValueError('a duration is written "1s", "20ms", "200us" or "500ns"')
    seconds = Decimal(match[1]).scaleb({"s": 0, "ms": -3, "us": -6, "ns": -9}.get(match[2], -6))
    if seconds == 0:
        raise ValueError("a duration is more than nothing")
    return float(seconds)


def count(value: object) -> int:
    """Returns a number of things, 1 or more."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("a whole number, 1 or more, is expected")
    if value >= 1 << 31:
        raise ValueError(_TOO_LARGE)
    return value


def dimension(value: object) -> int:
    """Returns the size of a dimension, or an `AtMost` where only a bound is given."""
    given = re.fullmatch(r"\.\.=(-?)0*([0-9]*)", value) if isinstance(value, str) else None
    if given and (given[1] or (not given[2] and value != "..=")):
        raise ValueError('a bound is 1 or more, such as "..=100"')
    if given and (len(given[2]) > 10 or int(given[2] or 0) >= 1 << 31):
        raise ValueError(_TOO_LARGE)
    bound = AtMost.read(value)
    if bound is not None:
        return bound
    if isinstance(value, int):
        return count(value)
    raise ValueError('a whole number, 1 or more, is expected, or a bound such as "..=100"')


def cores(value: object) -> int:
    """Returns a number of cores that one pool can have."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_CORES:
        raise ValueError(f"a whole number from 1 to {MOST_CORES} is expected: a pool has no more workers")
    return value


def text(value: object) -> str:
    """Returns a string that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("a string is expected")
    return value


def file(value: object) -> Path:
    """Returns the path of a file."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("the path of a file is expected")
    return Path(value)


def flag(value: object) -> bool:
    """Returns whether something is wanted."""
    if not isinstance(value, bool):
        raise ValueError("true or false is expected")  # noqa: TRY004 - all readers refuse alike
    return value


def labels(value: object) -> tuple[str, ...] | Path:
    """Returns the labels in a list, or the path of the file that has them."""
    if isinstance(value, str):
        return file(value)
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise ValueError("a list of strings, or the path of a file with one label a line, is expected")
    return tuple(value)


def optimize(value: object) -> Optimize:
    """Returns one of the goals."""
    return cast("Optimize", _choice(value, ("speed", "size", "ram")))


def share(value: object) -> float:
    """Returns the share that "0.5%" means: 0.005."""
    match = re.fullmatch(_NUMBER + "%", value) if isinstance(value, str) else None
    if not match or Decimal(match[1]) > 100:
        raise ValueError('a share is written "0.5%", and is at most "100%"')
    return float(Decimal(match[1]) / 100)


def weights_bits(value: object) -> int:
    """Returns the bits of a stored weight."""
    if value not in (4, 8) or not isinstance(value, int):
        raise ValueError("8 is expected, or 4: those are the weights that there are kernels for")
    return value


def ranges(value: object) -> Ranges:
    """Returns one of the ways to find the range of a tensor."""
    return cast("Ranges", _choice(value, ("min-max", "percentile", "least-error")))


def _choice(value: object, choices: Sequence[str]) -> str:
    """Returns the value, which is one of the words."""
    if isinstance(value, str) and value in choices:
        return value
    close = closest(value, choices) if isinstance(value, str) else choices[0]
    *first, last = (f'"{choice}"' for choice in choices)
    raise ValueError(f'{", ".join(first)} or {last} is expected; the closest is "{close}"')


def section(value: object) -> str:
    """Returns the name of a linker section."""
    # It goes into the attribute of a Rust item: nothing that could end its string.
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_.$-]{1,64}", value):
        raise ValueError('the name of a linker section such as ".qspi" is expected')
    return value


def closest(word: str, known: Iterable[str]) -> str:
    """Returns the word of `known` that is closest to `word`, however far it is."""
    choices = list(known)
    plain = word.lower().replace("_", "-")
    return (difflib.get_close_matches(plain, choices, n=1, cutoff=0) or choices)[0]


def shown(value: object) -> str:
    """Returns a value as TOML writes it, or what it is where that would be long."""
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= 60 else f'{text[:56]}.."'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    return "an array" if isinstance(value, list) else str(value)
