"""From the file to the ledger: each row of a sheet is read, judged, and put where it belongs."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispatcher import __version__, ledger
from dispatcher.channels import channel_of
from dispatcher.errors import InterruptedRunError, SheetError
from dispatcher.models import Campaign, Recipient, Refusal, State
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


def preview_requests(
    campaign: Campaign, path: Path, *, today: date, row_number: int | None = None
) -> Iterator[tuple[Recipient | Refusal, dict[str, Any] | None]]:
    """Yield each row of the sheet, or the one asked for, with the body that would be posted for it.

    Raises:
        SheetError: the file as a whole cannot be trusted, or has no such row.
    """
    channel, is_found = channel_of(campaign), False
    for row in open_sheet(campaign, path, today):
        if row_number is not None and row.row_number != row_number:
            continue
        is_found = True
        rendered = channel.render(campaign, row, today) if isinstance(row, Recipient) else None
        yield row, rendered if isinstance(rendered, dict) else None
    if row_number is not None and not is_found:
        raise SheetError(f"{path}: there is no row {row_number} with anything in it")


def find_used_columns(campaign: Campaign) -> frozenset[str]:
    """Return the folded columns that decide what is sent to whom."""
    texts = (campaign.recipient.to, campaign.recipient.key, *campaign.message_texts)
    columns = {placeholder.key for text in texts for placeholder in text.placeholders}
    return frozenset(columns.union(campaign.recipient.skip_if))


def fingerprint(campaign: Campaign, path: Path, today: date) -> str:
    """Identify a sheet as this campaign reads it; while it stays the same nothing has to be loaded again.

    Raises:
        SheetError: the file cannot be read.
    """
    texts = (campaign.recipient.key, *campaign.message_texts)
    is_dated = any(placeholder.key == "today" for text in texts for placeholder in text.placeholders)
    parts = [__version__, str(path.resolve()), campaign.sheet.hidden_rows, _hash_file(campaign.path), _hash_file(path)]
    if campaign.recipient.suppress_path:
        parts.append(_hash_file(campaign.recipient.suppress_path))
    if is_dated:
        parts.append(today.isoformat())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


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


def _hash_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SheetError(f"{path}: cannot be read: {error.strerror}") from None
