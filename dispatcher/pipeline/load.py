"""From the file to the ledger: each row of a sheet is read, judged, and put where it belongs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from dispatcher import ledger
from dispatcher.channels import channel_of
from dispatcher.errors import InterruptedRunError, SheetError
from dispatcher.models import Campaign, Refusal, State
from dispatcher.pipeline.fingerprint import find_used_columns, fingerprint
from dispatcher.pipeline.garbage_collection import rare_collections

if TYPE_CHECKING:
    from dispatcher.loader import Sheet

REFUSED_MAX_SHARE = 0.05
"""A sheet with a larger share of refused rows is more likely the wrong one than carelessly kept."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """A campaign that is in line with its sheet; ``report`` is None when it was so before."""

    campaign_id: int
    report: ledger.LoadReport | None


def open_sheet(campaign: Campaign, path: Path, today: date) -> "Sheet":
    """Open a sheet whose rows come out checked against the template rules.

    Raises:
        SheetError: the file as a whole cannot be trusted.
    """
    from dispatcher.loader import read_recipients  # heavy: only who reads a sheet pays for it

    return read_recipients(campaign, path, today=today, channel=channel_of(campaign))


def doubt_sheet(refused: int, rows: int) -> str:
    """Say why a sheet with so many refused rows is not trusted, or nothing."""
    if refused <= rows * REFUSED_MAX_SHARE:
        return ""
    are = "is" if refused == 1 else "are"
    return (
        f"{refused:,} of {rows:,} rows {are} refused, more than {REFUSED_MAX_SHARE:.0%}: is it the right file and "
        "column? `dispatcher check` lists them; --accept-refused sends the others"
    )


@rare_collections()
def load_into_ledger(
    connection: ledger.Connection,
    campaign: Campaign,
    path: Path,
    *,
    today: date,
    accept_refused: bool,
    on_rows: Callable[[int], None],
    is_stopped: Callable[[], bool],
) -> LoadResult:
    """Bring the ledger in line with the sheet, unless it already is.

    Raises:
        SheetError: the file as a whole cannot be trusted; nothing of it is loaded.
        InterruptedRunError: ``is_stopped`` became true; nothing of it is loaded.
    """
    print_now = fingerprint(campaign, path, today)
    record = ledger.find_campaign(connection, campaign.name)
    if record and record.fingerprint == print_now:
        return LoadResult(record.id, None)
    sheet = open_sheet(campaign, path, today)
    load = ledger.SheetLoad(
        connection,
        campaign_name=campaign.name,
        agent_id=campaign.agent.id,
        used=find_used_columns(campaign),
        on_rows=on_rows,
    )
    refused_count = 0
    for row in sheet:
        if is_stopped():
            raise InterruptedRunError("stopped while the sheet was read; nothing was sent")
        refused_count += isinstance(row, Refusal) and row.state is State.REFUSED
        load.add(row)
    report = load.finish(sheet_path=str(path.resolve()), columns=sheet.columns, fingerprint=print_now, today=today)
    doubt = doubt_sheet(refused_count, report.rows)
    if doubt and not accept_refused:
        raise SheetError(f"{path.name}: {doubt}")
    if fingerprint(campaign, path, today) != print_now:
        raise SheetError(f"{path}: changed while it was read; save it, then run again")
    return LoadResult(load.campaign_id, report)
