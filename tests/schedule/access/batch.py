"""Many models in one program for the host, every tile of which runs alone: what is wrong with their access rules."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

from ariel_build.driver import Compiled
from tests.schedule.access.cases import cases_of, distinct, packed, verdicts, with_tile_alone
from tools.recorded.crate import build, target_folder, write_crate

__all__ = ["complaints_of"]

_SHARED = "access"
_HERE = Path(__file__).parent


def complaints_of(models: Mapping[str, Compiled], folder: Path) -> dict[str, Sequence[str]]:
    """Runs all tiles of the models, which have different module names; `folder` is for files of ours."""
    seen = set[Hashable]()
    cases = {name: distinct(cases_of(model), seen) for name, model in models.items()}
    for name, model in models.items():
        (folder / f"{model.module}.in").write_bytes(b"".join(packed(model, cases[name])))
    target = target_folder(_SHARED)
    target.mkdir(parents=True, exist_ok=True)
    with (target / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        crate = folder / "crate"
        write_crate(crate, (_HERE / "host.rs").read_text(), map(with_tile_alone, models.values()), level="2")
        (crate / "src" / "probe.rs").write_text((_HERE / "probe.rs").read_text())
        settings = ["--config", "profile.release.lto=false", "--config", "profile.release.codegen-units=16"]
        ended = build(crate, "build", "--release", "--quiet", *settings, shared=_SHARED)
        assert ended.returncode == 0, ended.stderr
        subprocess.run([target / "release" / "generated", folder], check=True)
    return {
        name: verdicts(cases[name], (folder / f"{model.module}.out").read_bytes()) for name, model in models.items()
    }
