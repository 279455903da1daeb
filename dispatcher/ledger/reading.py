"""Reading the ledger: counts, one person's story, rows for an export."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select, text

from dispatcher.ledger.digests import read_hasher, verify_digest
from dispatcher.ledger.engine import Ask
from dispatcher.ledger.schema import attempts, campaigns, events_table, recipients
from dispatcher.ledger.standing import CampaignRecord, ask_for_states, known_state
from dispatcher.models import State


@dataclass(frozen=True, slots=True)
class RowRecord:
    """One row as the ledger holds it; ``values`` are its cells by folded column label.

    A purged row has no number and no values, and a hash for its key.
    """

    id: int
    row_number: int
    key: str | None
    to: str | None
    state: State
    reason: str
    column: str
    not_before: str | None
    session_id: str | None
    updated_at: str
    values: Mapping[str, str]
    is_in_sheet: bool
    attempt_count: int
    attempted_at: str | None
    purged_at: str | None


def ask_through(connection: Connection) -> Ask:
    """Return the function that answers the queries of ``standing`` through a connection of SQLAlchemy."""

    def ask(query: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [dict(row) for row in connection.execute(text(query), parameters).mappings()]

    return ask


def find_campaign(connection: Connection, name: str) -> CampaignRecord | None:
    """Return a campaign by its name, None when it was never loaded."""
    row = connection.execute(select(campaigns).where(campaigns.c.name == name)).first()
    return CampaignRecord.of(row._mapping) if row else None


def count_states(connection: Connection, campaign_id: int) -> dict[State, int]:
    """Return how many rows stand in each state, see ``standing.ask_for_states``."""
    return ask_for_states(ask_through(connection), campaign_id)


def count_open_problems(connection: Connection, campaign_id: int) -> dict[State, int]:
    """Return how many rows decide a run's exit code: those of the present sheet, and all in doubt.

    Failures of earlier sheets are history; a doubt stays open until a person resolves it.
    """
    query = (
        select(recipients.c.state, func.count())
        .where(
            recipients.c.campaign_id == campaign_id,
            recipients.c.state.in_((State.RETRYABLE, State.FAILED, State.REFUSED, State.IN_DOUBT)),
            or_(recipients.c.in_sheet, recipients.c.state == State.IN_DOUBT),
        )
        .group_by(recipients.c.state)
    )
    return {known_state(state): count for state, count in connection.execute(query)}


def find_rows(
    connection: Connection, campaign_id: int, *, row_number: int | None = None, to: str | None = None
) -> list[RowRecord]:
    """Return the rows with a row number, or with a number; what is in the sheet now comes first."""
    query = _rows_query(campaign_id)
    if row_number is not None:
        query = query.where(recipients.c.row_number == row_number)
    if to is not None:
        hashed = read_hasher(connection)
        query = query.where(or_(recipients.c.to_number == to, recipients.c.to_hash == (hashed(to) if hashed else "")))
    order = (recipients.c.in_sheet.desc(), recipients.c.row_number, recipients.c.id.desc())
    return [_row(row) for row in connection.execute(query.order_by(*order))]


def read_rows(connection: Connection, campaign_id: int, states: tuple[State, ...] = ()) -> Iterator[RowRecord]:
    """Yield the rows of the present sheet in its order; with ``states`` all rows in one of them."""
    query = _rows_query(campaign_id).order_by(recipients.c.in_sheet.desc(), recipients.c.row_number)
    query = query.where(recipients.c.state.in_(states) if states else recipients.c.in_sheet)
    yield from (_row(row) for row in connection.execution_options(yield_per=1000).execute(query))


def _rows_query(campaign_id: int) -> Select[Any]:
    tries = (
        select(
            attempts.c.recipient_id,
            func.count().label("attempt_count"),
            func.max(attempts.c.started_at).label("attempted_at"),
        )
        .group_by(attempts.c.recipient_id)
        .subquery()
    )
    return (
        select(
            recipients,
            func.coalesce(tries.c.attempt_count, 0).label("attempt_count"),
            tries.c.attempted_at,
        )
        .outerjoin(tries, tries.c.recipient_id == recipients.c.id)
        .where(recipients.c.campaign_id == campaign_id)
    )


def _row(row: Row[Any]) -> RowRecord:
    verify_digest(row)
    return RowRecord(
        id=row.id,
        row_number=row.row_number,
        key=row.key,
        to=row.to_number,
        state=known_state(row.state),
        reason=row.reason,
        column=row.problem_column,
        not_before=row.not_before,
        session_id=row.session_id,
        updated_at=row.updated_at,
        values=json.loads(row.cells),
        is_in_sheet=row.in_sheet,
        attempt_count=row.attempt_count,
        attempted_at=row.attempted_at,
        purged_at=row.purged_at,
    )


def read_attempts(connection: Connection, recipient_id: int) -> list[dict[str, Any]]:
    """Return a row's attempts, the first one first."""
    query = select(attempts).where(attempts.c.recipient_id == recipient_id).order_by(attempts.c.id)
    return [dict(row._mapping) for row in connection.execute(query)]


def read_events(connection: Connection, recipient_id: int) -> list[dict[str, Any]]:
    """Return what moved a row outside its attempts, the first move first."""
    query = select(events_table).where(events_table.c.recipient_id == recipient_id).order_by(events_table.c.id)
    return [dict(row._mapping) for row in connection.execute(query)]
