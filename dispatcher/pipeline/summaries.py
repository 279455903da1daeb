"""How the campaigns of a run ended: written down, told, and what the run as a whole returns."""

import time
from collections.abc import Callable

from dispatcher import ledger
from dispatcher.errors import ExitCode, SheetError
from dispatcher.models import State
from dispatcher.pipeline.commits import written
from dispatcher.pipeline.control import PRECEDENCE
from dispatcher.pipeline.progress import Progress, Summary
from dispatcher.pipeline.queue import CampaignQueue


class Summaries:
    """Gathers the summaries of a run and passes them on, the gravest one last.

    Args:
        writer: the ledger.
        on_progress: told each summary.
        started_s: when the run began, by the monotonic clock.
    """

    def __init__(self, writer: ledger.Writer, *, on_progress: Callable[[Progress], None], started_s: float) -> None:
        self._writer = writer
        self._on_progress = on_progress
        self._started_s = started_s
        self._gravest: Summary | None = None

    @property
    def exit_code(self) -> ExitCode:
        """The gravest campaign's."""
        return ExitCode.OK if self._gravest is None else self._gravest.exit_code

    async def close(self, queue: CampaignQueue) -> None:
        """Write down how a campaign's share of the run ended.

        Raises:
            LedgerError: it cannot be written.
        """
        states = await written(self._writer.call(ledger.count_states, queue.campaign_id))
        problems = await written(self._writer.call(ledger.count_open_problems, queue.campaign_id))
        is_done = not states[State.PENDING] and not states[State.RETRYABLE]
        code = _exit_code(queue.halt.code, problems, is_done=is_done)
        note = queue.halt.reason if code == queue.halt.code else ""
        ending = self._writer.call(ledger.end_run, queue.run_id, counts=queue.counts, exit_code=code, note=note)
        await written(ending)
        self._add(Summary(queue.campaign.name, code, states, queue.counts, self._seconds, note))

    async def refuse(self, name: str, error: SheetError) -> None:
        """Sum up a campaign whose sheet cannot be trusted: nothing of it was loaded or sent in this run."""
        record = await written(self._writer.call(ledger.find_campaign, name))
        states = dict.fromkeys(State, 0)
        if record is not None:
            states = await written(self._writer.call(ledger.count_states, record.id))
        counts = ledger.RunCounts()
        self._add(Summary(name, ExitCode.SHEET_REFUSED, states, counts, self._seconds, str(error)))

    def tell_last(self) -> None:
        """Pass on the summary that was kept back."""
        if self._gravest is not None:
            self._on_progress(self._gravest)

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._started_s

    def _add(self, summary: Summary) -> None:
        """Pass on the milder of this summary and the one kept back, so that the run's own exit code comes last."""
        known = [summary] if self._gravest is None else [self._gravest, summary]
        self._gravest, *milder = sorted(known, key=lambda one: PRECEDENCE.index(one.exit_code))
        for one in milder:
            self._on_progress(one)


def _exit_code(halted: ExitCode | None, problems: dict[State, int], *, is_done: bool) -> ExitCode:
    """Return the gravest code that holds for one campaign."""
    codes = [ExitCode.OK]
    if halted is not None and not (halted is ExitCode.TIME_LIMIT and is_done):
        codes.append(halted)
    if problems.get(State.RETRYABLE):
        codes.append(ExitCode.RETRYABLE_REMAIN)
    if any(problems.get(state) for state in (State.FAILED, State.REFUSED, State.IN_DOUBT)):
        codes.append(ExitCode.ROWS_NEED_ATTENTION)
    return min(codes, key=PRECEDENCE.index)
