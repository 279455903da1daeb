"""What would happen to every row of a sheet, told without sending or writing anything."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from dispatcher import ledger
from dispatcher.errors import ExitCode
from dispatcher.ledger import Change
from dispatcher.limiter.least_time import seconds_at_limit
from dispatcher.models import Campaign, Notice, Recipient, Refusal, State
from dispatcher.pipeline.garbage_collection import rare_collections
from dispatcher.pipeline.load import doubt_sheet, find_used_columns, fingerprint, open_sheet
from dispatcher.pipeline.outcomes import refuse_input

if TYPE_CHECKING:
    from dispatcher.outputs.problems import ProblemFile

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

    def add(self, row: Recipient | Refusal, change: Change) -> None:
        """Count one more row of the sheet, and what is to be known of it."""
        self.changes[change] += 1
        for notice in row.notices:
            self.notices.add(notice)
        if isinstance(row, Recipient):
            self.states[_STATE_AFTER_LOAD[change]] += 1
            return
        self.states[row.state] += 1
        findings = self.refused if row.state is State.REFUSED else self.skipped
        findings.add(row)

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
    kinds = ("refused", "skipped", "warnings")
    refused, skipped, notices = (Findings(kept_max, partial(on_found, kind)) for kind in kinds)
    report = CheckReport(campaign, path, sheet.sheet_name, refused, skipped, notices)
    used = find_used_columns(campaign)
    with ExitStack() as stack:
        connection = stack.enter_context(_reading(locator))
        known = _Known.of(connection, campaign)
        if known.record:
            report.is_loaded = known.record.fingerprint == fingerprint(campaign, path, today)
        problems: ProblemFile | None = None
        if problems_path:
            from dispatcher.outputs.problems import write_problems  # heavy: pandas

            refuse_input(problems_path, campaign, locator, path, *known.sheet_paths)
            problems = stack.enter_context(write_problems(problems_path, sheet.columns))
        rows = iter(sheet)
        while batch := list(islice(rows, ledger.BATCH)):
            for row, change in zip(batch, known.classify(batch, used), strict=True):
                known.waiting.discard(row.key)
                report.add(row, change)
                if problems and isinstance(row, Refusal):
                    problems.add(row)
            on_rows(report.rows)
    for notice in sheet.notices:
        report.notices.add(notice)
    report.withdrawn = len(known.waiting)
    return report


@dataclass(slots=True)
class _Known:
    """What the ledger knows of a campaign; nothing where there is no ledger yet, or it never saw the campaign.

    ``waiting`` are the keys that a load would withdraw unless it sees them in the sheet.
    """

    connection: ledger.Connection | None
    record: ledger.CampaignRecord | None = None
    waiting: set[str | None] = field(default_factory=set)

    @classmethod
    def of(cls, connection: ledger.Connection | None, campaign: Campaign) -> "_Known":
        record = ledger.find_campaign(connection, campaign.name) if connection else None
        if connection is None or record is None:
            return cls(connection)
        rows = ledger.read_rows(connection, record.id, _WAITING)
        # A row without a key is what its sheet said, no identity: nobody misses it.
        return cls(connection, record, {row.key for row in rows if row.key is not None})

    @property
    def sheet_paths(self) -> list[Path]:
        return [Path(self.record.sheet_path)] if self.record else []

    def classify(self, rows: Sequence[Recipient | Refusal], used: Collection[str]) -> Sequence[Change]:
        if self.connection is None or self.record is None:
            return [Change.NEW] * len(rows)
        return ledger.classify_changes(self.connection, self.record.id, rows, used=used)


@contextmanager
def _reading(locator: ledger.Locator | None) -> Iterator[ledger.Connection | None]:
    """Yield the ledger for reading, None where there is none yet."""
    if locator is None or not ledger.is_there(locator):
        yield None
        return
    with ledger.open_reader(locator) as connection:
        yield connection
