"""What was measured, kept under the digest of all that it follows from: a second run measures only what changed."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ariel_build.machine.files import write_atomically
from ariel_build.run import cache

__all__ = ["Cost", "kept", "kept_for_all", "only_known"]

_only_known = False
#: The peers' figures by digest: no other machine need build them.
_COMMITTED = Path(__file__).resolve().parents[2] / "benchmarks" / "peers.json"


@dataclass(frozen=True)
class Cost:
    """What one inference takes with one engine on one board. None is what the board does not count, or nobody measured.

    `ram` is .data, .bss and stack. `verdict` tells how the answers compare with the recorded ones: empty where they
    agree; `refused` tells why there is nothing to measure. `compile_seconds` is the CPU time of the model compiler.
    """

    instructions: float | None = None
    cycles: float | None = None
    cycles_kind: str | None = None
    flash: int | None = None
    ram: int | None = None
    arena: int | None = None
    weights: int | None = None
    stack: int | None = None
    macs: int | None = None
    compile_seconds: float | None = None
    verdict: str = ""
    refused: str = ""


def kept(parts: Iterable[str | bytes], measure: Callable[[], Cost]) -> Cost:
    """Returns what was measured for the same parts, else measures."""
    path = cache.folder("bench") / f"{cache.digest(parts)}.json"
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text())
        return Cost(**found)
    cost = measure()
    _write(path, asdict(cost))
    return cost


def only_known() -> None:
    """Has peers that nobody measured yet left out."""
    global _only_known  # noqa: PLW0603 - a run of the bench is one process
    _only_known = True


def kept_for_all(name: str, parts: Iterable[str | bytes], measure: Callable[[], Cost]) -> Cost:
    """Returns what was measured for the same parts, here or by who committed it, else measures and adds it to that."""
    digest = cache.digest(parts)
    with (cache.folder("bench") / "peers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = _committed().get(name, {})
    if known.get("digest") == digest:
        return Cost(**known["cost"])
    if _only_known:
        return Cost(refused="not measured yet")
    cost = measure()
    with (cache.folder("bench") / "peers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        entries = _committed()
        entries[name] = {"digest": digest, "cost": asdict(cost)}
        _write(_COMMITTED, dict(sorted(entries.items())), indent=1)
    return cost


def _committed() -> dict[str, Any]:
    entries: dict[str, Any] = json.loads(_COMMITTED.read_text()) if _COMMITTED.exists() else {}
    return entries


def _write(path: Path, content: dict[str, Any], indent: int | None = None) -> None:
    """Writes a file that others see whole or not at all."""
    write_atomically(path, (json.dumps(content, indent=indent) + "\n").encode())
