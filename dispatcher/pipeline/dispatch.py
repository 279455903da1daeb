"""Dispatch what is due to one agent: rows out of the ledger, one by one, each in its slot, until none is left."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from dispatcher import ledger
from dispatcher.channel import Sender
from dispatcher.channels import channel_of
from dispatcher.errors import ExitCode, LedgerError
from dispatcher.limiter.lanes import Slot
from dispatcher.limiter.limiter import Limiter
from dispatcher.models import AttemptResult, Outcome, state_after
from dispatcher.pipeline.control import Halt, Streak
from dispatcher.pipeline.deliver import Deliveries
from dispatcher.pipeline.pace import PaceWatch
from dispatcher.pipeline.progress import Progress, RowDone
from dispatcher.pipeline.queue import CampaignQueue
from dispatcher.text import mask_digits

IN_AIR_MAX = 20
"""An agent has at most so many requests in the air: a crash puts them all in doubt, and so does an API that falls
silent. Fewer would let a handful of requests that are never answered stop an agent of one session a second for the
minute until they are given up; more would not help an API that takes so long to answer.
"""


class AgentDispatch:
    """Sends the due rows of all campaigns that share one limit, in fair turns, at that limit.

    What becomes of the deliveries ends here: this class alone stops a campaign, its agent or the whole run for it.
    """

    def __init__(
        self,
        queues: Sequence[CampaignQueue],
        limiter: Limiter,
        senders: Mapping[str, Sender],
        *,
        halt: Halt,
        in_air_max: int = IN_AIR_MAX,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._turns = deque(queues)
        self._limiter = limiter
        self._deliveries = Deliveries(limiter, senders)
        self._halt = halt
        self._on_progress = on_progress
        self._streak = Streak()
        self._pace = PaceWatch(limiter, on_progress=on_progress)
        self._failure: BaseException | None = None
        self._in_air_max = in_air_max
        self._in_air: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take rows until none is due or the halt is pulled, then wait for what is in the air.

        Raises:
            Exception: what nobody foresaw, once everything in the air has landed.
        """
        try:
            for queue in self._turns:
                await queue.prepare()
            await self._halt.or_halted(self._start_deliveries())
        except Exception as error:
            self._fail(error)
        while self._in_air:
            await asyncio.wait(self._in_air)
        if self._failure is not None:
            raise self._failure

    def abort(self) -> None:
        """Break off the requests in the air, each still gets its outcome; from now on none leaves."""
        self._deliveries.abort()

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
        """Deliver one recipient; what has to stop stops before anything is told, for who is told may raise."""
        if result := await self._deliveries.deliver(queue, row, slot):
            self._brake(queue, result)
            self._pace.tell(queue.campaign)
            self._tell(queue, row, result)

    def _land(self, delivery: asyncio.Task[None]) -> None:
        """Take a delivery out of the air; it decides nothing, for asyncio only logs what a callback raises."""
        self._in_air.discard(delivery)
        if not delivery.cancelled() and (failure := delivery.exception()):
            self._fail(failure)

    def _fail(self, failure: BaseException) -> None:
        """Take no more rows anywhere; keep what nobody foresaw until everything in the air has landed."""
        self._halt.pull_everything(failure)
        if not isinstance(failure, LedgerError):
            self._failure = failure

    def _brake(self, queue: CampaignQueue, result: AttemptResult) -> None:
        """Stop the agent or the campaign where going on would only repeat what just happened."""
        now_s = asyncio.get_running_loop().time()
        agent_trouble, campaign_trouble = self._streak.add(result, now_s), queue.streak.add(result, now_s)
        advice = f". {channel_of(queue.campaign).words.throttled}" if result.outcome is Outcome.THROTTLED else ""
        if result.stop:
            self._halt.pull(ExitCode.STOPPED, result.stop)
        elif agent_trouble and result.outcome in (Outcome.THROTTLED, Outcome.UNSENT):
            self._halt.pull(ExitCode.STOPPED, agent_trouble + advice)
        elif campaign_trouble:
            queue.halt.pull(ExitCode.STOPPED, campaign_trouble + advice)

    def _tell(self, queue: CampaignQueue, row: ledger.DueRow, result: AttemptResult) -> None:
        """Tell who watches of an outcome that is on disk."""
        number, to = row.recipient.row_number, mask_digits(row.recipient.to)
        self._on_progress(RowDone(queue.campaign.name, number, to, state_after(result), result))


async def _first_landing(in_air: set[asyncio.Task[None]]) -> None:
    """Wait for the first of the deliveries that were in the air when it was asked, landed or not by now."""
    if in_air:
        await asyncio.wait(in_air, return_when=asyncio.FIRST_COMPLETED)
    else:
        await asyncio.Event().wait()  # nothing can land: only the time-out or the halt ends the wait
