"""What would happen to every row of a sheet, told without sending or writing anything."""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dispatcher import ledger
from dispatcher.ledger import Change
from dispatcher.limiter import seconds_at_limit
from dispatcher.models import Campaign, Notice, Recipient, Refusal, State
from dispatcher.pipeline.garbage import rare_collections
from dispatcher.pipeline.outcomes import export_problems, refuse_input
from dispatcher.pipeline.sheet import doubt_sheet, find_used_columns, fingerprint, open_sheet

if TYPE_CHECKING:
    from dispatcher.loader import Sheet

_WAITING = (State.PENDING, State.RETRYABLE, State.REFUSED, State.SKIPPED)
_STATE_AFTER_LOAD = {
    Change.NEW: State.PENDING,
    Change.SAME: State.PENDING,
    Change.CORRECTED: State.PENDING,
    Change.FAILED: State.FAILED,
    Change.IN_DOUBT: State.IN_DOUBT,
    Change.SENT: State.ACCEPTED,
    Change.CHANGED_AFTER_SENDING: State.ACCEPTED,
}


@dataclass(slots=True)
class Findings:
    """Problems of one kind: how many there are, and the first ``kept_max`` of them; ``tell`` is told each."""

    kept_max: int
    tell: Callable[[Refusal | Notice], None]
    count: int = 0
    kept: list[Refusal | Notice] = field(default_factory=list)

    def add(self, problem: Refusal | Notice) -> None:
        """Count a problem, and keep it if it is one of the first."""
        self.count += 1
        if self.count <= self.kept_max:
            self.kept.append(problem)
        self.tell(problem)


@dataclass(slots=True)
class CheckReport:
    """What would happen to every row of a sheet.

    Attributes:
        sheet_name: the worksheet that was read, None for a CSV file.
        refused: rows with something wrong.
        skipped: rows left out on purpose.
        notices: what a person should know.
        states: where the rows of the sheet would stand once it is loaded; together they are all rows.
        changes: the sheet against the ledger, in rows.
        withdrawn: waiting rows of the ledger that are gone from the sheet, and would be withdrawn.
        is_loaded: whether the ledger holds this very sheet, so that ``send`` does not read it again.
    """

    campaign: Campaign
    path: Path
    sheet_name: str | None
    refused: Findings
    skipped: Findings
    notices: Findings
    states: Counter[State] = field(default_factory=Counter)
    changes: Counter[Change] = field(default_factory=Counter)
    withdrawn: int = 0
    is_loaded: bool = False

    @property
    def rows(self) -> int:
        """Rows that are not blank."""
        return self.states.total()

    @property
    def ready(self) -> int:
        """Rows that would be sent."""
        return self.states[State.PENDING]

    @property
    def seconds_at_limit(self) -> float:
        """The least time the ready rows take."""
        return seconds_at_limit(self.ready, self.campaign.agent.limit)

    @property
    def doubt(self) -> str:
        """Why the file as a whole is in question; empty when it is not."""
        return doubt_sheet(self.refused.count, self.rows)


@rare_collections()
def check_sheet(
    campaign: Campaign,
    path: Path,
    *,
    locator: ledger.Locator | None,
    today: date,
    kept_max: int,
    problems_path: Path | None = None,
    on_found: Callable[[str, Refusal | Notice], None] = lambda kind, problem: None,
    on_rows: Callable[[int], None] = lambda count: None,
) -> CheckReport:
    """Read the whole sheet and compare it with the ledger; nothing is sent, and the ledger is not written to.

    Args:
        campaign: says how the sheet is to be read.
        path: the sheet.
        locator: the ledger, if there is one yet; None to compare with nothing.
        today: what ``{today}`` stands for.
        kept_max: how many problems of each kind the report keeps.
        problems_path: where to write the rows that cannot be sent, with all their cells; None for nowhere.
        on_found: told every problem and its kind, ``refused``, ``skipped`` or ``warnings``.
        on_rows: told now and then how many rows were read.

    Raises:
        SheetError: the file as a whole cannot be trusted.
        LedgerError: there is a ledger and it cannot be read.
        UsageError: ``problems_path`` is a file the campaign is made of, or cannot be written.
    """
    sheet = open_sheet(campaign, path, today)
    kinds = ("refused", "skipped", "warnings")
    refused, skipped, notices = (Findings(kept_max, partial(on_found, kind)) for kind in kinds)
    report = CheckReport(campaign, path, sheet.sheet_name, refused, skipped, notices)
    with _reading(locator) as connection:
        record = ledger.find_campaign(connection, campaign.name) if connection else None
        if connection and record:
            report.is_loaded = ledger.is_loaded(connection, campaign.name, fingerprint(campaign, path, today))
        problems = _find_problems(connection, record, sheet, report, on_rows)
        if problems_path:
            loaded = [Path(record.sheet_path)] if record else []
            refuse_input(problems_path, campaign, locator, path, *loaded)
            export_problems(problems, sheet.columns, problems_path)
        else:
            deque(problems, maxlen=0)  # reads them all
    return report


@contextmanager
def _reading(locator: ledger.Locator | None) -> Iterator[ledger.Connection | None]:
    """Yield the ledger for reading, None where there is none yet."""
    if locator is None or not ledger.is_there(locator):
        yield None
        return
    with ledger.open_reader(locator) as connection:
        yield connection


def _find_problems(
    connection: ledger.Connection | None,
    record: ledger.CampaignRecord | None,
    sheet: "Sheet",
    report: CheckReport,
    on_rows: Callable[[int], None],
) -> Iterator[Refusal]:
    """Fill in the report row by row; yield the rows that cannot be sent on the way."""
    waiting = _find_waiting(connection, record)
    for count, (row, change) in enumerate(_compare(connection, report.campaign, sheet), start=1):
        waiting.discard(row.key)
        _add(report, row, change)
        if isinstance(row, Refusal):
            yield row
        if count % 1000 == 0:
            on_rows(count)
    for notice in sheet.notices:
        report.notices.add(notice)
    report.withdrawn = len(waiting)


def _find_waiting(connection: ledger.Connection | None, record: ledger.CampaignRecord | None) -> set[str | None]:
    """Return the keys that a load would withdraw unless it sees them in the sheet."""
    if connection is None or record is None:
        return set()
    # A row without a key is what its sheet said, no identity: nobody misses it.
    return {row.key for row in ledger.read_rows(connection, record.id, _WAITING) if row.key is not None}


def _compare(
    connection: ledger.Connection | None, campaign: Campaign, sheet: "Sheet"
) -> Iterator[tuple[Recipient | Refusal, Change]]:
    if connection is None:
        yield from ((row, Change.NEW) for row in sheet)
    else:
        yield from ledger.classify_changes(connection, campaign.name, sheet, used=find_used_columns(campaign))


def _add(report: CheckReport, row: Recipient | Refusal, change: Change) -> None:
    report.changes[change] += 1
    for notice in row.notices:
        report.notices.add(notice)
    if isinstance(row, Recipient):
        report.states[_STATE_AFTER_LOAD[change]] += 1
        return
    report.states[row.state] += 1
    findings = report.refused if row.state is State.REFUSED else report.skipped
    findings.add(row)
