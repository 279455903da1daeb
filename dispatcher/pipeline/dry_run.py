"""What a send would do: refused where a send is refused, else told; no connection is opened, nothing is written."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from dispatcher.errors import ExitCode, SheetError
from dispatcher.limiter.least_time import seconds_at_limit
from dispatcher.models import Campaign
from dispatcher.pipeline.check import CheckReport, check_sheet
from dispatcher.pipeline.progress import Warned
from dispatcher.pipeline.send_options import SendOptions, refuse_contradictions


@dataclass(frozen=True, slots=True)
class WouldSend:
    """What a send would do with one campaign.

    Attributes:
        report: what would happen to every row of the sheet.
        due: how many of the rows that are ready would be sent, within the bound on people.
        seconds_at_limit: the least time these take.
        seconds: how long it took to find out.
        is_refused: the sheet as a whole is in question, so that nothing of it would be sent.
    """

    report: CheckReport
    due: int
    seconds_at_limit: float
    seconds: float
    is_refused: bool


def dry_run(options: SendOptions, *, kept_max: int, on_progress: Callable[[WouldSend | Warned], None]) -> ExitCode:
    """Tell what ``send`` would do with each campaign; return the exit code.

    Args:
        options: what a send would be asked to do; its key is not needed.
        kept_max: how many problems of each kind a report keeps.
        on_progress: told of each campaign, and of each whose sheet cannot be trusted.

    Raises:
        UsageError: campaigns that cannot run side by side.
        SheetError: the only campaign's file cannot be trusted.
        LedgerError: there is a ledger and it cannot be read.
    """
    refuse_contradictions(options)
    code, people_left = ExitCode.OK, options.people_max
    for campaign in options.campaigns:
        try:
            due = _tell_campaign(options, campaign, people_left, kept_max=kept_max, on_progress=on_progress)
        except SheetError as error:
            if len(options.campaigns) == 1:
                raise
            on_progress(Warned(f"{campaign.name}: {error}"))
            code = ExitCode.SHEET_REFUSED
        else:
            people_left = None if people_left is None else people_left - due
    return code


def _tell_campaign(
    options: SendOptions,
    campaign: Campaign,
    people_max: int | None,
    *,
    kept_max: int,
    on_progress: Callable[[WouldSend | Warned], None],
) -> int:
    """Tell what would become of one campaign; return how many of its rows would be sent."""
    started_s = time.monotonic()
    path = options.recipients_path or campaign.recipients_path
    locator = None if options.starts_afresh else options.locator
    report = check_sheet(campaign, path, locator=locator, today=options.today, kept_max=kept_max)
    is_refused = bool(report.doubt) and not options.accept_refused and not report.is_loaded
    due = report.ready if people_max is None else min(report.ready, people_max)
    least_s = seconds_at_limit(due, campaign.agent.limit)
    on_progress(WouldSend(report, due, least_s, time.monotonic() - started_s, is_refused))
    if is_refused:
        raise SheetError(f"{path.name}: {report.doubt}")
    return due
