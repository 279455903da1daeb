"""The main job: lock, load, ask, dispatch, account."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from dispatcher import ledger
from dispatcher.channel import Sender
from dispatcher.errors import ExitCode, InterruptedRunError, LedgerError, SheetError
from dispatcher.limiter import seconds_at_limit, warm_up_left_s
from dispatcher.models import Agent, Campaign, State
from dispatcher.pipeline.account import Account
from dispatcher.pipeline.agent import AgentRun
from dispatcher.pipeline.channels import channel_of
from dispatcher.pipeline.commits import written
from dispatcher.pipeline.connections import share_connections
from dispatcher.pipeline.control import Halt, StopSwitch
from dispatcher.pipeline.events import Event, Loaded, Loading, Plan, Warned
from dispatcher.pipeline.garbage import rare_collections
from dispatcher.pipeline.order import SendOrder, limit_scope, refuse_contradictions
from dispatcher.pipeline.queue import Budget, CampaignQueue
from dispatcher.pipeline.sheet import load_into_ledger
from dispatcher.text import format_count


def send(
    order: SendOrder, *, on_event: Callable[[Event], None], stop: StopSwitch, confirm: Callable[[list[Plan]], bool]
) -> ExitCode:
    """Send everything due, once; the exit code says what remains.

    Args:
        order: what to do.
        on_event: told what happens; must not block.
        stop: how a person ends the run early.
        confirm: asked once, before the first request.

    Raises:
        UsageError: campaigns that cannot run side by side.
        LockHeldError: another run writes to the ledger.
        SheetError: the only campaign's file cannot be trusted.
        LedgerError: the ledger cannot be used; nothing was sent.
        InterruptedRunError: stopped before the first request.
    """
    started_s = time.monotonic()
    refuse_contradictions(order)
    owned = ledger.own(
        order.locator,
        kind=ledger.Kind.REHEARSAL if order.sandbox else ledger.Kind.REAL,
        is_fresh=order.starts_afresh,
        wait_s=order.wait_lock_s,
        is_stopped=stop.is_requested,
    )
    with owned as writer:
        run = _Run(order, writer, on_event=on_event, stop=stop, confirm=confirm, started_s=started_s)
        return asyncio.run(run.complete())


class _Run:
    """One run, from the sweep of a dead predecessor to the last summary."""

    def __init__(
        self,
        order: SendOrder,
        writer: ledger.Writer,
        *,
        on_event: Callable[[Event], None],
        stop: StopSwitch,
        confirm: Callable[[list[Plan]], bool],
        started_s: float,
    ) -> None:
        self._order = order
        self._writer = writer
        self._on_event = on_event
        self._stop = stop
        self._confirm = confirm
        self._started_s = started_s
        self._halt = Halt()
        self._swept = 0
        self._warm_at_s: dict[str, float] = {}  # by scope, for those that have something due; the loop's time
        self._account = Account(writer, on_event=on_event, started_s=started_s)

    async def complete(self) -> ExitCode:
        """Load, ask, dispatch and account; return the gravest campaign's exit code."""
        self._stop.attach()
        try:
            self._swept = await written(self._writer.call(ledger.sweep_dead_run))
            if self._swept:
                self._on_event(
                    Warned(f"an earlier run died; in doubt now: {format_count(self._swept, 'row')} it was sending")
                )
            loaded = [campaign for campaign in self._order.campaigns if await self._load(campaign)]
            await self._withdraw_vanished(loaded)
            plans = [await self._plan(campaign) for campaign in loaded]
            for plan in plans:
                self._on_event(plan)
            if any(plan.due for plan in plans) and not self._confirm(plans):
                raise InterruptedRunError("nothing was sent")
            await self._make_due(loaded)
            await self._dispatch(loaded)
            return self._account.exit_code
        finally:
            self._account.tell_last()
            self._stop.detach()

    async def _load(self, campaign: Campaign) -> bool:
        """Bring the ledger in line with one campaign's sheet; return whether the campaign can go on."""
        path = self._order.recipients_path or campaign.recipients_path
        loop = asyncio.get_running_loop()

        def tell(rows: int) -> None:
            loop.call_soon_threadsafe(self._on_event, Loading(campaign.name, rows))

        call = self._writer.call(
            load_into_ledger,
            campaign,
            path,
            today=self._order.today,
            accept_refused=self._order.accept_refused,
            on_rows=tell,
            is_stopped=self._stop.is_requested,
        )
        try:
            report = await written(call)
        except SheetError as error:
            if len(self._order.campaigns) == 1:
                raise
            self._on_event(Warned(f"{campaign.name}: {error}"))
            await self._account.refuse(campaign.name, error)
            return False
        self._tell_loaded(campaign, report)
        return True

    def _tell_loaded(self, campaign: Campaign, report: ledger.LoadReport | None) -> None:
        if report is None:
            self._on_event(Loaded(campaign.name, is_unchanged=True))
            return
        changes = report.changes
        self._on_event(
            Loaded(
                campaign.name,
                is_unchanged=False,
                new=changes[ledger.Change.NEW],
                corrected=changes[ledger.Change.CORRECTED],
                withdrawn=report.withdrawn,
            )
        )
        if late := changes[ledger.Change.CHANGED_AFTER_SENDING]:
            self._on_event(
                Warned(f"{campaign.name}: {format_count(late, 'row')} changed after sending; not sent again")
            )

    async def _withdraw_vanished(self, campaigns: Sequence[Campaign]) -> None:
        for campaign in campaigns:
            await written(self._writer.call(ledger.withdraw_vanished, await self._campaign_id(campaign)))

    async def _make_due(self, campaigns: Sequence[Campaign]) -> None:
        """Put back what is to be tried again, once nobody objects, and no more than may be sent."""
        outcomes, rows_max = self._order.retry_outcomes, self._order.people_max
        for campaign in campaigns if outcomes else ():
            campaign_id = await self._campaign_id(campaign)
            await written(self._writer.call(ledger.retry, campaign_id, outcomes, rows_max=rows_max))

    async def _campaign_id(self, campaign: Campaign) -> int:
        record = await written(self._writer.call(ledger.find_campaign, campaign.name))
        assert record is not None, "a loaded campaign is in the ledger"  # noqa: S101
        return record.id

    async def _plan(self, campaign: Campaign) -> Plan:
        campaign_id, outcomes = await self._campaign_id(campaign), self._order.retry_outcomes
        states = await written(self._writer.call(ledger.count_states, campaign_id))
        failed = await written(self._writer.call(ledger.count_failed, campaign_id, outcomes)) if outcomes else 0
        due = states[State.PENDING] + states[State.RETRYABLE] + failed
        if self._order.people_max is not None:
            due = min(due, self._order.people_max)
        scope = limit_scope(campaign, self._order.api_key)
        left_s = await self._note_limit(scope, campaign.agent)
        if due:
            self._warm_at_s[scope] = asyncio.get_running_loop().time() + left_s
        return Plan(
            campaign=campaign.name,
            scope=scope,
            agent_id=campaign.agent.id,
            limit=campaign.agent.limit,
            due=due,
            seconds_at_limit=seconds_at_limit(due, campaign.agent.limit),
            warm_up_left_s=left_s,
            in_doubt=states[State.IN_DOUBT],
        )

    async def _note_limit(self, scope: str, agent: Agent) -> float:
        """Record the limit that a campaign states; return the seconds for which a change of it still holds sending."""
        warm_up_s = agent.warm_up_s if self._order.warm_up else 0.0
        record = await written(self._writer.call(ledger.note_limit, scope, agent.limit, warm_up_s=warm_up_s))
        return warm_up_left_s(warm_up_s=warm_up_s, elapsed_s=record.elapsed_s)

    async def _dispatch(self, campaigns: Sequence[Campaign]) -> None:
        budget = Budget(self._order.people_max)
        groups: dict[str, list[CampaignQueue]] = {}
        # A dead run may have sent until just now, whatever a clock that was stepped since then says.
        idle_s = 0.0 if self._swept else await written(self._writer.call(ledger.seconds_since_last_attempt))
        scopes = {limit_scope(campaign, self._order.api_key) for campaign in campaigns}
        share = share_connections(len(scopes))
        async with (
            self._endpoints(campaigns) as targets,
            self._senders(campaigns, max(1, share * len(scopes))) as senders,
        ):
            for campaign in targets:
                queue = await self._open_queue(campaign, budget)
                groups.setdefault(limit_scope(campaign, self._order.api_key), []).append(queue)
            runs = [self._agent_run(scope, queues) for scope, queues in groups.items()]
            watchers = self._watch()
            try:
                with rare_collections():
                    endings = await asyncio.gather(
                        *(self._dispatch_agent(run, senders, share, idle_s) for run in runs), return_exceptions=True
                    )
            finally:
                for watcher in watchers:
                    watcher.cancel()
        for failure in filter(None, endings):
            raise failure

    @asynccontextmanager
    async def _endpoints(self, campaigns: Sequence[Campaign]) -> AsyncIterator[Sequence[Campaign]]:
        """Yield the campaigns as they are sent: as they stand, or with the sandbox in place of the vendor."""
        if not self._order.sandbox:
            yield campaigns
            return
        from dispatcher.sandbox import Sandbox, SandboxOptions  # only a rehearsal pays for a server

        limits = {campaign.agent.id: campaign.agent.limit for campaign in campaigns}
        async with Sandbox(SandboxOptions(limits=limits)) as sandbox:
            yield [
                replace(campaign, agent=replace(campaign.agent, endpoint=sandbox.endpoint)) for campaign in campaigns
            ]

    @asynccontextmanager
    async def _senders(self, campaigns: Sequence[Campaign], connections: int) -> AsyncIterator[Mapping[str, Sender]]:
        """Yield what sends requests, by channel."""
        channels = {campaign.channel: channel_of(campaign) for campaign in campaigns}
        async with AsyncExitStack() as stack:
            yield {
                name: await stack.enter_async_context(channel.connect(self._order.api_key, connections=connections))
                for name, channel in channels.items()
            }

    async def _open_queue(self, campaign: Campaign, budget: Budget) -> CampaignQueue:
        campaign_id = await self._campaign_id(campaign)
        run_id = await written(self._writer.call(ledger.begin_run, campaign_id, self._order.command))
        return CampaignQueue(campaign, campaign_id, run_id, self._order.today, self._writer, budget, Halt())

    def _agent_run(self, scope: str, queues: list[CampaignQueue]) -> AgentRun:
        return AgentRun(scope, queues, self._writer, halt=self._halt, stop=self._stop, on_event=self._on_event)

    async def _dispatch_agent(
        self, run: AgentRun, senders: Mapping[str, Sender], share: int, idle_s: float | None
    ) -> None:
        """See one agent to its end; what nobody foresaw there stops the others, once they have landed."""
        try:
            warm_at_s = self._warm_at_s.get(run.scope, 0.0)
            await run.complete(senders, in_air_max=share, warm_at_s=warm_at_s, idle_s=idle_s)
        except LedgerError as error:
            self._halt.pull(ExitCode.LEDGER, str(error))
            raise
        except Exception as error:
            self._halt.pull(ExitCode.UNEXPECTED, f"unexpected: {type(error).__name__}")
            raise
        finally:
            for queue in run.queues:
                await self._account.close(queue)

    def _watch(self) -> list[asyncio.Task[None]]:
        """Pull the halt when a person asks or time is up."""

        async def watch_people() -> None:
            await self._stop.wait_soft()
            self._halt.pull(ExitCode.INTERRUPTED, "stopped by hand")

        async def watch_time(left_s: float) -> None:
            await asyncio.sleep(left_s)
            self._halt.pull(ExitCode.TIME_LIMIT, "the time limit was reached")

        watchers = [asyncio.create_task(watch_people())]
        if self._order.duration_max_s is not None:
            left_s = self._started_s + self._order.duration_max_s - time.monotonic()
            watchers.append(asyncio.create_task(watch_time(max(0.0, left_s))))
        return watchers
