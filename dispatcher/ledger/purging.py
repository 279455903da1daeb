"""Forget people without forgetting that they were messaged.

A purged row keeps its state, its times and a keyed hash in place of its key and its number, so that a later
sheet with the same key is still recognised. The hash key lies in the ledger itself: hashes keep numbers from
a reader's eyes, not from somebody who holds the file and tries every number.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, select, update

from dispatcher.ledger.digests import digest, make_hash_key, read_hasher
from dispatcher.ledger.schema import attempts, campaigns, objections, recipients
from dispatcher.ledger.times import utc_now, utc_text
from dispatcher.models import State

_FINISHED = (State.ACCEPTED, State.FAILED, State.REFUSED, State.SKIPPED, State.WITHDRAWN, State.EXPIRED)
_EMPTY = "{}"
_FORGET_ROW = (
    update(recipients)
    .where(recipients.c.id == bindparam("row_id"))
    .values(
        key=bindparam("new_key"),
        to_hash=bindparam("new_to_hash"),
        digest=bindparam("new_digest"),
        purged_at=bindparam("at"),
        to_number=None,
        cells=_EMPTY,
        reason="",
        problem_column="",
    )
)
_FORGET_ATTEMPTS = update(attempts).where(attempts.c.recipient_id == bindparam("row_id")).values(reason="", answer="")
_FORGET_OBJECTIONS = delete(objections).where(objections.c.recipient_id == bindparam("row_id"))


def purge_campaign(connection: Connection, campaign_id: int, older_than: timedelta) -> int:
    """Remove numbers, values, reasons and answers of rows finished long enough ago; return how many rows.

    Rows in doubt and rows that wait stay as they are; rows without a key were never sent and go altogether.
    """
    is_old = recipients.c.updated_at < utc_text(datetime.now(UTC) - older_than)
    theirs = recipients.c.campaign_id == campaign_id
    removed = connection.execute(delete(recipients).where(theirs, is_old, recipients.c.key.is_(None))).rowcount
    finished = select(recipients.c.id, recipients.c.key, recipients.c.to_number).where(
        theirs, is_old, recipients.c.state.in_(_FINISHED), recipients.c.purged_at.is_(None)
    )
    rows = connection.execute(finished).all()
    if rows:
        make_hash_key(connection)
        hashed = read_hasher(connection)
        assert hashed is not None  # noqa: S101 - opened above
        at = utc_now()
        forgotten = [
            {
                "row_id": row.id,
                "new_key": hashed(row.key),
                "new_to_hash": hashed(row.to_number) if row.to_number else None,
                "new_digest": digest(campaign_id, hashed(row.key), None, _EMPTY),
                "at": at,
            }
            for row in rows
        ]
        connection.execute(_FORGET_ROW, forgotten)
        connection.execute(_FORGET_OBJECTIONS, [{"row_id": row.id} for row in rows])
        connection.execute(_FORGET_ATTEMPTS, [{"row_id": row.id} for row in rows])
    if rows or removed:  # the next load looks at every row again
        connection.execute(update(campaigns).where(campaigns.c.id == campaign_id).values(fingerprint=""))
    return len(rows) + removed
