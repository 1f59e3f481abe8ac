"""The crates.io crates that firmware of `run` is built from: fetched once, so that `run` needs no network."""

from __future__ import annotations

from tools.setup.process import Refused, run, say

__all__ = ["FIRMWARE", "ensure"]

#: The folder of the crate that `run` builds around a model, from the root of the repository.
FIRMWARE = "harness/firmware"


def ensure() -> bool:
    """Fetches the crates in the harness's lock file that cargo does not have; returns whether any was missing."""
    fetch = ("cargo", "fetch", "--quiet", "--locked", "--manifest-path", f"{FIRMWARE}/Cargo.toml")
    if run(*fetch, "--offline").ok:
        return False
    say("fetching the crates that firmware is built from")
    result = run(*fetch)
    if not result.ok:
        raise Refused(f"cargo could not fetch the crates of {FIRMWARE}: {result.reason}", commands=[" ".join(fetch)])
    return True
