"""Dispatch what is due: rows out of the ledger, one by one, at the pace of their agent, outcomes back in."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from dispatcher import ledger
from dispatcher.channel import Sender
from dispatcher.errors import ExitCode, LedgerError
from dispatcher.limiter import Signal, Slot
from dispatcher.limiter.limiter import Limiter
from dispatcher.models import Agent, AttemptResult, Campaign, Outcome, Refusal, state_after
from dispatcher.pipeline.channels import channel_of
from dispatcher.pipeline.commits import written
from dispatcher.pipeline.control import Halt, Streak
from dispatcher.pipeline.events import Event, RowDone, Warned
from dispatcher.pipeline.queue import CampaignQueue
from dispatcher.text import mask_digits

_CALLS_TO_TRUST = 30
"""The limiter gives the approved limit up again when three of so many calls are refused."""

IN_AIR_MAX = 20
"""An agent has at most so many requests in the air: a crash puts them all in doubt, and so does an API that falls
silent. Fewer would let a handful of requests that are never answered stop an agent of one session a second for the
minute until they are given up; more would not help an API that takes so long to answer.
"""


class AgentDispatch:
    """Sends the due rows of all campaigns that share one limit, in fair turns, at that limit."""

    def __init__(
        self,
        queues: Sequence[CampaignQueue],
        limiter: Limiter,
        senders: Mapping[str, Sender],
        *,
        halt: Halt,
        in_air_max: int = IN_AIR_MAX,
        on_event: Callable[[Event], None],
    ) -> None:
        self._turns = deque(queues)
        self._limiter = limiter
        self._senders = senders
        self._halt = halt
        self._on_event = on_event
        self._streak = Streak()
        self._note: str | None = None
        self._calls_at_limit = 0
        self._failure: BaseException | None = None
        self._is_aborted = False
        self._in_air_max = in_air_max
        self._in_air: set[asyncio.Task[None]] = set()
        self._requests: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take rows until none is due or the halt is pulled, then wait for what is in the air.

        Raises:
            Exception: what nobody foresaw, once everything in the air has landed.
        """
        try:
            for queue in self._turns:
                await queue.prepare()
            await self._halt.or_halted(self._start_deliveries())
        except LedgerError as error:
            self._halt.pull_everything(ExitCode.LEDGER, str(error))
        except Exception as error:
            self._fail(error)
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
            queue, row = turn
            delivery = asyncio.create_task(self._deliver(queue, queue.exchange(row), slot))
            self._in_air.add(delivery)
            delivery.add_done_callback(self._land)

    def _land(self, delivery: "asyncio.Task[None]") -> None:
        self._in_air.discard(delivery)
        if not delivery.cancelled() and (failure := delivery.exception()):
            self._fail(failure)

    def _fail(self, failure: BaseException) -> None:
        """Keep what nobody foresaw until everything in the air has landed; take no more rows."""
        self._failure = failure
        self._halt.pull_everything(ExitCode.UNEXPECTED, f"unexpected: {type(failure).__name__}")

    def abort(self) -> None:
        """Break off the requests in the air, each still gets its outcome; from now on none leaves."""
        self._is_aborted = True
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
        channel = channel_of(queue.campaign)
        rendered = channel.render(queue.campaign, row.recipient, queue.today)
        try:
            if queue.halt.code is not None:
                self._limiter.release(slot, Signal.UNUSED)
            elif isinstance(rendered, Refusal):
                self._limiter.release(slot, Signal.UNUSED)
                await written(queue.writer.call(ledger.refuse_row, row.id, rendered))
            else:
                await self._attempt(queue, row, slot, channel.encode(rendered))
        except LedgerError as error:
            self._halt.pull_everything(ExitCode.LEDGER, str(error))

    async def _attempt(self, queue: CampaignQueue, row: ledger.DueRow, slot: Slot, body: bytes) -> None:
        try:
            attempt_id = await written(queue.writer.intend(row.id, queue.run_id))
        except LedgerError:
            self._limiter.release(slot, Signal.UNUSED)  # no intent on disk, no request
            raise
        if not await self._limiter.start(slot) or self._is_aborted:
            await self._hold_back(queue, row, slot, attempt_id)
            return
        result = await self._send(queue.campaign, body)
        self._limiter.release(slot, _signal(result), retry_after_s=result.retry_after_s)
        not_before = None
        if result.outcome in (Outcome.THROTTLED, Outcome.UNSENT):
            wait_s = queue.schedule(row, result)
            not_before = ledger.utc_text(datetime.now(UTC) + timedelta(seconds=wait_s))
        await written(queue.writer.conclude(attempt_id, row.id, result, not_before=not_before))
        self._tell_pace(queue.campaign.agent)
        self._account(queue, row, result)

    async def _hold_back(self, queue: CampaignQueue, row: ledger.DueRow, slot: Slot, attempt_id: int) -> None:
        """Conclude an attempt whose request did not leave: the API asked for a pause, or a person to stop at once."""
        self._limiter.release(slot, Signal.UNUSED)
        queue.counts.unsent += 1
        queue.put_back(row)
        result = AttemptResult(Outcome.UNSENT, "held back before it was sent")
        await written(queue.writer.conclude(attempt_id, row.id, result, not_before=ledger.utc_text(datetime.now(UTC))))

    def _tell_pace(self, agent: Agent) -> None:
        """Say once when less than the approved limit is accepted, and once when it is accepted again."""
        note = self._limiter.note
        self._calls_at_limit = 0 if note else self._calls_at_limit + 1
        if note and note != self._note:
            self._note = note
            self._on_event(Warned(f"agent {agent.id}: {note}", agent.id))
        elif self._note and self._calls_at_limit == _CALLS_TO_TRUST:
            self._note = None
            self._on_event(Warned(f"agent {agent.id}: {agent.limit} a second are accepted again", agent.id))

    async def _send(self, campaign: Campaign, body: bytes) -> AttemptResult:
        """Send one request; only while it is in the air may its delivery be cancelled, and it ends all the same."""
        delivery = asyncio.current_task()
        assert delivery is not None, "a delivery is a task"  # noqa: S101
        self._requests.add(delivery)
        try:
            return await self._senders[campaign.channel].send(campaign.agent.endpoint, body)
        finally:
            self._requests.discard(delivery)

    def _account(self, queue: CampaignQueue, row: ledger.DueRow, result: AttemptResult) -> None:
        """Count an outcome, tell who watches, and stop what has to stop."""
        queue.counts.sent += result.headers_sent
        setattr(queue.counts, result.outcome, getattr(queue.counts, result.outcome) + 1)
        number = row.recipient.row_number
        masked = mask_digits(row.recipient.to)
        self._on_event(RowDone(queue.campaign.name, number, masked, state_after(result), result))
        now_s = asyncio.get_running_loop().time()
        agent_trouble, campaign_trouble = self._streak.add(result, now_s), queue.streak.add(result, now_s)
        if result.stop:
            self._halt.pull(ExitCode.STOPPED, result.stop)
        elif agent_trouble and result.outcome in (Outcome.THROTTLED, Outcome.UNSENT):
            self._halt.pull(ExitCode.STOPPED, agent_trouble)
        elif campaign_trouble:
            queue.halt.pull(ExitCode.STOPPED, campaign_trouble)


async def _first_landing(in_air: set[asyncio.Task[None]]) -> None:
    """Wait for the first of the deliveries that were in the air when it was asked, landed or not by now."""
    if in_air:
        await asyncio.wait(in_air, return_when=asyncio.FIRST_COMPLETED)
    else:
        await asyncio.Event().wait()  # nothing can land: only the time-out or the halt ends the wait


def _signal(result: AttemptResult) -> Signal:
    """Say what an outcome means to the one who paces: what the server may have counted."""
    if result.outcome is Outcome.THROTTLED:
        return Signal.REFUSED
    if result.http_status is not None:
        return Signal.ANSWERED
    return Signal.UNANSWERED
