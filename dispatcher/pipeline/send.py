"""The main job: lock, load, ask, dispatch, sum up; the story goes on in ``load``, ``dispatch`` and ``deliver``."""

import asyncio
import time
from collections.abc import Callable, Sequence

from dispatcher import ledger
from dispatcher.channels import channel_of
from dispatcher.errors import ExitCode, InterruptedRunError, SheetError
from dispatcher.limiter.least_time import seconds_at_limit, warm_up_left_s
from dispatcher.models import Campaign, State
from dispatcher.pipeline.agent import AgentRun
from dispatcher.pipeline.commits import written
from dispatcher.pipeline.connections import open_connections, share_connections
from dispatcher.pipeline.control import Halt, StopSwitch, stop_watched
from dispatcher.pipeline.garbage_collection import rare_collections
from dispatcher.pipeline.load import LoadResult, load_into_ledger
from dispatcher.pipeline.progress import Loaded, Loading, Plan, Progress, Warned
from dispatcher.pipeline.queue import Budget, CampaignQueue
from dispatcher.pipeline.send_options import SendOptions, limit_scope, refuse_contradictions
from dispatcher.pipeline.summaries import Summaries
from dispatcher.text import format_count


def send(
    options: SendOptions,
    *,
    on_progress: Callable[[Progress], None],
    stop: StopSwitch,
    confirm: Callable[[list[Plan]], bool],
) -> ExitCode:
    """Send everything due, once; the exit code says what remains.

    Args:
        options: what to do.
        on_progress: told what happens; must not block.
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
    refuse_contradictions(options)
    owned = ledger.own(
        options.locator,
        kind=ledger.Kind.REHEARSAL if options.sandbox else ledger.Kind.REAL,
        is_fresh=options.starts_afresh,
        wait_s=options.wait_lock_s,
        is_stopped=stop.is_requested,
    )
    with owned as writer:
        run = _Run(options, writer, on_progress=on_progress, stop=stop, confirm=confirm, started_s=started_s)
        return asyncio.run(run.complete())


class _Run:
    """One run, from the sweep of a dead predecessor to the last summary."""

    def __init__(
        self,
        options: SendOptions,
        writer: ledger.Writer,
        *,
        on_progress: Callable[[Progress], None],
        stop: StopSwitch,
        confirm: Callable[[list[Plan]], bool],
        started_s: float,
    ) -> None:
        self._options = options
        self._writer = writer
        self._on_progress = on_progress
        self._stop = stop
        self._confirm = confirm
        self._started_s = started_s
        self._halt = Halt()
        self._ids: dict[str, int] = {}  # the ledger's, by campaign name; whoever is not in here was not loaded
        self._warm_at_s: dict[str, float] = {}  # by scope, for those that have something due; the loop's time
        self._summaries = Summaries(writer, on_progress=on_progress, started_s=started_s)

    async def complete(self) -> ExitCode:
        """Sweep, load, ask and dispatch; return the gravest campaign's exit code."""
        self._stop.attach()
        try:
            swept = await self._sweep()
            loaded = [campaign for campaign in self._options.campaigns if await self._load(campaign)]
            plans = [await self._plan(campaign) for campaign in loaded]
            for plan in plans:
                self._on_progress(plan)
            if any(plan.due for plan in plans) and not self._confirm(plans):
                raise InterruptedRunError("nothing was sent")
            for campaign in loaded:
                await self._make_due(campaign)
            # A dead run may have sent until just now, whatever a clock that was stepped since then says.
            idle_s = 0.0 if swept else await written(self._writer.call(ledger.seconds_since_last_attempt))
            await self._dispatch(loaded, idle_s)
            return self._summaries.exit_code
        finally:
            self._summaries.tell_last()
            self._stop.detach()

    async def _sweep(self) -> int:
        """Put in doubt what a dead run was sending, and say so; return how many rows."""
        if self._writer.notice:
            self._on_progress(Warned(self._writer.notice))
        swept = await written(self._writer.call(ledger.sweep_dead_run))
        if swept:
            rows = format_count(swept, "row")
            self._on_progress(Warned(f"an earlier run died; in doubt now: {rows} it was sending"))
        return swept

    async def _load(self, campaign: Campaign) -> bool:
        """Bring the ledger in line with one campaign's sheet; return whether the campaign can go on."""
        loop = asyncio.get_running_loop()

        def tell(rows: int) -> None:
            loop.call_soon_threadsafe(self._on_progress, Loading(campaign.name, rows))

        load = self._writer.call(
            load_into_ledger,
            campaign,
            self._options.recipients_path or campaign.recipients_path,
            today=self._options.today,
            accept_refused=self._options.accept_refused,
            on_rows=tell,
            is_stopped=self._stop.is_requested,
        )
        try:
            result = await written(load)
        except SheetError as error:
            if len(self._options.campaigns) == 1:
                raise
            self._on_progress(Warned(f"{campaign.name}: {error}"))
            await self._summaries.refuse(campaign.name, error)
            return False
        self._ids[campaign.name] = result.campaign_id
        self._tell_loaded(campaign, result)
        # A row that was in the air while it left the sheet is withdrawn now that the sweep is over.
        await written(self._writer.call(ledger.withdraw_vanished, result.campaign_id))
        return True

    def _tell_loaded(self, campaign: Campaign, result: LoadResult) -> None:
        if result.report is None:
            self._on_progress(Loaded(campaign.name, is_unchanged=True))
            return
        changes = result.report.changes
        self._on_progress(
            Loaded(
                campaign.name,
                is_unchanged=False,
                new=changes[ledger.Change.NEW],
                corrected=changes[ledger.Change.CORRECTED],
                withdrawn=result.report.withdrawn,
            )
        )
        if late := changes[ledger.Change.CHANGED_AFTER_SENDING]:
            self._on_progress(
                Warned(f"{campaign.name}: {format_count(late, 'row')} changed after sending; not sent again")
            )

    async def _plan(self, campaign: Campaign) -> Plan:
        """Say what is due, and since when the agent is warm."""
        campaign_id = self._ids[campaign.name]
        states = await written(self._writer.call(ledger.count_states, campaign_id))
        failed = await self._count_failed(campaign) if self._options.retry_outcomes else 0
        due = states[State.PENDING] + states[State.RETRYABLE] + failed
        if self._options.people_max is not None:
            due = min(due, self._options.people_max)
        scope = limit_scope(campaign, self._options.api_key)
        left_s = await self._note_limit(scope, campaign)
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
            session=channel_of(campaign).words.session,
            in_doubt=states[State.IN_DOUBT],
        )

    async def _count_failed(self, campaign: Campaign) -> int:
        """Return how many failed rows are tried again, and tell of those to which the sheet says no by now."""
        campaign_id = self._ids[campaign.name]
        if objected := await written(self._writer.call(ledger.count_objected, campaign_id)):
            rows = format_count(objected, "failed row")
            self._on_progress(Warned(f"{campaign.name}: {rows} not tried again: the sheet or a list says no by now"))
        return await written(self._writer.call(ledger.count_failed, campaign_id, self._options.retry_outcomes))

    async def _note_limit(self, scope: str, campaign: Campaign) -> float:
        """Record the limit that a campaign states; return the seconds for which a change of it still holds sending."""
        agent, first_limit = campaign.agent, channel_of(campaign).limits.first
        warm_up_s = agent.warm_up_s if self._options.warm_up else 0.0
        noted = self._writer.call(ledger.note_limit, scope, agent.limit, first_limit=first_limit, warm_up_s=warm_up_s)
        record = await written(noted)
        return warm_up_left_s(warm_up_s=warm_up_s, elapsed_s=record.elapsed_s)

    async def _make_due(self, campaign: Campaign) -> None:
        """Put back what is to be tried again, once nobody objects, and no more than may be sent."""
        outcomes, rows_max = self._options.retry_outcomes, self._options.people_max
        if outcomes:
            await written(self._writer.call(ledger.retry, self._ids[campaign.name], outcomes, rows_max=rows_max))

    async def _dispatch(self, campaigns: Sequence[Campaign], idle_s: float | None) -> None:
        """Send what is due, the agents side by side.

        Args:
            campaigns: those that were loaded.
            idle_s: seconds since an earlier run last sent, None if none ever did.
        """
        by_scope: dict[str, list[Campaign]] = {}
        for campaign in campaigns:
            by_scope.setdefault(limit_scope(campaign, self._options.api_key), []).append(campaign)
        budget, share = Budget(self._options.people_max), share_connections(len(by_scope))
        connections = open_connections(campaigns, self._options, count=max(1, share * len(by_scope)))
        async with connections as opened, stop_watched(self._halt, self._stop, self._left_s()):
            agents = [
                await self._open_agent(scope, [opened.locate(campaign) for campaign in theirs], budget)
                for scope, theirs in by_scope.items()
            ]
            with rare_collections():
                endings = await asyncio.gather(
                    *(
                        agent.complete(
                            opened.senders,
                            in_air_max=share,
                            warm_at_s=self._warm_at_s.get(agent.scope, 0.0),
                            idle_s=idle_s,
                            sum_up=self._summaries.close,
                        )
                        for agent in agents
                    ),
                    return_exceptions=True,
                )
        for failure in filter(None, endings):
            raise failure

    async def _open_agent(self, scope: str, campaigns: Sequence[Campaign], budget: Budget) -> AgentRun:
        """Begin the run of an agent's campaigns; its halt is below the run's, those of its campaigns below its own."""
        halt, queues = Halt(self._halt), []
        for campaign in campaigns:
            campaign_id = self._ids[campaign.name]
            run_id = await written(self._writer.call(ledger.begin_run, campaign_id, self._options.command))
            queues.append(
                CampaignQueue(campaign, campaign_id, run_id, self._options.today, self._writer, budget, Halt(halt))
            )
        return AgentRun(scope, queues, self._writer, halt=halt, stop=self._stop, on_progress=self._on_progress)

    def _left_s(self) -> float | None:
        """Return how long rows may still be taken, None without a bound."""
        if self._options.duration_max_s is None:
            return None
        return max(0.0, self._started_s + self._options.duration_max_s - time.monotonic())
