"""The command behind `nox -s fresh`; `nox -s fresh -- --help` lists its options."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.fresh import root
from tools.setup.process import Refused, run

__all__ = ["main"]

CHECKOUT = Path(__file__).resolve().parents[2]
_CLONE = "/root/ariel-ml"
#: The README's two commands, then the installed package; then the first again, for which nothing may be missing.
STEPS = {
    "demo": "python3 tools/venv.py && .venv/bin/nox -s demo",
    "tests": "python3 tools/venv.py && .venv/bin/nox -s tests",
    "package": ".venv/bin/nox -s package",
    "again": "python3 tools/venv.py && .venv/bin/nox -s demo >/tmp/out && cat /tmp/out && ! grep '^set-up:' /tmp/out",
}
FLAVOURS: Mapping[str, Callable[[Path], None]] = {"plain": lambda _: None, "conflict": root.give_conflict}


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the roots and runs the steps in each; 1 where one failed, 2 where there can be no root."""
    options = _options(arguments)
    try:
        with _place(options.folder, keep=options.keep) as place:
            base = place / "base"
            if not base.exists():
                root.base(base)
            failed = [f"{f}: {s}" for f in options.flavours for s in _failures(base, place / f, f, options)]
    except Refused as refusal:
        print(refusal.render(), file=sys.stderr)
        return 2
    _say("all well" if not failed else f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def _failures(base: Path, machine: Path, flavour: str, options: argparse.Namespace) -> Iterator[str]:
    """Makes a machine of this flavour and runs the steps there; yields the one that fails: the next need it."""
    shutil.rmtree(machine, ignore_errors=True)
    _say(f"a machine, {flavour}")
    root.copy(base, machine)
    FLAVOURS[flavour](machine)
    _clone(machine)
    if options.models:
        shutil.copytree(options.models, machine / "root" / "shared" / "models")
    for step in options.steps or STEPS:
        _say(f"{flavour}: {STEPS[step]}")
        start = time.monotonic()
        code = root.execute(machine, _CLONE, STEPS[step])
        _say(f"{flavour}: {step}: {'well' if code == 0 else f'exit code {code}'}, {time.monotonic() - start:.0f} s")
        if code != 0:
            yield step
            return


def _clone(machine: Path) -> None:
    """Clones what is committed here."""
    if run("git", "status", "--porcelain", cwd=CHECKOUT).stdout:
        _say("changes that are not committed are not tried")
    commit = run("git", "rev-parse", "HEAD", cwd=CHECKOUT).stdout.strip()
    place = machine / _CLONE[1:]
    cloned = run("git", "clone", "--quiet", "--no-checkout", CHECKOUT.as_uri(), place)
    chosen = run("git", "checkout", "--quiet", "--detach", commit, cwd=place) if cloned.ok else cloned
    if not chosen.ok:
        raise Refused(f"git could not clone {CHECKOUT}: {chosen.reason}")


@contextmanager
def _place(folder: Path | None, *, keep: bool) -> Iterator[Path]:
    """Yields the folder for the roots, not in a tmpfs, and deletes it afterwards unless it is to be kept."""
    place = folder or Path(tempfile.mkdtemp(prefix="ariel-fresh-", dir="/var/tmp"))
    place.mkdir(parents=True, exist_ok=True)
    try:
        yield place
    finally:
        if keep:
            _say(f"kept {place}")
        else:
            shutil.rmtree(place)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nox -s fresh --",
        description="The README's commands, and the installed package, on machines with nothing but Debian, Python and "
        "rustup. Each takes some 7 GB and half an hour.",
    )
    parser.add_argument("flavours", nargs="*", choices=[*FLAVOURS, []], help="plain, conflict; default: both")
    parser.add_argument("--step", action="append", dest="steps", choices=STEPS, help="only this; default: all")
    parser.add_argument("--models", type=Path, metavar="DIR", help="give them ../shared/models, which strangers lack")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where to make them; a `base` there is used again")
    parser.add_argument("--keep", action="store_true", help="do not delete them afterwards")
    options = parser.parse_args(arguments)
    options.flavours = options.flavours or list(FLAVOURS)
    return options


def _say(text: str) -> None:
    print(f"fresh: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
