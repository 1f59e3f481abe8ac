"""The answers of the batches: made by the first worker that needs them, read by the others."""

from __future__ import annotations

import fcntl
import pickle
from collections.abc import Callable, Mapping

import pytest

from tools.recorded.batch import Answers, answers_of
from tools.recorded.models import Recorded

__all__ = ["Ask"]

Ask = Callable[[str, Mapping[str, Recorded], Mapping[str, int]], Answers]


@pytest.fixture(scope="session")
def ask(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Ask:
    """Returns `answers_of`, which does its work once for all workers of this run."""

    def asked(kind: str, models: Mapping[str, Recorded], samples: Mapping[str, int]) -> Answers:
        folder = tmp_path_factory.mktemp(kind)
        if worker_id == "master":
            return answers_of(kind, models, folder, samples)
        kept = tmp_path_factory.getbasetemp().parent / f"{kind}.answers"
        with kept.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                kept.write_bytes(pickle.dumps(answers_of(kind, models, folder, samples)))
            answers: Answers = pickle.loads(kept.read_bytes())  # noqa: S301 - written by ourselves
            return answers

    return asked
