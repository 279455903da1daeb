"""The one thread that writes to the ledger.

The event loop never waits for a disk: it hands over what is to be written and awaits a future. What has
gathered while the last commit was being synced is committed together, so that two hundred agents cost
no more syncs than the disk can do. A future is done only when its commit is on disk.
"""

import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import Connection

from dispatcher.errors import LedgerError
from dispatcher.ledger.engine import Store
from dispatcher.ledger.queue import Conclusion, Intent, write_conclusions
from dispatcher.models import AttemptResult

PATIENCE_S = 30.0
"""How long an outcome is tried again: a person may make room, and no request is in the air for longer."""

_RETRY_S = 0.5
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
    """Writes to a ledger that this process owns, from a thread of its own; use as a context manager.

    An outcome the store refuses is tried again for ``patience_s`` seconds, then kept for the next run; from
    the first refusal on no intent is taken until a commit succeeds.

    Attributes:
        notice: what a person should know of how the ledger was opened, empty for nothing.
    """

    def __init__(
        self, store: Store, *, patience_s: float = PATIENCE_S, wait: Callable[[float], None] = time.sleep
    ) -> None:
        """Begin to write.

        Args:
            store: the ledger; it is closed by who opened it.
            patience_s: how long an outcome is tried again.
            wait: waits for so many seconds between two tries.
        """
        self.notice = store.notice
        self._store = store
        self._patience_s = patience_s
        self._wait = wait
        self._trouble: LedgerError | None = None
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
        """Write what was handed over, then end."""
        self._jobs.put(None)
        self._thread.join()

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
        if trouble := self._trouble:
            job.future.set_exception(trouble)
        else:
            self._jobs.put(job)
        return job.future

    def conclude(
        self, attempt_id: int, recipient_id: int, result: AttemptResult, *, not_before: str | None
    ) -> Future[None]:
        """Record how an attempt ended and move its row to the state that follows."""
        job = Conclusion(attempt_id, recipient_id, result, not_before)
        self._jobs.put(job)
        return job.future

    def _work(self) -> None:
        with self._store.connect() as connection:
            while True:
                jobs = self._gather()
                for group in _split([job for job in jobs if job is not None]):
                    self._settle(connection, group)
                if None in jobs:
                    return

    def _gather(self) -> list[_Job | None]:
        """Wait for a job, then take along whatever else is waiting."""
        jobs = [self._jobs.get()]
        while len(jobs) < _GROUP_MAX and not self._jobs.empty():
            jobs.append(self._jobs.get())
        return jobs

    def _settle(self, connection: Connection, group: list[_Job]) -> None:
        """Commit a group and tell those who wait; where that fails, each job gets a commit of its own."""
        try:
            results = self._commit(connection, group)
        except BaseException as error:  # whatever it is, the one who waits must learn of it
            if len(group) > 1:
                for job in group:
                    self._settle(connection, [job])
            elif isinstance(group[0], Conclusion) and isinstance(error, LedgerError):
                self._insist(connection, group[0], error)
            else:
                group[0].future.set_exception(error)
            return
        if attempt_ids := [result for job, result in zip(group, results, strict=True) if isinstance(job, Intent)]:
            self._note_attempt(max(attempt_ids))
        for job, result in zip(group, results, strict=True):
            job.future.set_result(result)

    def _note_attempt(self, attempt_id: int) -> None:
        """Note what is committed: it stands whatever becomes of the note, but without one no intent follows."""
        try:
            self._store.note_attempt(attempt_id)
        except LedgerError as error:
            self._trouble = error

    def _commit(self, connection: Connection, group: list[_Job]) -> list[Any]:
        if self._trouble and any(isinstance(job, Intent) for job in group):
            raise self._trouble
        return self._store.commit(connection, partial(_run, store=self._store, group=group))

    def _insist(self, connection: Connection, job: Conclusion, error: LedgerError) -> None:
        """Try again to write an outcome that is known; when patience ends, leave it to the next run."""
        self._trouble = error
        while self._store.may_pass(error) and self._patience_s > 0:
            self._patience_s -= _RETRY_S
            self._wait(_RETRY_S)
            try:
                self._commit(connection, [job])
            except LedgerError as again:
                error = again
            else:
                self._trouble = None
                job.future.set_result(None)
                return
        place = self._store.keep(job)
        kept = f"the outcome is kept in {place}" if place else "the row will be in doubt"
        job.future.set_exception(LedgerError(f"{error}; {kept}"))


def _split(jobs: list[_Job]) -> Iterator[list[_Job]]:
    """Yield the jobs in order, neighbouring intents and conclusions together, each call alone."""
    for is_call, group in itertools.groupby(jobs, key=lambda job: isinstance(job, _Call)):
        if is_call:
            yield from ([job] for job in group)
        else:
            yield list(group)


def _run(connection: Connection, *, store: Store, group: list[_Job]) -> list[Any]:
    """Do what a group asks inside one transaction; return each job's result in order."""
    if isinstance(group[0], _Call):
        return [group[0].function(connection)]
    intents = [job for job in group if isinstance(job, Intent)]
    ids = iter(store.write_intents(connection, intents))
    write_conclusions(connection, [job for job in group if isinstance(job, Conclusion)])
    return [next(ids) if isinstance(job, Intent) else None for job in group]
