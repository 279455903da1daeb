"""What moves rows outside a send: a dead run's sweep, and what a person decides."""

import getpass
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Select, bindparam, func, insert, select, update

from dispatcher.ledger.objections import is_unopposed
from dispatcher.ledger.schema import attempts, campaigns, events_table, recipients, runs
from dispatcher.ledger.times import utc_now
from dispatcher.models import Outcome, State

SWEEP_REASON = "the run ended while a request may have been in the air"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A row whose outcome cannot be known; ``attempted_at`` is when its last attempt began."""

    id: int
    row_number: int
    to: str
    attempted_at: str
    reason: str


def sweep_dead_run(connection: Connection) -> int:
    """Move every row a dead run left in ``sending`` to ``in_doubt``; return how many.

    Only to be called while holding the lock: then no run is alive, and age plays no part. Doing it
    twice, or after dying half-way, changes nothing more.
    """
    # Named by campaign, so that the index finds them: a sweep must not read a million rows.
    everywhere = recipients.c.campaign_id.in_(select(campaigns.c.id))
    left = select(recipients.c.id, recipients.c.state).where(everywhere, recipients.c.state == State.SENDING)
    close = (
        update(attempts)
        .where(attempts.c.recipient_id == bindparam("row_id"), attempts.c.outcome.is_(None))
        .values(ended_at=utc_now(), outcome=Outcome.IN_DOUBT, reason=SWEEP_REASON)
    )
    if rows := connection.execute(left).all():
        connection.execute(close, [{"row_id": row.id} for row in rows])
    count = _move(connection, left, State.IN_DOUBT, SWEEP_REASON, who="dispatcher")
    connection.execute(update(runs).where(runs.c.ended_at.is_(None)).values(ended_at=utc_now(), note="died"))
    return count


def list_in_doubt(connection: Connection, campaign_id: int, row_numbers: Collection[int] = ()) -> list[Doubt]:
    """Return the rows in doubt of a campaign in the sheet's order, all or those named."""
    attempted_at = (
        select(func.max(attempts.c.started_at)).where(attempts.c.recipient_id == recipients.c.id).scalar_subquery()
    )
    query = (
        select(recipients, attempted_at.label("attempted_at"))
        .where(recipients.c.campaign_id == campaign_id, recipients.c.state == State.IN_DOUBT)
        .order_by(recipients.c.row_number)
    )
    if row_numbers:
        query = query.where(recipients.c.row_number.in_(row_numbers))
    return [
        Doubt(row.id, row.row_number, row.to_number, row.attempted_at or "", row.reason)
        for row in connection.execute(query)
    ]


def resolve(connection: Connection, recipient_ids: Sequence[int], state: State) -> int:
    """Move rows in doubt to where a person says they belong; return how many moved.

    A row put back to ``pending`` makes the next load read its values from the sheet again.
    """
    chosen = select(recipients.c.id, recipients.c.state).where(
        recipients.c.id.in_(recipient_ids), recipients.c.state == State.IN_DOUBT
    )
    if state is State.PENDING:
        theirs = select(recipients.c.campaign_id).where(recipients.c.id.in_(recipient_ids))
        connection.execute(update(campaigns).where(campaigns.c.id.in_(theirs)).values(fingerprint=""))
    return _move(connection, chosen, state, f"resolved as {state} by {_who()}", who=_who())


def count_failed(connection: Connection, campaign_id: int, outcomes: Collection[Outcome]) -> int:
    """Return how many failed rows ``retry`` would make due."""
    failed = _find_tried(campaign_id, outcomes).where(recipients.c.state == State.FAILED)
    return int(connection.execute(select(func.count()).select_from(failed.subquery())).scalar_one())


def retry(
    connection: Connection, campaign_id: int, outcomes: Collection[Outcome], *, rows_max: int | None = None
) -> int:
    """Make rows due whose last attempt ended in one of ``outcomes``; return how many.

    ``failed`` rows of the present sheet that it does not object to go back to ``pending``, ``rows_max`` of them at
    most; ``retryable`` ones need not wait any longer. A row that a person resolved as failed after a doubt counts as
    rejected.
    """
    tried = _find_tried(campaign_id, outcomes)
    waiting = update(recipients).where(
        recipients.c.id.in_(tried.where(recipients.c.state == State.RETRYABLE).with_only_columns(recipients.c.id))
    )
    eased = connection.execute(waiting.values(not_before=None)).rowcount
    failed = tried.where(recipients.c.state == State.FAILED).order_by(recipients.c.row_number).limit(rows_max)
    return eased + _move(connection, failed, State.PENDING, f"put back by {_who()}", who=_who())


def _find_tried(campaign_id: int, outcomes: Collection[Outcome]) -> Select[tuple[int, str]]:
    """Select the rows of the present sheet whose last attempt ended in one of ``outcomes``."""
    wanted = {*outcomes, Outcome.IN_DOUBT} if Outcome.REJECTED in outcomes else set(outcomes)
    tries = attempts.alias()
    last_try = select(func.max(tries.c.id)).where(tries.c.recipient_id == recipients.c.id).correlate(recipients)
    return (
        select(recipients.c.id, recipients.c.state)
        .select_from(recipients)
        .join(attempts, attempts.c.id == last_try.scalar_subquery())
        .where(recipients.c.campaign_id == campaign_id, recipients.c.in_sheet, recipients.c.purged_at.is_(None))
        .where(attempts.c.outcome.in_(wanted), is_unopposed())
    )


def _move(connection: Connection, chosen: Select[tuple[int, str]], state: State, reason: str, *, who: str) -> int:
    """Move the chosen rows and write down who moved them; the trigger refuses forbidden moves."""
    rows = connection.execute(chosen).all()
    if not rows:
        return 0
    now = utc_now()
    for start in range(0, len(rows), 1000):
        ids = [row.id for row in rows[start : start + 1000]]
        change = {"state": state, "reason": reason, "not_before": None, "updated_at": now}
        connection.execute(update(recipients).where(recipients.c.id.in_(ids)).values(**change))
    moves = [
        {"recipient_id": row.id, "at": now, "who": who, "from_state": row.state, "to_state": state, "reason": reason}
        for row in rows
    ]
    connection.execute(insert(events_table), moves)
    return len(rows)


def _who() -> str:
    """Name the person at the keyboard, or the account cron runs under."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
