# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks on the workers of Dask: processes of this machine, or a cluster by its scheduler's address."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import pathlib
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..errors import Problem, Status

ATTEMPTS = 3
LEAST_MEMORY = 512 << 20     # a worker itself needs some of it


@dataclasses.dataclass(frozen=True)
class Task:
    """A call, and how much of the whole it is."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    weight: int = 1


@dataclasses.dataclass(frozen=True)
class Outcome:
    task: Task
    value: Any = None
    error: str = ""             # why it failed on all workers that tried it


def _tools() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@dataclasses.dataclass(frozen=True)
class _Done:
    """What comes back from a worker."""

    good: bool
    value: Any                  # the result, or the reason why there is none
    worker: str
    python: float               # seconds of processor time
    tools: float                # the same of the programs that it ran


def _guarded(function: Callable[..., Any], arguments: tuple[Any, ...]) -> _Done:
    """What a worker runs."""
    from distributed import get_worker

    worker, python, tools = get_worker().address, time.thread_time(), _tools()
    try:
        good, value = True, function(*arguments)
    except Exception as error:      # every reason is reported, with the part
        good, value = False, f"{type(error).__name__}: {error}" if not str(error) else str(error)
    return _Done(good, value, worker, time.thread_time() - python, _tools() - tools)


class Engine:
    """Runs tasks; each that fails is tried again on another worker. A worker that dies is replaced by Dask, and its task is
    given to another."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.python = self.tools = 0.0      # seconds of processor time of all tasks

    def count(self) -> int:
        """How many tasks run beside each other."""
        return max(1, sum(self.client.nthreads().values()))

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """The outcomes as they come. The heaviest begin first."""
        from distributed import KilledWorker, as_completed

        waiting = as_completed()
        known: dict[str, tuple[Task, int]] = {}

        def submit(task: Task, attempt: int, not_on: str = "") -> None:
            others = [name for name in self.client.scheduler_info()["workers"] if name != not_on] if not_on else []
            future = self.client.submit(_guarded, task.function, task.arguments, pure=False, priority=task.weight,
                                        **({"workers": others, "allow_other_workers": True} if others else {}))
            known[future.key] = task, attempt
            waiting.add(future)

        for task in sorted(tasks, key=lambda task: -task.weight):
            submit(task, 1)
        for future in waiting:
            task, attempt = known.pop(future.key)
            error = future.exception()
            if error is not None:
                died = isinstance(error, KilledWorker)
                yield Outcome(task, error="its workers died" if died else f"Dask: {type(error).__name__}: {error}")
                continue
            done: _Done = future.result()
            self.python += done.python
            self.tools += done.tools
            if done.good:
                yield Outcome(task, done.value)
            elif attempt < ATTEMPTS:
                submit(task, attempt + 1, done.worker)
            else:
                yield Outcome(task, error=done.value)


@contextlib.contextmanager
def engine(workers: int, scheduler: str | None, memory: int, folder: pathlib.Path) -> Iterator[Engine]:
    """An engine with so many workers of this machine, or with those of a scheduler."""
    try:
        import dask
        import distributed
    except ImportError as error:
        raise Problem(Status.USAGE, f"{error.name} is missing: install python3-distributed and python3-numpy") from error
    for name in ("distributed", "distributed.nanny", "distributed.worker", "distributed.scheduler", "bokeh", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    settings = {"temporary-directory": str(folder), "distributed.scheduler.allowed-failures": ATTEMPTS,
                "distributed.logging.distributed": "critical", "distributed.worker.daemon": True,
                # Dask looks at what its workers do 100 times a second, which costs more than the work does.
                "distributed.worker.profile.interval": "10s", "distributed.worker.profile.cycle": "100s",
                "distributed.worker.profile.low-level": False, "distributed.admin.system-monitor.interval": "10s",
                "distributed.worker.memory.monitor-interval": "1s", "distributed.admin.tick.interval": "1s",
                "distributed.scheduler.work-stealing-interval": "1s",
                # Dask makes malloc give memory back at once: half of the time of copying packets was that.
                "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 256 << 20,
                "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 64 << 20}
    with dask.config.set(settings), contextlib.ExitStack() as stack:
        if scheduler:
            try:
                client = distributed.Client(scheduler, timeout=30)
            except (OSError, ValueError) as error:
                raise Problem(Status.USAGE, f"no scheduler answers at {scheduler}") from error
        else:
            cluster = stack.enter_context(distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, memory_limit=max(memory, LEAST_MEMORY) if memory else None,
                dashboard_address=None, local_directory=str(folder), silence_logs=logging.CRITICAL))
            client = distributed.Client(cluster)
        yield Engine(stack.enter_context(client))
