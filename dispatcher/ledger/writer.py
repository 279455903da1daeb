"""The one thread that writes to the ledger.

The event loop never waits for a disk: it hands over what is to be written and awaits a future. What has
gathered while the last commit was being synced is committed together, so that two hundred agents cost
no more syncs than the disk can do. A future is done only when its commit is on disk.
"""

import itertools
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import Connection

from dispatcher.errors import LedgerError
from dispatcher.ledger.file import open_writer, translated
from dispatcher.ledger.queue import Conclusion, Intent, count_attempt_ids, write_conclusions, write_intents
from dispatcher.models import Outcome

_GROUP_MAX = 1000
_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Call:
    """A function to run in a transaction of its own."""

    function: Callable[[Connection], Any]
    future: Future[Any] = field(default_factory=Future)


_Job = _Call | Intent | Conclusion


class Writer:
    """Writes to the ledger from a thread of its own; use as a context manager while holding the lock."""

    def __init__(self, path: Path, *, sandbox: bool | None = False) -> None:
        """Open the ledger, a rehearsal's when ``sandbox`` says so, either kind when it is None.

        Raises:
            LedgerError: it cannot be created or opened, is damaged, or is no ledger.
        """
        self.path = path
        self._engine = open_writer(path, sandbox=sandbox)
        self._identity = _identify(path)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="ledger-writer", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what was handed over, then close the ledger."""
        self._jobs.put(None)
        self._thread.join()
        self._engine.dispose()

    def call(
        self, function: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> Future[_T]:
        """Run ``function(connection, ...)`` in one transaction and return its result as a future.

        The future raises LedgerError when the database refuses, and what ``function`` raised otherwise;
        in both cases nothing of it is on disk.
        """
        job = _Call(lambda connection: function(connection, *args, **kwargs))
        self._jobs.put(job)
        return job.future

    def intend(self, recipient_id: int, run_id: int) -> Future[int]:
        """Record that a request is about to leave; the attempt's id comes once that is on disk."""
        job = Intent(recipient_id, run_id)
        self._jobs.put(job)
        return job.future

    def conclude(self, attempt_id: int, recipient_id: int, outcome: Outcome, *, not_before: str | None) -> Future[None]:
        """Record how an attempt ended and move its row to the state that follows."""
        job = Conclusion(attempt_id, recipient_id, outcome, not_before)
        self._jobs.put(job)
        return job.future

    def _work(self) -> None:
        with self._engine.connect() as connection:
            attempt_ids = count_attempt_ids(connection)
            while True:
                jobs = self._gather()
                for group in _split([job for job in jobs if job is not None]):
                    self._commit(connection, group, attempt_ids)
                if None in jobs:
                    return

    def _gather(self) -> list[_Job | None]:
        """Wait for a job, then take along whatever else is waiting."""
        jobs = [self._jobs.get()]
        while len(jobs) < _GROUP_MAX and not self._jobs.empty():
            jobs.append(self._jobs.get())
        return jobs

    def _commit(self, connection: Connection, group: list[_Job], attempt_ids: Iterator[int]) -> None:
        try:
            with translated(self.path):
                self._check_identity()
                with connection.begin():
                    results = _run(connection, group, attempt_ids)
        except BaseException as error:  # whatever it is, the one who waits must learn of it
            self._blame(connection, group, attempt_ids, error)
            return
        for job, result in zip(group, results, strict=True):
            job.future.set_result(result)

    def _blame(
        self, connection: Connection, group: list[_Job], attempt_ids: Iterator[int], error: BaseException
    ) -> None:
        """Hand the error to the job that caused it; the others of its group get a commit of their own."""
        if len(group) == 1:
            group[0].future.set_exception(error)
            return
        for job in group:
            self._commit(connection, [job], attempt_ids)

    def _check_identity(self) -> None:
        """Notice a ledger that was swapped or removed: SQLite itself would go on without an error."""
        if _identify(self.path) != self._identity:
            raise LedgerError(f"{self.path}: the ledger was replaced or removed while a run was writing to it")


def _identify(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _split(jobs: list[_Job]) -> Iterator[list[_Job]]:
    """Yield the jobs in order, neighbouring intents and conclusions together, each call alone."""
    for is_call, group in itertools.groupby(jobs, key=lambda job: isinstance(job, _Call)):
        if is_call:
            yield from ([job] for job in group)
        else:
            yield list(group)


def _run(connection: Connection, group: list[_Job], attempt_ids: Iterator[int]) -> list[Any]:
    """Do what a group asks inside one transaction; return each job's result in order."""
    if isinstance(group[0], _Call):
        return [group[0].function(connection)]
    intents = [job for job in group if isinstance(job, Intent)]
    ids = iter(write_intents(connection, intents, attempt_ids))
    write_conclusions(connection, [job for job in group if isinstance(job, Conclusion)])
    return [next(ids) if isinstance(job, Intent) else None for job in group]
