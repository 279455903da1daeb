"""One agent's share of a run: the hold of its warm-up, its pace, its campaigns, and what pacing learnt."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from dispatcher import ledger
from dispatcher.channel import Sender
from dispatcher.channels import channel_of
from dispatcher.errors import LedgerError
from dispatcher.limiter.limiter import Limiter
from dispatcher.limiter.stances import Learnt
from dispatcher.pipeline.commits import written
from dispatcher.pipeline.control import Halt, StopSwitch
from dispatcher.pipeline.dispatch import AgentDispatch
from dispatcher.pipeline.progress import Progress, WarmUp
from dispatcher.pipeline.queue import CampaignQueue, seconds_until

_KEEP_EVERY_S = 60.0
_FLOOR = "not_before"  # kept with what was learnt


class AgentRun:
    """Sends the due rows of the campaigns that share one limit.

    Args:
        scope: the agent's id, or what stands for its API key.
        queues: the campaigns, at least one.
        writer: the ledger.
        halt: this agent's, above those of the campaigns.
        stop: how a person ends the run early.
        on_progress: told what happens; must not block.
    """

    def __init__(
        self,
        scope: str,
        queues: Sequence[CampaignQueue],
        writer: ledger.Writer,
        *,
        halt: Halt,
        stop: StopSwitch,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.queues = queues
        self.scope = scope
        self._agent = queues[0].campaign.agent
        self._granted = channel_of(queues[0].campaign).limits.granted
        self._writer = writer
        self._halt = halt
        self._stop = stop
        self._on_progress = on_progress

    async def complete(
        self,
        senders: Mapping[str, Sender],
        *,
        in_air_max: int,
        warm_at_s: float,
        idle_s: float | None,
        sum_up: Callable[[CampaignQueue], Awaitable[None]],
    ) -> None:
        """Hold, dispatch what is due, keep what was learnt, and sum up each campaign, however that ended.

        Args:
            senders: what sends the requests, by channel.
            in_air_max: so many of them at a time.
            warm_at_s: the loop's time until which nothing is sent.
            idle_s: seconds since an earlier run last sent, None if none ever did.
            sum_up: writes down how a campaign's share of the run ended.

        Raises:
            LedgerError: the ledger cannot be read or written.
        """
        try:
            await self._hold(warm_at_s)
            await self._dispatch(senders, in_air_max=in_air_max, idle_s=idle_s)
        except Exception as error:  # it stops the other agents too, once their requests have landed
            self._halt.pull_everything(error)
            raise
        finally:
            for queue in self.queues:
                await sum_up(queue)

    async def _dispatch(self, senders: Mapping[str, Sender], *, in_air_max: int, idle_s: float | None) -> None:
        limiter = await self._make_limiter(idle_s)
        dispatch = AgentDispatch(
            self.queues, limiter, senders, halt=self._halt, in_air_max=in_air_max, on_progress=self._on_progress
        )
        aside = [
            asyncio.create_task(self._abort_when_asked(dispatch)),
            asyncio.create_task(self._keep_learnt_often(limiter)),
        ]
        try:
            await dispatch.run()
        finally:
            for task in aside:
                task.cancel()
        await self._keep_learnt(limiter)

    async def _hold(self, warm_at_s: float) -> None:
        """Wait for the rest of the warm-up, telling every second how much is left."""
        clock_s = asyncio.get_running_loop().time
        left_s = warm_at_s - clock_s()
        while left_s > 0 and self._halt.code is None:
            self._on_progress(WarmUp(self._agent.id, self._agent.limit, left_s))
            await self._halt.or_halted(asyncio.sleep(min(1.0, left_s)))
            left_s = warm_at_s - clock_s()
            if left_s <= 0:
                self._on_progress(WarmUp(self._agent.id, self._agent.limit, 0.0))

    async def _make_limiter(self, idle_s: float | None) -> Limiter:
        """Return a limiter that knows what earlier runs learnt, and what a Retry-After still asks for."""
        record = await written(self._writer.call(ledger.find_agent, self.scope))
        agent_ids = {queue.campaign.agent.id for queue in self.queues}
        floor = await written(self._writer.call(ledger.find_floor, agent_ids))
        learnt, pause_s = _read_learnt(record.learnt) if record else (None, 0.0)
        held_s = max(pause_s, seconds_until(floor, datetime.now(UTC)))
        return Limiter(self._agent.limit, granted=self._granted, learnt=learnt, idle_s=idle_s, held_s=held_s)

    async def _keep_learnt_often(self, limiter: Limiter) -> None:
        """Keep what was learnt now and then, so that a run that is killed has not learnt in vain."""
        with contextlib.suppress(LedgerError):  # the dispatch meets the same trouble, and tells it
            while True:
                await asyncio.sleep(_KEEP_EVERY_S)
                await self._keep_learnt(limiter)

    async def _keep_learnt(self, limiter: Limiter) -> None:
        """Keep it with the moment before which nothing may be sent; the rows that were told so may be gone by then."""
        floor = ledger.utc_text(datetime.now(UTC) + timedelta(seconds=limiter.asked_to_wait_s))
        kept = json.dumps(limiter.learnt.to_json() | {_FLOOR: floor})
        await written(self._writer.call(ledger.keep_learnt, self.scope, kept))

    async def _abort_when_asked(self, dispatch: AgentDispatch) -> None:
        await self._stop.wait_hard()
        dispatch.abort()


def _read_learnt(text: str) -> tuple[Learnt | None, float]:
    """Read what an earlier run learnt, and the seconds its pause still lasts; the unreadable is as good as nothing."""
    try:
        kept = json.loads(text)
        return Learnt.from_json(kept), seconds_until(kept.get(_FLOOR, ""), datetime.now(UTC))
    except (ValueError, TypeError, AttributeError):
        return None, 0.0
