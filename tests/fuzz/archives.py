"""A .pt2 archive -> sound zips whose JSON says something else: numbers, names, types, wires, operators."""

from __future__ import annotations

import copy
import io
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["archive_mutants"]

VALUES: tuple[Any, ...] = (
    *(-(1 << 63), -(1 << 31), -7, -2, -1, 0, 1, 2, 3, 5, 7, 16, 255, 1 << 16, (1 << 31) - 1, (1 << 63) - 1, 1 << 70),
    *(0.5, -1.0, 1e38, "Infinity", "NaN", "", "x", "same", "reflect", None, True, False, [], {}, [1, 2], {"as_int": 3}),
    *({"as_none": True}, {"as_float": -0.0}, {"as_ints": [0, -1, 1 << 40]}, {"as_tensor": {"name": "x"}}),
)


def archive_mutants(path: Path, count: int, seed: int = 7) -> Iterator[bytes]:
    """Yields `count` changed copies of an archive."""
    rng = random.Random(seed)  # noqa: S311 - the same mutants for everyone
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    texts = [name for name in members if name.endswith(".json")]
    program = next(name for name in texts if name.endswith("models/model.json"))
    for _ in range(count):
        name = program if rng.random() < 0.8 else rng.choice(texts)
        content = json.loads(members[name])
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            _change(content, rng)
        changed = members | {name: json.dumps(content).encode()}
        if rng.random() < 0.05:
            del changed[rng.choice(list(changed))]
        yield _zipped(changed)


def _change(content: Any, rng: random.Random) -> None:  # noqa: ANN401 - JSON
    """Changes one place; the deeper the tree there, the likelier."""
    places = list(_places(content))
    if not places:
        return
    parent, key = rng.choice(places)
    match rng.randrange(5):
        case 0:
            del parent[key]
        case 1:
            other, place = rng.choice(places)
            if place in other if isinstance(other, dict) else place < len(other):
                parent[key] = copy.deepcopy(other[place])
        case 2 if isinstance(parent[key], int) and not isinstance(parent[key], bool):
            parent[key] += rng.choice((-2, -1, 1, 2))
        case 3 if isinstance(parent[key], list) and parent[key]:
            parent[key].append(copy.deepcopy(rng.choice(parent[key])))
        case _:
            parent[key] = copy.deepcopy(rng.choice(VALUES))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - JSON
    """Yields every place of a tree but the text that only people read, as (its parent, its key there)."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        if key in ("metadata", "module_call_graph"):
            continue
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def _zipped(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return content.getvalue()
