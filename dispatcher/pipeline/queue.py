"""One campaign's rows in the order in which they are sent: those due again, then fresh ones."""

import asyncio
import heapq
import itertools
import random
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from dispatcher import ledger
from dispatcher.models import AttemptResult, Campaign, Outcome
from dispatcher.pipeline.commits import written
from dispatcher.pipeline.control import Halt, Streak

_BATCH = 500

_TRIES = {Outcome.UNSENT: 3, Outcome.THROTTLED: 8}
"""So many tries a row has in one run; all other outcomes are the last word."""

_NOT_BEFORE_MAX_S = 300
"""No row waits longer, whatever a clock that was stepped says; the vendor's Retry-After is capped alike."""


class Budget:
    """How many more people this run may message; ``None`` is no bound."""

    def __init__(self, count: int | None) -> None:
        self._left = count

    @property
    def is_spent(self) -> bool:
        """Whether nobody else may be messaged."""
        return self._left is not None and self._left <= 0

    def take(self) -> None:
        """Take one of those that are left."""
        if self._left is not None:
            self._left -= 1


@dataclass(slots=True)
class CampaignQueue:
    """One campaign's share of a run: its due rows, its counts, and why it stopped."""

    campaign: Campaign
    campaign_id: int
    run_id: int
    today: date
    writer: ledger.Writer
    budget: Budget
    halt: Halt
    counts: ledger.RunCounts = field(default_factory=ledger.RunCounts)
    streak: Streak = field(default_factory=Streak)
    tries: Counter[tuple[int, Outcome]] = field(default_factory=Counter)
    _fresh: deque[ledger.DueRow] = field(default_factory=deque)
    _cursor: tuple[int, int] = (0, 0)
    _earlier: deque[tuple[float, int]] = field(default_factory=deque)
    _waiting: list[tuple[float, int, ledger.DueRow]] = field(default_factory=list)
    _sequence: "itertools.count[int]" = field(default_factory=itertools.count)

    async def prepare(self) -> None:
        """Queue the rows that an earlier run left for another try."""
        now, clock_s = datetime.now(UTC), asyncio.get_running_loop().time()
        for row_id, not_before in await written(self.writer.call(ledger.find_retryable, self.campaign_id)):
            self._earlier.append((clock_s + seconds_until(not_before, now), row_id))

    async def take(self) -> ledger.DueRow | None:
        """Return the next row that is due now: this run's for another try, an earlier run's, then fresh ones.

        A row counts against the budget the first time it is taken in this run.
        """
        if self.halt.code is not None:
            return None
        now_s = asyncio.get_running_loop().time()
        if self._waiting and self._waiting[0][0] <= now_s:
            return heapq.heappop(self._waiting)[2]
        if self.budget.is_spent:
            return None
        if self._earlier and self._earlier[0][0] <= now_s:
            self.budget.take()
            return await written(self.writer.call(ledger.read_row, self._earlier.popleft()[1]))
        if not self._fresh:
            due = await written(self.writer.call(ledger.find_due, self.campaign_id, after=self._cursor, count=_BATCH))
            self._fresh.extend(due)
        if not self._fresh or self.budget.is_spent:  # another agent may have spent it while the ledger was read
            return None
        self.budget.take()
        row = self._fresh.popleft()
        self._cursor = (row.recipient.row_number, row.id)
        return row

    def next_try_s(self) -> float | None:
        """Return the loop's time at which the next waiting row is due, None when none waits."""
        if self.halt.code is not None:
            return None
        tries_s = [self._waiting[0][0]] if self._waiting else []
        tries_s += [self._earlier[0][0]] if self._earlier and not self.budget.is_spent else []
        return min(tries_s, default=None)

    def schedule(self, row: ledger.DueRow, result: AttemptResult) -> str | None:
        """Queue a row for another try in this run where it may have one; return the moment before which it waits.

        None where the outcome leaves nothing to try. A row that had enough tries waits for the next run.
        """
        if result.outcome not in _TRIES:
            return None
        self.tries[row.id, result.outcome] += 1
        tries = self.tries[row.id, result.outcome]
        wait_s = _wait_s(result, tries)
        if tries < _TRIES[result.outcome]:
            self._wait_until(asyncio.get_running_loop().time() + wait_s, row)
        return ledger.utc_text(datetime.now(UTC) + timedelta(seconds=wait_s))

    def count(self, result: AttemptResult) -> None:
        """Count an outcome that is on disk."""
        self.counts.sent += result.headers_sent
        setattr(self.counts, result.outcome, getattr(self.counts, result.outcome) + 1)

    def put_back(self, row: ledger.DueRow) -> None:
        """Queue a row whose request did not leave; that was no try."""
        self._wait_until(asyncio.get_running_loop().time(), row)

    def exchange(self, row: ledger.DueRow) -> ledger.DueRow:
        """Return the row that became due for another try since ``row`` was taken, which goes next then, or ``row``."""
        return heapq.heappushpop(self._waiting, (asyncio.get_running_loop().time(), next(self._sequence), row))[2]

    def _wait_until(self, due_s: float, row: ledger.DueRow) -> None:
        heapq.heappush(self._waiting, (due_s, next(self._sequence), row))


def seconds_until(not_before: str, now: datetime) -> float:
    """Return how long a time of the ledger makes a row wait, seconds; 0 where it is empty."""
    wait_s = (datetime.fromisoformat(not_before) - now).total_seconds() if not_before else 0.0
    return min(max(0.0, wait_s), _NOT_BEFORE_MAX_S)


def _wait_s(result: AttemptResult, tries: int) -> float:
    """Return how long a row waits for its next try.

    A 429 says nothing about the row: it goes to the front, and the limiter holds its agent. A row that
    could not leave waits 1, 2, 4 ... up to 60 seconds with jitter.
    """
    if result.outcome is Outcome.THROTTLED:
        return result.retry_after_s or 0.0
    return min(60.0, 2.0 ** (tries - 1)) * random.uniform(0.5, 1)  # noqa: S311 - jitter, no secret
