"""What would happen to every row of a sheet, told without sending or writing anything."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dispatcher import ledger
from dispatcher.errors import ExitCode
from dispatcher.ledger import Change
from dispatcher.limiter.least_time import seconds_at_limit
from dispatcher.models import Campaign, Notice, Recipient, Refusal, State
from dispatcher.pipeline.fingerprint import find_used_columns, fingerprint
from dispatcher.pipeline.garbage_collection import rare_collections
from dispatcher.pipeline.load import doubt_sheet, open_sheet
from dispatcher.pipeline.outcomes import refuse_input

if TYPE_CHECKING:
    from dispatcher.outputs.problems import ProblemFile

_KINDS = ("refused", "skipped", "warnings")
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
        rows: how many there are that are not blank.
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
    rows: int = 0
    states: Counter[State] = field(default_factory=Counter)
    changes: Counter[Change] = field(default_factory=Counter)
    withdrawn: int = 0
    is_loaded: bool = False

    @property
    def ready(self) -> int:
        """Rows that would be sent."""
        return self.states[State.PENDING]

    @property
    def seconds_at_limit(self) -> float:
        """The least time the ready rows take."""
        return seconds_at_limit(self.ready, self.campaign.agent.limit)

    def add(self, row: Recipient | Refusal) -> None:
        """Count one more row of the sheet, and what is to be known of it."""
        self.rows += 1
        for notice in row.notices:
            self.notices.add(notice)
        if isinstance(row, Refusal):
            self.states[row.state] += 1
            findings = self.refused if row.state is State.REFUSED else self.skipped
            findings.add(row)

    def add_difference(self, difference: ledger.SheetDifference) -> None:
        """Count where the rows that can be sent would stand, and what the sheet changes."""
        self.changes, self.withdrawn = difference.changes, difference.withdrawn
        for change, count in difference.ready_changes.items():
            self.states[_STATE_AFTER_LOAD[change]] += count

    @property
    def doubt(self) -> str:
        """Why the file as a whole is in question; empty when it is not."""
        return doubt_sheet(self.refused.count, self.rows)

    def exit_code(self, *, accept_refused: bool) -> ExitCode:
        """Return what `check` ends with; ``accept_refused`` when somebody trusts the file all the same."""
        if self.doubt and not accept_refused:
            return ExitCode.SHEET_REFUSED
        return ExitCode.ROWS_NEED_ATTENTION if self.refused.count else ExitCode.OK


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
    refused, skipped, notices = (Findings(kept_max, partial(on_found, kind)) for kind in _KINDS)
    report = CheckReport(campaign, path, sheet.sheet_name, refused, skipped, notices)
    with ExitStack() as stack:
        connection = stack.enter_context(_reading(locator))
        record = ledger.find_campaign(connection, campaign.name) if connection else None
        report.is_loaded = record is not None and record.fingerprint == fingerprint(campaign, path, today)
        if problems_path:
            refuse_input(problems_path, campaign, locator, path, *([Path(record.sheet_path)] if record else []))
        problems = stack.enter_context(_open_problems(problems_path, sheet.columns))
        campaign_id, used = record.id if record else None, find_used_columns(campaign)
        comparison = ledger.SheetComparison(connection, campaign_id, used=used, on_rows=on_rows)
        for row in sheet:
            comparison.add(row)
            report.add(row)
            if problems and isinstance(row, Refusal):
                problems.add(row)
        report.add_difference(comparison.finish())
    for notice in sheet.notices:
        report.notices.add(notice)
    return report


def _open_problems(out: Path | None, columns: Sequence[str]) -> "AbstractContextManager[ProblemFile | None]":
    """Open the file of the rows that cannot be sent; nothing where none is asked for."""
    if out is None:
        return nullcontext()
    from dispatcher.outputs.problems import write_problems  # heavy: pandas

    return write_problems(out, columns)


@contextmanager
def _reading(locator: ledger.Locator | None) -> Iterator[ledger.Connection | None]:
    """Yield the ledger for reading, None where there is none yet."""
    if locator is None or not ledger.is_there(locator):
        yield None
        return
    with ledger.open_reader(locator) as connection:
        yield connection
