"""What makes a run end before its rows do: people, time, the API, the ledger."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from dispatcher.errors import ExitCode, LedgerError
from dispatcher.models import AttemptResult, Outcome

THROTTLED_IN_A_ROW = 10
UNSENT_IN_A_ROW = 10
ALIKE_IN_A_ROW = 20
"""So many outcomes of one kind in a row are no accident of single rows; going on would only repeat them."""

_T = TypeVar("_T")


class StopSwitch:
    """A person's or the system's wish to stop: once means no new rows, twice means now.

    ``request`` may be called from a signal handler at any time, before and while the loop runs.
    """

    def __init__(self) -> None:
        self.requests = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._soft = asyncio.Event()
        self._hard = asyncio.Event()

    def request(self) -> None:
        """Ask once more to stop."""
        self.requests += 1
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake)

    def is_requested(self) -> bool:
        """Return whether somebody asked to stop."""
        return self.requests > 0

    def attach(self) -> None:
        """Wake the waiters of the running loop from now on."""
        self._loop = asyncio.get_running_loop()
        self._wake()

    def detach(self) -> None:
        """Forget the loop, which is about to close."""
        self._loop = None

    def _wake(self) -> None:
        if self.requests >= 1:
            self._soft.set()
        if self.requests >= 2:
            self._hard.set()

    async def wait_soft(self) -> None:
        """Wait until somebody asks to stop."""
        await self._soft.wait()

    async def wait_hard(self) -> None:
        """Wait until somebody asks to stop at once."""
        await self._hard.wait()


PRECEDENCE = (
    ExitCode.UNEXPECTED,
    ExitCode.INTERRUPTED,
    ExitCode.STOPPED,
    ExitCode.LEDGER,
    ExitCode.TIME_LIMIT,
    ExitCode.SHEET_REFUSED,
    ExitCode.ROWS_NEED_ATTENTION,
    ExitCode.RETRYABLE_REMAIN,
    ExitCode.OK,
)
"""Where several exit codes hold, the first of these is the one to report."""


class Halt:
    """Why no more rows are taken: nothing yet, or the gravest reason that came up.

    One for the whole run, one for each agent below it, one for each campaign below its agent. ``send`` makes them all,
    the run's before anything else; who is handed one pulls it or asks it, and makes none.
    """

    def __init__(self, above: "Halt | None" = None) -> None:
        self._above = above
        self._below: list[Halt] = []
        self._event = asyncio.Event()
        self._pulled: list[tuple[ExitCode, str]] = []
        if above is not None:
            above._below.append(self)

    @property
    def code(self) -> ExitCode | None:
        """The exit code that goes with the reason; None while rows may be taken."""
        return self._gravest()[0] if self._all_pulled() else None

    @property
    def reason(self) -> str:
        """Why, in words."""
        return self._gravest()[1] if self._all_pulled() else ""

    def pull(self, code: ExitCode, reason: str) -> None:
        """Take no more rows, here and below."""
        self._pulled.append((code, reason))
        self._wake()

    def pull_everything(self, failure: BaseException) -> None:
        """Take no more rows anywhere in this run: where the machinery fails for one, it fails for all."""
        top = self
        while top._above is not None:
            top = top._above
        if isinstance(failure, LedgerError):
            top.pull(ExitCode.LEDGER, str(failure))
        else:
            top.pull(ExitCode.UNEXPECTED, f"unexpected: {type(failure).__name__}")

    def _all_pulled(self) -> list[tuple[ExitCode, str]]:
        return self._pulled + (self._above._all_pulled() if self._above else [])

    def _gravest(self) -> tuple[ExitCode, str]:
        return min(self._all_pulled(), key=lambda pulled: PRECEDENCE.index(pulled[0]))

    def _wake(self) -> None:
        self._event.set()
        for halt in self._below:
            halt._wake()

    async def or_halted(self, awaitable: Awaitable[_T], timeout_s: float | None = None) -> _T | None:
        """Return what ``awaitable`` gives, or None when the halt or the time-out comes first."""
        if self.code is not None:
            return await _abandon(asyncio.ensure_future(awaitable))
        wanted = asyncio.ensure_future(awaitable)
        halted = asyncio.ensure_future(self._event.wait())
        try:
            await asyncio.wait({wanted, halted}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            return wanted.result() if wanted.done() else await _abandon(wanted)
        finally:
            halted.cancel()
            wanted.cancel()  # whoever waits here may be cancelled, and then nobody else would end it


async def _abandon(task: "asyncio.Future[_T] | asyncio.Task[_T]") -> _T | None:
    task.cancel()
    try:
        return await task  # it may have finished in this very moment; then its result counts
    except asyncio.CancelledError:
        return None


@asynccontextmanager
async def stop_watched(halt: Halt, stop: StopSwitch, left_s: float | None) -> AsyncIterator[None]:
    """Pull the run's halt when a person asks inside this block, or ``left_s`` seconds are over; None is no bound."""

    async def watch_people() -> None:
        await stop.wait_soft()
        halt.pull(ExitCode.INTERRUPTED, "stopped by hand")

    async def watch_time(seconds: float) -> None:
        await asyncio.sleep(seconds)
        halt.pull(ExitCode.TIME_LIMIT, "the time limit was reached")

    watchers = [asyncio.create_task(watch_people())]
    if left_s is not None:
        watchers.append(asyncio.create_task(watch_time(left_s)))
    try:
        yield
    finally:
        for watcher in watchers:
            watcher.cancel()


@dataclass(slots=True)
class Streak:
    """Counts outcomes of one kind in a row and says when there are too many.

    A request refused with 429 counts only if it left when the refusal counted before it was known: where answers take
    seconds, one decision has a dozen requests in the air.
    """

    outcome: Outcome | None = None
    http_status: int | None = None
    length: int = 0
    counted_at_s: float = -math.inf

    def add(self, result: AttemptResult, now_s: float) -> str | None:
        """Count one more outcome, known at ``now_s`` of a monotonic clock; return why the run should stop, or None."""
        if (result.outcome, result.http_status) != (self.outcome, self.http_status):
            self.outcome, self.http_status, self.length = result.outcome, result.http_status, 0
        elif result.outcome is Outcome.THROTTLED and now_s - result.latency_ms / 1_000 < self.counted_at_s:
            return None
        self.length, self.counted_at_s = self.length + 1, now_s
        return self._judge(result)

    def _judge(self, result: AttemptResult) -> str | None:
        if self.outcome is Outcome.THROTTLED and self.length >= THROTTLED_IN_A_ROW:
            return f"{self.length} requests in a row were refused with 429"
        if self.outcome is Outcome.UNSENT and self.length >= UNSENT_IN_A_ROW:
            return f"{self.length} requests in a row could not leave this machine ({result.reason}). Check the network"
        if self.outcome in (Outcome.REJECTED, Outcome.IN_DOUBT) and self.length >= ALIKE_IN_A_ROW:
            return f"{self.length} rows in a row ended alike ({result.reason}). Check the campaign file and the API"
        return None
