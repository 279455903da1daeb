"""Dispatch what is due: rows out of the ledger, one by one, at the pace of their agent, outcomes back in."""

import asyncio
import heapq
import itertools
import random
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar, TypeVar

from dispatcher import ledger
from dispatcher.errors import ExitCode, LedgerError
from dispatcher.limiter import Limiter, Signal, Slot
from dispatcher.message import encode_request, render_request
from dispatcher.models import Campaign, Outcome, Refusal, Verdict, mask_digits, state_after
from dispatcher.pipeline.control import Halt, Streak
from dispatcher.pipeline.events import Event, RowDone, Warned
from dispatcher.studio import Studio

_BATCH = 500
_UNSENT_TRIES = 3
_THROTTLED_TRIES = 8
IN_AIR_S = 4
"""An agent has at most the sessions of so many seconds in the air: a crash puts them all in doubt, and an API that
takes longer to answer is not helped by more."""

_NOT_BEFORE_MAX_S = 300
"""No row waits longer, whatever a clock that was stepped says; the vendor's Retry-After is capped alike."""

_T = TypeVar("_T")


async def written(future: "Future[_T]") -> _T:
    """Wait until the ledger's writing thread has it on disk.

    ``asyncio.wrap_future`` would do, but it wakes the loop for every future; here all that one commit
    settled wake it once, which is what lets a thousand sessions a second pass.
    """
    return await _Landings.of(asyncio.get_running_loop()).wait(future)


class _Landings:
    """Carries futures that the writing thread settled over to those who wait for them in the loop."""

    _current: "ClassVar[_Landings | None]" = None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._landed: deque[asyncio.Future[None]] = deque()
        self._is_woken = False

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> "_Landings":
        """Return those of the running loop, of which there is one at a time."""
        if cls._current is None or cls._current._loop is not loop:
            cls._current = cls(loop)
        return cls._current

    async def wait(self, future: "Future[_T]") -> _T:
        """Wait until ``future`` is settled; return its result or raise its error."""
        waiter = self._loop.create_future()
        future.add_done_callback(lambda _: self._land(waiter))
        await waiter
        return future.result()

    def _land(self, waiter: "asyncio.Future[None]") -> None:
        """Note, in the writing thread, that one may go on."""
        self._landed.append(waiter)
        if not self._is_woken:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._is_woken = False  # first of all: what lands from now on wakes the loop again
        while self._landed:
            waiter = self._landed.popleft()
            if not waiter.done():
                waiter.set_result(None)


class Budget:
    """How many more people this run may message; ``None`` is no bound."""

    def __init__(self, count: int | None) -> None:
        self._left = count

    def take(self) -> bool:
        """Take one; return whether there was one left."""
        if self._left is None:
            return True
        self._left -= 1
        return self._left >= 0


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
    tries: Counter[tuple[int, Verdict]] = field(default_factory=Counter)
    _fresh: deque[ledger.DueRow] = field(default_factory=deque)
    _place: tuple[int, int] = (0, 0)
    _waiting: list[tuple[float, int, int]] = field(default_factory=list)
    _order: "itertools.count[int]" = field(default_factory=itertools.count)

    async def prepare(self) -> None:
        """Queue the rows that an earlier run left for another try."""
        now, clock_s = datetime.now(UTC), asyncio.get_running_loop().time()
        for row_id, not_before in await written(self.writer.call(ledger.find_retryable, self.campaign_id)):
            wait_s = (datetime.fromisoformat(not_before) - now).total_seconds() if not_before else 0.0
            self._wait_until(clock_s + min(wait_s, _NOT_BEFORE_MAX_S), row_id)

    async def take(self) -> ledger.DueRow | None:
        """Return the next row that is due now: those waiting for another try before fresh ones."""
        if self.halt.code is not None:
            return None
        if self._waiting and self._waiting[0][0] <= asyncio.get_running_loop().time():
            row_id = heapq.heappop(self._waiting)[2]
            return await written(self.writer.call(ledger.read_row, row_id))
        if not self._fresh:
            due = await written(self.writer.call(ledger.find_due, self.campaign_id, after=self._place, count=_BATCH))
            self._fresh.extend(due)
        if not self._fresh or not self.budget.take():
            return None
        row = self._fresh.popleft()
        self._place = (row.recipient.row_number, row.id)
        return row

    def next_try_s(self) -> float | None:
        """Return the loop's time at which the next waiting row is due, None when none waits."""
        return self._waiting[0][0] if self._waiting and self.halt.code is None else None

    def schedule(self, row: ledger.DueRow, outcome: Outcome) -> float:
        """Queue a row for another try in this run, unless it had enough; return the seconds it must wait."""
        self.tries[row.id, outcome.verdict] += 1
        tries = self.tries[row.id, outcome.verdict]
        wait_s = _wait_s(outcome, tries, self.campaign.agent.limit)
        if tries < (_UNSENT_TRIES if outcome.verdict is Verdict.UNSENT else _THROTTLED_TRIES):
            self._wait_until(asyncio.get_running_loop().time() + wait_s, row.id)
        return wait_s

    def _wait_until(self, due_s: float, row_id: int) -> None:
        heapq.heappush(self._waiting, (due_s, next(self._order), row_id))


def _wait_s(outcome: Outcome, tries: int, limit: int) -> float:
    """Return how long a row waits for its next try.

    A 429 says nothing about the row: it goes to the front, and the limiter holds its agent. A row that
    could not leave waits 1, 2, 4 ... up to 60 seconds with jitter.
    """
    if outcome.verdict is Verdict.THROTTLED:
        return outcome.retry_after_s or 1 / limit
    return min(60.0, 2.0 ** (tries - 1)) * random.uniform(0.5, 1)  # noqa: S311 - jitter, no secret


class AgentDispatch:
    """Sends the due rows of all campaigns that share one limit, in fair turns, at that limit."""

    def __init__(
        self,
        queues: list[CampaignQueue],
        limiter: Limiter,
        studio: Studio,
        *,
        halt: Halt,
        on_event: Callable[[Event], None],
    ) -> None:
        self._turns = deque(queues)
        self._limiter = limiter
        self._studio = studio
        self._halt = halt
        self._on_event = on_event
        self._streak = Streak()
        self._note: str | None = None
        self._failure: BaseException | None = None
        self._in_air_max = IN_AIR_S * max((queue.campaign.agent.limit for queue in queues), default=1)
        self._in_air: set[asyncio.Task[None]] = set()
        self._requests: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take rows until none is due or the halt is pulled, then wait for what is in the air.

        Raises:
            Exception: what a delivery did not foresee, once everything in the air has landed.
        """
        try:
            for queue in self._turns:
                await queue.prepare()
            await self._halt.or_halted(self._start_deliveries())
        except LedgerError as error:
            self._halt.pull_everything(ExitCode.LEDGER, str(error))
        while self._in_air:
            await asyncio.wait(self._in_air)
        if self._failure is not None:
            raise self._failure

    async def _start_deliveries(self) -> None:
        """Start one delivery after the other, each in its slot, until none is due; may be cancelled."""
        while turn := await self._next():
            while len(self._in_air) >= self._in_air_max:
                await _first_landing(set(self._in_air))
            slot = await self._limiter.acquire()
            delivery = asyncio.create_task(self._deliver(*turn, slot))
            self._in_air.add(delivery)
            delivery.add_done_callback(self._land)

    def _land(self, delivery: "asyncio.Task[None]") -> None:
        self._in_air.discard(delivery)
        if not delivery.cancelled() and (failure := delivery.exception()):
            self._failure = failure
            self._halt.pull_everything(ExitCode.STOPPED, f"unexpected: {type(failure).__name__}")

    def abort(self) -> None:
        """Break off the requests in the air; each still gets its outcome."""
        for request in self._requests:
            request.cancel()

    async def _next(self) -> tuple[CampaignQueue, ledger.DueRow] | None:
        """Return the next row to send and its campaign; None when nothing is left or the halt is pulled."""
        while self._halt.code is None:
            for queue in tuple(self._turns):
                self._turns.rotate(-1)
                if row := await queue.take():
                    return queue, row
            tries_s = [moment for queue in self._turns if (moment := queue.next_try_s()) is not None]
            if not self._in_air and not tries_s:
                return None
            wait_s = max(0.0, min(tries_s) - asyncio.get_running_loop().time()) if tries_s else None
            await self._halt.or_halted(_first_landing(set(self._in_air)), wait_s)
        return None

    async def _deliver(self, queue: CampaignQueue, row: ledger.DueRow, slot: Slot) -> None:
        """Deliver one recipient: intent on disk, one request, outcome on disk."""
        rendered = render_request(queue.campaign, row.recipient, today=queue.today)
        try:
            if queue.halt.code is not None:
                self._limiter.release(slot, Signal.UNUSED)
            elif isinstance(rendered, Refusal):
                self._limiter.release(slot, Signal.UNUSED)
                await written(queue.writer.call(ledger.refuse_row, row.id, rendered))
            else:
                await self._attempt(queue, row, slot, encode_request(rendered))
        except LedgerError as error:
            self._halt.pull_everything(ExitCode.LEDGER, str(error))

    async def _attempt(self, queue: CampaignQueue, row: ledger.DueRow, slot: Slot, body: bytes) -> None:
        try:
            attempt_id = await written(queue.writer.intend(row.id, queue.run_id))
        except LedgerError:
            self._limiter.release(slot, Signal.UNUSED)  # no intent on disk, no request
            raise
        await self._limiter.start(slot)
        outcome = await self._send(queue.campaign.agent.endpoint, body)
        self._limiter.release(slot, _signal(outcome), retry_after_s=outcome.retry_after_s)
        not_before = None
        if outcome.verdict in (Verdict.THROTTLED, Verdict.UNSENT):
            wait_s = queue.schedule(row, outcome)
            not_before = ledger.utc_text(datetime.now(UTC) + timedelta(seconds=wait_s))
        await written(queue.writer.conclude(attempt_id, row.id, outcome, not_before=not_before))
        self._tell_pace()
        self._account(queue, row, outcome)

    def _tell_pace(self) -> None:
        """Say once when less than the approved limit is accepted, and when that changes."""
        if self._limiter.note != self._note:
            self._note = self._limiter.note
            if self._note:
                self._on_event(Warned(self._note))

    async def _send(self, endpoint: str, body: bytes) -> Outcome:
        """Send one request; only while it is in the air may its delivery be cancelled, and it ends all the same."""
        delivery = asyncio.current_task()
        assert delivery is not None, "a delivery is a task"  # noqa: S101
        self._requests.add(delivery)
        try:
            return await self._studio.send(endpoint, body)
        finally:
            self._requests.discard(delivery)

    def _account(self, queue: CampaignQueue, row: ledger.DueRow, outcome: Outcome) -> None:
        """Count an outcome, tell who watches, and stop what has to stop."""
        queue.counts.sent += outcome.headers_sent
        setattr(queue.counts, outcome.verdict, getattr(queue.counts, outcome.verdict) + 1)
        number = row.recipient.row_number
        masked = mask_digits(row.recipient.to)
        self._on_event(RowDone(queue.campaign.name, number, masked, state_after(outcome), outcome))
        agent_trouble, campaign_trouble = self._streak.add(outcome), queue.streak.add(outcome)
        if outcome.stop:
            self._halt.pull(ExitCode.STOPPED, outcome.stop)
        elif agent_trouble and outcome.verdict in (Verdict.THROTTLED, Verdict.UNSENT):
            self._halt.pull(ExitCode.STOPPED, agent_trouble)
        elif campaign_trouble:
            queue.halt.pull(ExitCode.STOPPED, campaign_trouble)


async def _first_landing(in_air: set[asyncio.Task[None]]) -> None:
    """Wait for the first of the deliveries that were in the air when it was asked, landed or not by now."""
    if in_air:
        await asyncio.wait(in_air, return_when=asyncio.FIRST_COMPLETED)
    else:
        await asyncio.Event().wait()  # nothing can land: only the time-out or the halt ends the wait


def _signal(outcome: Outcome) -> Signal:
    """Say what an outcome means to the one who paces: what the server may have counted."""
    if outcome.verdict is Verdict.THROTTLED:
        return Signal.REFUSED
    if outcome.http_status is not None:
        return Signal.ANSWERED
    return Signal.UNANSWERED
