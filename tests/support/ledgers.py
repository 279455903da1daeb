"""Ledgers for tests: real files, filled through the room's own functions, looked at with plain sqlite3."""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from dispatcher import ledger
from dispatcher.ledger.comparison import classify_changes
from dispatcher.ledger.locator import find_engine
from dispatcher.ledger.moves import ALLOWED_MOVES
from dispatcher.models import AttemptResult, Outcome, Recipient, Refusal, State

CAMPAIGN = "reminders"
ACCEPTED = AttemptResult(Outcome.ACCEPTED, "HTTP 200", 200, headers_sent=True, session_id="s-1")
THROTTLED = AttemptResult(Outcome.THROTTLED, "HTTP 429", 429, headers_sent=True)
UNSENT = AttemptResult(Outcome.UNSENT, "connection refused")
REJECTED = AttemptResult(Outcome.REJECTED, "HTTP 400", 400, headers_sent=True)
IN_DOUBT = AttemptResult(Outcome.IN_DOUBT, "no answer", headers_sent=True)


def person(index: int, *, row_number: int | None = None, key: str | None = None, **values: str) -> Recipient:
    """Return a recipient; index 0 stands in row 2 and has the number 12025550100."""
    to = f"1202555{100 + index:04d}"
    cells = {"phone": f"+{to}", "name": f"person {index}"} | values
    return Recipient(row_number or index + 2, to, key or to, cells)


def wrong(
    row_number: int, *, key: str | None = None, state: State = State.REFUSED, to: str | None = None, **values: str
) -> Refusal:
    """Return a row that is not sent."""
    return Refusal(row_number, "phone", "x", f"row {row_number} is wrong", {"phone": "x"} | values, state, key, to)


@contextmanager
def writing(locator: ledger.Locator, **options: Any) -> Iterator[ledger.Writer]:
    """Own a ledger with a writer of less patience, or of another clock, than a run's."""
    owned = find_engine(locator).own(kind=ledger.Kind.REAL, is_fresh=False, wait_s=0, is_stopped=lambda: False)
    with owned as store, ledger.Writer(store, **options) as writer:
        yield writer


def open_once(locator: ledger.Locator, *, kind: ledger.Kind | None = ledger.Kind.REAL, is_fresh: bool = False) -> None:
    """Own a ledger for a moment, as a run does that finds nothing to do."""
    with ledger.own(locator, kind=kind, is_fresh=is_fresh):
        pass


def load_sheet(
    connection: ledger.Connection,
    rows: Iterable[Recipient | Refusal],
    *,
    campaign: str = CAMPAIGN,
    fingerprint: str = "f",
    used: Collection[str] | None = None,
    on_rows: Callable[[int], None] = lambda count: None,
) -> ledger.LoadReport:
    """Load a sheet inside the transaction of ``connection``."""
    sheet = ledger.SheetLoad(connection, campaign_name=campaign, agent_id="agent", used=used, on_rows=on_rows)
    for row in rows:
        sheet.add(row)
    return sheet.finish(
        sheet_path="sheet.csv", columns=["Phone", "Name"], fingerprint=fingerprint, today=date(2026, 11, 22)
    )


def load(
    writer: ledger.Writer,
    rows: Iterable[Recipient | Refusal],
    *,
    campaign: str = CAMPAIGN,
    fingerprint: str = "f",
    used: Collection[str] | None = None,
) -> ledger.LoadReport:
    """Load a sheet and wait until it is on disk."""
    return writer.call(load_sheet, rows, campaign=campaign, fingerprint=fingerprint, used=used).result()


def is_loaded(writer: ledger.Writer, fingerprint: str, *, campaign: str = CAMPAIGN) -> bool:
    """Return whether the ledger holds the sheet of this fingerprint."""
    record = writer.call(ledger.find_campaign, campaign).result()
    return record is not None and record.fingerprint == fingerprint


def classify(
    path: Path, rows: Sequence[Recipient | Refusal], *, used: Collection[str] | None = None
) -> list[ledger.Change]:
    """Return what ``check`` would say of each row."""
    with ledger.open_reader(path) as reader:
        record = ledger.find_campaign(reader, CAMPAIGN)
        return classify_changes(reader, record.id if record else None, rows, used=used)


def campaign_id(writer: ledger.Writer, name: str = CAMPAIGN) -> int:
    """Return the id of a loaded campaign."""
    record = writer.call(ledger.find_campaign, name).result()
    assert record is not None
    return record.id


def begin_run(writer: ledger.Writer, name: str = CAMPAIGN) -> int:
    """Begin a run of a loaded campaign."""
    return writer.call(ledger.begin_run, campaign_id(writer, name), "send").result()


def send(writer: ledger.Writer, recipient_id: int, outcome: AttemptResult, *, not_before: str | None = None) -> int:
    """Take one row through intent and conclusion; return the attempt's id."""
    attempt_id = writer.intend(recipient_id, begin_run(writer)).result()
    writer.conclude(attempt_id, recipient_id, outcome, not_before=not_before).result()
    return attempt_id


def query(path: Path, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Ask the ledger as any SQLite tool would."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(sql, parameters).fetchall()


def rows_by_key(path: Path, *columns: str) -> dict[str | None, tuple[Any, ...]]:
    """Return the columns asked for, by key."""
    found = query(path, f"SELECT key, {', '.join(columns)} FROM recipients")  # noqa: S608 - names from the tests
    return {row[0]: row[1:] for row in found}


def states(path: Path) -> dict[str | None, str]:
    """Return every row's state by key."""
    return dict(query(path, "SELECT key, state FROM recipients"))


@contextmanager
def changing(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection that may write, with the triggers at work; what it did is committed at the end."""
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def way_to(state: State) -> list[State]:
    """Return the moves that take a freshly loaded row to a state, starting from what it is loaded as."""
    if state in (State.PENDING, State.REFUSED, State.SKIPPED):
        return [state]
    if state in (State.WITHDRAWN, State.EXPIRED):
        return [State.PENDING, state]
    if state is State.SENDING:
        return [State.PENDING, State.SENDING]
    assert state in ALLOWED_MOVES[State.SENDING]
    return [State.PENDING, State.SENDING, state]
