"""From the file to the ledger: reading a sheet, checking every row, telling what would happen."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispatcher import __version__, ledger
from dispatcher.errors import InterruptedRunError, SheetError
from dispatcher.message import render_request
from dispatcher.models import Campaign, Notice, Recipient, Refusal, State
from dispatcher.pipeline.garbage import rare_collections

if TYPE_CHECKING:
    from dispatcher.loader import Sheet

_WAITING = (State.PENDING, State.RETRYABLE, State.REFUSED, State.SKIPPED)


REFUSED_MAX_SHARE = 0.05
"""A sheet with a larger share of refused rows is more likely the wrong one than carelessly kept."""


@dataclass(slots=True)
class CheckReport:
    """What would happen to every row of a sheet.

    Attributes:
        columns: the sheet's labels in its order.
        rows: rows that are not blank.
        ready: rows that would be sent.
        refused: rows with something wrong.
        skipped: rows left out on purpose.
        notices: what a person should know.
        changes: the sheet against the ledger, in rows.
        withdrawn: waiting rows of the ledger that are gone from the sheet, and would be withdrawn.
    """

    campaign: Campaign
    path: Path
    columns: tuple[str, ...] = ()
    rows: int = 0
    ready: int = 0
    refused: list[Refusal] = field(default_factory=list)
    skipped: list[Refusal] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    changes: Counter[ledger.Change] = field(default_factory=Counter)
    withdrawn: int = 0

    @property
    def seconds_at_limit(self) -> float:
        """The least time the ready rows take."""
        return self.ready / self.campaign.agent.limit

    @property
    def doubt(self) -> str:
        """Why the file as a whole is in question; empty when it is not."""
        return _doubt_sheet(len(self.refused), self.rows)


def open_sheet(campaign: Campaign, path: Path, today: date) -> "Sheet":
    """Open a sheet whose rows come out checked against the template rules.

    Raises:
        SheetError: the file as a whole cannot be trusted.
    """
    from dispatcher.loader import read_recipients  # heavy: only who reads a sheet pays for it

    def check(recipient: Recipient) -> Refusal | None:
        rendered = render_request(campaign, recipient, today=today)
        return rendered if isinstance(rendered, Refusal) else None

    return read_recipients(campaign, path, today=today, check=check)


@rare_collections()
def check_sheet(
    campaign: Campaign,
    path: Path,
    *,
    ledger_path: Path,
    today: date,
    on_rows: Callable[[int], None] = lambda count: None,
) -> CheckReport:
    """Read the whole sheet and compare it with the ledger; nothing is sent or written.

    Raises:
        SheetError: the file as a whole cannot be trusted.
        LedgerError: there is a ledger and it cannot be read.
    """
    sheet = open_sheet(campaign, path, today)
    report = CheckReport(campaign, path, sheet.columns)
    with _reading(ledger_path) as connection:
        waiting = _find_waiting(connection, campaign.name)
        for row, change in _compare(connection, campaign, sheet):
            report.rows += 1
            report.changes[change] += 1
            waiting.discard(row.key)
            _add(report, row, change)
            if report.rows % 1000 == 0:
                on_rows(report.rows)
    report.notices += sheet.notices
    report.withdrawn = len(waiting)
    return report


@contextmanager
def _reading(ledger_path: Path) -> Iterator[ledger.Connection | None]:
    """Yield the ledger for reading, None where there is none yet."""
    if not ledger_path.exists():
        yield None
        return
    with ledger.open_reader(ledger_path) as connection:
        yield connection


def _find_waiting(connection: ledger.Connection | None, name: str) -> set[str | None]:
    """Return the keys that a load would withdraw unless it sees them in the sheet."""
    record = ledger.find_campaign(connection, name) if connection else None
    if connection is None or record is None:
        return set()
    # A row without a key is what its sheet said, no identity: nobody misses it.
    return {row.key for row in ledger.read_rows(connection, record.id, _WAITING) if row.key is not None}


def _doubt_sheet(refused: int, rows: int) -> str:
    """Say why a sheet with so many refused rows is not trusted, or nothing."""
    if refused <= rows * REFUSED_MAX_SHARE:
        return ""
    return (
        f"{refused:,} of {rows:,} rows are refused, more than {REFUSED_MAX_SHARE:.0%}: is it the right file and "
        "column? `dispatcher check` lists them; --accept-refused sends the others"
    )


def _add(report: CheckReport, row: Recipient | Refusal, change: ledger.Change) -> None:
    report.notices += row.notices
    if isinstance(row, Recipient):
        report.ready += change not in (ledger.Change.SENT, ledger.Change.CHANGED_AFTER_SENDING)
    elif row.state is State.REFUSED:
        report.refused.append(row)
    else:
        report.skipped.append(row)


def _compare(
    connection: ledger.Connection | None, campaign: Campaign, rows: Iterable[Recipient | Refusal]
) -> Iterator[tuple[Recipient | Refusal, ledger.Change]]:
    if connection is None:
        yield from ((row, ledger.Change.NEW) for row in rows)
    else:
        yield from ledger.classify_changes(connection, campaign.name, rows, used=find_used_columns(campaign))


def preview_requests(
    campaign: Campaign, path: Path, *, today: date, row_number: int | None = None
) -> Iterator[tuple[Recipient | Refusal, dict[str, Any] | None]]:
    """Yield each row of the sheet, or the one asked for, with the body that would be posted for it.

    Raises:
        SheetError: the file as a whole cannot be trusted, or has no such row.
    """
    is_found = False
    for row in open_sheet(campaign, path, today):
        if row_number is not None and row.row_number != row_number:
            continue
        is_found = True
        rendered = render_request(campaign, row, today=today) if isinstance(row, Recipient) else None
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
) -> ledger.LoadReport | None:
    """Bring the ledger in line with the sheet; None when it already is.

    Raises:
        SheetError: the file as a whole cannot be trusted; nothing of it is loaded.
        InterruptedRunError: ``is_stopped`` became true; nothing of it is loaded.
    """
    mark = fingerprint(campaign, path, today)
    if ledger.is_loaded(connection, campaign.name, mark):
        return None
    sheet = open_sheet(campaign, path, today)
    refused: Counter[State] = Counter()
    report = ledger.load_sheet(
        connection,
        _counted(_until_stopped(sheet, is_stopped), refused),
        campaign_name=campaign.name,
        agent_id=campaign.agent.id,
        sheet_path=str(path.resolve()),
        columns=sheet.columns,
        fingerprint=mark,
        today=today,
        used=find_used_columns(campaign),
        on_rows=on_rows,
    )
    doubt = _doubt_sheet(refused[State.REFUSED], report.rows)
    if doubt and not accept_refused:
        raise SheetError(f"{path.name}: {doubt}")
    if fingerprint(campaign, path, today) != mark:
        raise SheetError(f"{path}: changed while it was read; save it, then run again")
    return report


def _counted(rows: Iterable[Recipient | Refusal], states: Counter[State]) -> Iterator[Recipient | Refusal]:
    for row in rows:
        if isinstance(row, Refusal):
            states[row.state] += 1
        yield row


def _until_stopped(
    rows: Iterable[Recipient | Refusal], is_stopped: Callable[[], bool]
) -> Iterator[Recipient | Refusal]:
    for row in rows:
        if is_stopped():
            raise InterruptedRunError("stopped while the sheet was read; nothing was sent")
        yield row


def _hash_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SheetError(f"{path}: cannot be read: {error.strerror}") from None
