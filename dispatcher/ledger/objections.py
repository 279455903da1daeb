"""What the present sheet holds against rows that keep their story: it outranks the past.

A row that waits stands where the sheet puts it, and its state says so. One that failed or is in doubt keeps its state,
whatever the sheet says; its objection keeps ``retry`` and every other way from sending it. The ledger itself refuses
the move to ``sending`` (the rule ``recipients_objection``).
"""

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, select

from dispatcher.ledger.schema import objections, recipients
from dispatcher.models import State

STORIED = (State.FAILED, State.SENDING, State.IN_DOUBT)
"""The states that a load does not change and that a row may leave again."""


def is_unopposed() -> ColumnElement[bool]:
    """Return the condition that the present sheet does not object to a row of ``recipients``."""
    return ~exists().where(objections.c.recipient_id == recipients.c.id)


def find_objections(connection: Connection, row_ids: Collection[int]) -> dict[int, str]:
    """Return what is held against some rows, by their ids; a few hundred at a time."""
    query = select(objections.c.recipient_id, objections.c.reason).where(objections.c.recipient_id.in_(row_ids))
    return {row.recipient_id: row.reason for row in connection.execute(query)} if row_ids else {}


def write_objections(connection: Connection, known: Mapping[int, str], fresh: Mapping[int, str]) -> None:
    """Make ``fresh`` out of ``known``, both by row; an empty reason is no objection."""
    changed = {row_id: reason for row_id, reason in fresh.items() if known.get(row_id, "") != reason}
    if gone := [row_id for row_id in changed if row_id in known]:
        connection.execute(delete(objections).where(objections.c.recipient_id.in_(gone)))
    if new := [{"recipient_id": row_id, "reason": reason} for row_id, reason in changed.items() if reason]:
        connection.execute(insert(objections), new)


def count_objected(connection: Connection, campaign_id: int) -> int:
    """Return how many failed rows of the present sheet are not to be tried again, for it says no to them by now."""
    objected = (
        select(func.count())
        .select_from(objections)
        .join(recipients)
        .where(recipients.c.campaign_id == campaign_id, recipients.c.state == State.FAILED, recipients.c.in_sheet)
    )
    return int(connection.execute(objected).scalar_one())
