"""The one place where other programs are started: cargo, rustc, emulators. No shell, and always a time limit."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ariel_build.errors import InternalError, SetupError
from ariel_build.records import dataclass

__all__ = ["Completed", "hand_over", "run"]


@dataclass(frozen=True)
class Completed:
    """How a program ended, and what it printed. A negative `status` is the signal that ended it."""

    status: int
    stdout: str
    stderr: str

    def last_lines(self, count: int = 20) -> str:
        """Returns the end of what went to standard error, or of standard output where that is empty."""
        return "\n".join((self.stderr.strip() or self.stdout.strip()).splitlines()[-count:])


def run(
    command: Sequence[str | Path],
    *,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Runs a program to its end without standard input; after `timeout` seconds it is killed with its children."""
    words = [str(word) for word in command]
    name = Path(words[0]).name
    try:
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            # A process group of its own, so that the children of cargo or rustup end with it.
            start_new_session=True,
        )
    except OSError as error:
        raise SetupError(
            f"cannot start `{name}`: {error.strerror}", help="`nox -s setup` in a checkout installs what is needed"
        ) from None
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _kill(process)
        _, stderr = process.communicate()
        raise InternalError(
            f"`{name}` did not end within {timeout:g} seconds and was stopped", {"stderr": stderr[-2000:]}
        ) from None
    except BaseException:
        # Ctrl-C is ours, not the child's: it is in another process group.
        _kill(process)
        raise
    return Completed(process.returncode, stdout, stderr)


def hand_over(command: Sequence[str | Path], env: Mapping[str, str]) -> int:
    """Runs a program that has our input and output, and returns its status."""
    return subprocess.run([*map(str, command)], env=env, check=False).returncode


def _kill(process: subprocess.Popen[str]) -> None:
    """Ends a program and its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
