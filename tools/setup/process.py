"""How set-up runs programs, speaks, and refuses."""

from __future__ import annotations

import os
import subprocess
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Refused", "Result", "run", "say"]

_NOT_FOUND, _TIMED_OUT = 127, 124  # as a shell and timeout(1) would say


@dataclass(frozen=True)
class Result:
    """What a program left: its exit code and what it printed."""

    code: int
    stdout: str = ""
    stderr: str = ""

    @property
    def ok(self) -> bool:
        """Returns whether the program succeeded."""
        return self.code == 0

    @property
    def reason(self) -> str:
        """Returns the one line that best tells why it failed."""
        lines = [line.strip() for line in self.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.lower().startswith(("e:", "error"))]
        best = (errors or lines[-1:] or [f"exit code {self.code}"])[0]
        return textwrap.shorten(best, 160, placeholder=" ..")  # rustup's go on for pages


class Refused(Exception):
    """Set-up cannot go on by itself: what is wrong, packages that root has to install, commands that mend the rest."""

    def __init__(self, message: str, *, packages: Iterable[str] = (), commands: Iterable[str] = ()) -> None:
        """Takes the message and what the user has to run; `packages` are Debian's."""
        super().__init__(message)
        self.messages = [message]
        self.packages = list(packages)
        self.commands = list(commands)

    @classmethod
    def all_of(cls, refusals: Iterable[Refused]) -> Refused:
        """Returns one refusal that says all, so that the user need not come back for each."""
        first, *rest = refusals
        for other in rest:
            first.messages += other.messages
            first.packages += (p for p in other.packages if p not in first.packages)
            first.commands += (c for c in other.commands if c not in first.commands)
        return first

    def render(self) -> str:
        """Returns the messages and the commands, ready to print."""
        lines = [f"error: {message}" for message in self.messages]
        commands = list(self.commands)
        if self.packages:
            install = f"sudo apt-get install --no-install-recommends {' '.join(self.packages)}"
            commands = ["sudo apt-get update", install, *commands]
        if commands:
            lines += ["Run this, then the same command again:", *(f"  {command}" for command in commands)]
        return "\n".join(lines)


def say(text: str) -> None:
    """Prints a line about what is being done, at once."""
    print(f"set-up: {text}", flush=True)


def run(
    *command: str | Path,
    timeout: float = 1200,
    env: Mapping[str, str | None] | None = None,
    cwd: Path | None = None,
) -> Result:
    """Runs a program and returns what it left; a missing program and a timeout are results like others.

    `env` is added to the environment; a value of None takes the variable out.
    """
    variables = dict(os.environ)
    for name, value in (env or {}).items():
        if value is None:
            variables.pop(name, None)
        else:
            variables[name] = value
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=variables,
            cwd=cwd,
            check=False,
        )
    except FileNotFoundError:
        return Result(_NOT_FOUND, stderr=f"{command[0]}: not found")
    except OSError as error:
        return Result(_NOT_FOUND, stderr=f"{command[0]}: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Result(_TIMED_OUT, stderr=f"{command[0]}: no answer within {timeout:.0f} s")
    return Result(done.returncode, done.stdout, done.stderr)
