"""Runs jobs on the processors of this machine or on a Dask cluster; yields each with its row as soon as it is done.

A worker that dies takes its job with it, and the jobs that were under way are tried once more, each by itself; on a
cluster after Dask has tried them on other workers. A job whose worker dies again is a row with that error.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from ariel_build import __version__
from ariel_build.errors import SetupError
from ariel_build.sweep.job import Job, cost
from ariel_build.sweep.table import Row

__all__ = ["is_passing", "on_cluster", "on_processes"]

Done = Iterator[tuple[Job, Row]]
#: How errors begin that are no model's affair.
_DIED, _FAILED = "the process that costed it died", "a worker failed"
#: Seconds that a scheduler may take to answer, and to have a worker.
_PATIENCE = 30


def is_passing(row: Row) -> bool:
    """Whether what is wrong with a row is not the model's affair, so that another run should try it again."""
    return str(row.get("error") or "").startswith((_DIED, _FAILED))


def on_processes(jobs: Sequence[Job], workers: int, work: Callable[[Job], Row] = cost) -> Done:
    """Costs the jobs in so many processes."""
    waiting = list(reversed(jobs))
    while waiting:
        suspects: list[Job] = []
        yield from _until_death(waiting, suspects, workers, work)
        for job in suspects:
            # Whose fault it was shows when each has a pool to itself.
            alone, again = [job], list[Job]()
            yield from _until_death(alone, again, 1, work)
            if again:
                yield job, job.row(error=f"{_DIED}: out of memory, perhaps")


def _until_death(waiting: list[Job], suspects: list[Job], workers: int, work: Callable[[Job], Row]) -> Done:
    """Costs jobs, the last of `waiting` first, until none is left or a worker dies: `suspects` were under way then."""
    # A fresh interpreter for each: what this process holds, locks among it, is not theirs.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawn, initializer=_end_with_parent) as pool:
        running: dict[Future[Row], Job] = {}
        try:
            while waiting or running:
                # Few at a time: where a worker dies, all that were handed out are lost.
                while waiting and len(running) < 2 * workers and not suspects:
                    job = waiting.pop()
                    try:
                        running[pool.submit(work, job)] = job
                    except BrokenProcessPool:
                        suspects.append(job)
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    job = running.pop(future)
                    try:
                        row = future.result()
                    except BrokenProcessPool:
                        suspects.append(job)
                    else:
                        yield job, row
                if suspects and not running:
                    return
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _end_with_parent() -> None:
    """Has a worker end when who started it is killed: it would wait for jobs for ever."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def on_cluster(jobs: Sequence[Job], address: str, work: Callable[[Job], Row] = cost) -> Done:
    """Costs the jobs on the workers of a Dask scheduler, who have ariel-build and see the files by the same paths.

    SetupError where there is no scheduler, no worker, or one with another version of ours.
    """
    try:
        from distributed import Client, as_completed  # noqa: PLC0415 - an extra
        from distributed.scheduler import KilledWorker  # noqa: PLC0415 - the same
    except ImportError:
        raise SetupError(
            "a cluster needs Dask, which is not installed", "--scheduler", "`pip install 'ariel-build[sweep]'`"
        ) from None
    try:
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise SetupError(f"no Dask scheduler answers at {address}: {error}", "--scheduler", "tcp://HOST:8786") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError:
            raise SetupError(f"the scheduler at {address} has no worker", "--scheduler", "start some first") from None
        _check_versions(client.run(_version))
        futures = {client.submit(work, job, pure=False): job for job in jobs}
        suspects: list[Job] = []
        for future in as_completed(list(futures), loop=client.loop):
            job = futures.pop(future)
            if isinstance(future.exception(), KilledWorker):
                # Dask blames all jobs that waited where a worker died.
                suspects.append(job)
            else:
                yield job, _row_of(job, future)
            future.release()
        for job in suspects:
            future = client.submit(work, job, pure=False)
            if isinstance(future.exception(), KilledWorker):
                yield job, job.row(error=f"{_DIED}: out of memory, perhaps")
            else:
                yield job, _row_of(job, future)
            future.release()


def _row_of(job: Job, future: Any) -> Row:  # noqa: ANN401 - a future of Dask, which is an extra
    """Returns what a worker found, or what it failed with."""
    problem = future.exception()
    if problem is None:
        found: Row = future.result()
        return found
    return job.row(error=f"{_FAILED}: {type(problem).__name__}: {problem}")


def _version() -> str:
    return __version__


def _check_versions(found: dict[str, str]) -> None:
    others = {worker: version for worker, version in found.items() if version != __version__}
    if others:
        worker, version = next(iter(others.items()))
        raise SetupError(f"the worker {worker} has ariel-build {version}, not {__version__}", "--scheduler")
