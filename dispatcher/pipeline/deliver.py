"""Deliver one recipient, from its row in the ledger to its outcome on disk: the middle of the story."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

from dispatcher import ledger
from dispatcher.channel import Sender
from dispatcher.channels import channel_of
from dispatcher.errors import LedgerError
from dispatcher.limiter.lanes import Slot
from dispatcher.limiter.limiter import Limiter
from dispatcher.limiter.pacer import Signal
from dispatcher.models import AttemptResult, Campaign, Outcome, Refusal
from dispatcher.pipeline.commits import written
from dispatcher.pipeline.queue import CampaignQueue


class Deliveries:
    """Delivers recipients of the campaigns that share one limit, as many at a time as it is asked to.

    Args:
        limiter: says when a request may leave, and learns from what became of it.
        senders: what sends the requests, by channel.
    """

    def __init__(self, limiter: Limiter, senders: Mapping[str, Sender]) -> None:
        self._limiter = limiter
        self._senders = senders
        self._is_aborted = False
        self._requests: set[asyncio.Task[AttemptResult | None]] = set()

    async def deliver(self, queue: CampaignQueue, row: ledger.DueRow, slot: Slot) -> AttemptResult | None:
        """Make one attempt for a row; return what became of it, or None where no request was to leave.

        Raises:
            LedgerError: the ledger could not take the intent, and no request left; or the outcome, and the next
                run finds it beside the ledger.
        """
        if queue.halt.code is not None:
            self._limiter.release(slot, Signal.UNUSED)
            return None
        body = await self._render(queue, row, slot)
        if body is None:
            return None
        attempt_id = await self._record_intent(queue, row, slot)
        if not await self._limiter.start(slot) or self._is_aborted:
            await self._hold_back(queue, row, slot, attempt_id)
            return None
        result = await self._send(queue.campaign, body)
        self._limiter.release(slot, _signal(result), retry_after_s=result.retry_after_s)
        not_before = queue.schedule(row, result)
        await written(queue.writer.conclude(attempt_id, row.id, result, not_before=not_before))
        queue.count(result)
        return result

    def abort(self) -> None:
        """Break off the requests in the air, each still gets its outcome; from now on none leaves."""
        self._is_aborted = True
        for request in self._requests:
            request.cancel()

    async def _render(self, queue: CampaignQueue, row: ledger.DueRow, slot: Slot) -> bytes | None:
        """Return the bytes to send; None for a row that breaks a rule by now, which is refused in the ledger."""
        channel = channel_of(queue.campaign)
        body = channel.render(queue.campaign, row.recipient, queue.today)
        if not isinstance(body, Refusal):
            return channel.encode(body)
        self._limiter.release(slot, Signal.UNUSED)
        await written(queue.writer.call(ledger.refuse_row, row.id, body))
        return None

    async def _record_intent(self, queue: CampaignQueue, row: ledger.DueRow, slot: Slot) -> int:
        """Put on disk that a request is about to leave; return the attempt's id."""
        try:
            return await written(queue.writer.intend(row.id, queue.run_id))
        except LedgerError:
            self._limiter.release(slot, Signal.UNUSED)  # no intent on disk, no request
            raise

    async def _hold_back(self, queue: CampaignQueue, row: ledger.DueRow, slot: Slot, attempt_id: int) -> None:
        """Conclude an attempt whose request did not leave: the API asked for a pause, or a person to stop at once."""
        self._limiter.release(slot, Signal.UNUSED)
        queue.counts.unsent += 1
        queue.put_back(row)
        result = AttemptResult(Outcome.UNSENT, "held back before it was sent")
        await written(queue.writer.conclude(attempt_id, row.id, result, not_before=ledger.utc_text(datetime.now(UTC))))

    async def _send(self, campaign: Campaign, body: bytes) -> AttemptResult:
        """Send one request; only while it is in the air may its delivery be cancelled, and it ends all the same."""
        delivery = asyncio.current_task()
        assert delivery is not None, "a delivery is a task"  # noqa: S101
        self._requests.add(delivery)
        try:
            return await self._senders[campaign.channel].send(campaign.agent.endpoint, body)
        finally:
            self._requests.discard(delivery)


def _signal(result: AttemptResult) -> Signal:
    """Say what an outcome means to the one who paces: what the server may have counted."""
    if result.outcome is Outcome.THROTTLED:
        return Signal.REFUSED
    if result.http_status is not None:
        return Signal.ANSWERED
    return Signal.UNANSWERED
