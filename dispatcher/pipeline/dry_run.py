"""What a send would do: refused where a send is refused, else told; no connection is opened, nothing is written."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from dispatcher.errors import ExitCode, SheetError
from dispatcher.limiter import seconds_at_limit
from dispatcher.models import Campaign
from dispatcher.pipeline.check import CheckReport, check_sheet
from dispatcher.pipeline.events import Warned
from dispatcher.pipeline.order import SendOrder, refuse_contradictions


@dataclass(frozen=True, slots=True)
class WouldSend:
    """What a send would do with one campaign.

    Attributes:
        report: what would happen to every row of the sheet.
        due: how many of the rows that are ready would be sent, within the order's bound on people.
        seconds_at_limit: the least time these take.
        seconds: how long it took to find out.
        is_refused: the sheet as a whole is in question, so that nothing of it would be sent.
    """

    report: CheckReport
    due: int
    seconds_at_limit: float
    seconds: float
    is_refused: bool


def dry_run(order: SendOrder, *, kept_max: int, on_event: Callable[[WouldSend | Warned], None]) -> ExitCode:
    """Tell what ``send`` would do with each campaign of an order; return the exit code.

    Args:
        order: what a send would be asked to do; its key is not needed.
        kept_max: how many problems of each kind a report keeps.
        on_event: told of each campaign, and of each whose sheet cannot be trusted.

    Raises:
        UsageError: campaigns that cannot run side by side.
        SheetError: the only campaign's file cannot be trusted.
        LedgerError: there is a ledger and it cannot be read.
    """
    refuse_contradictions(order)
    code, people_left = ExitCode.OK, order.people_max
    for campaign in order.campaigns:
        try:
            due = _tell_campaign(order, campaign, people_left, kept_max=kept_max, on_event=on_event)
        except SheetError as error:
            if len(order.campaigns) == 1:
                raise
            on_event(Warned(f"{campaign.name}: {error}"))
            code = ExitCode.SHEET_REFUSED
        else:
            people_left = None if people_left is None else people_left - due
    return code


def _tell_campaign(
    order: SendOrder,
    campaign: Campaign,
    people_max: int | None,
    *,
    kept_max: int,
    on_event: Callable[[WouldSend | Warned], None],
) -> int:
    """Tell what would become of one campaign; return how many of its rows would be sent."""
    started_s = time.monotonic()
    path = order.recipients_path or campaign.recipients_path
    locator = None if order.starts_afresh else order.locator
    report = check_sheet(campaign, path, locator=locator, today=order.today, kept_max=kept_max)
    is_refused = bool(report.doubt) and not order.accept_refused and not report.is_loaded
    due = report.ready if people_max is None else min(report.ready, people_max)
    least_s = seconds_at_limit(due, campaign.agent.limit)
    on_event(WouldSend(report, due, least_s, time.monotonic() - started_s, is_refused))
    if is_refused:
        raise SheetError(f"{path.name}: {report.doubt}")
    return due
