"""The ledger as the queue: which rows are due, the intent before a request, the conclusion after it."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, func, insert, not_, or_, select, tuple_, update

from dispatcher.errors import LedgerError
from dispatcher.ledger.digests import verify_digest
from dispatcher.ledger.objections import is_unopposed
from dispatcher.ledger.schema import attempts, campaigns, recipients
from dispatcher.ledger.times import utc_now
from dispatcher.models import AttemptResult, Outcome, Recipient, Refusal, State, state_after
from dispatcher.text import mask_digits


@dataclass(frozen=True, slots=True)
class DueRow:
    """A row that waits to be sent, read back from the ledger and checked against its digest."""

    id: int
    recipient: Recipient


@dataclass(frozen=True, slots=True)
class Intent:
    """A request is about to leave for this row; ``future`` gets the attempt's id."""

    recipient_id: int
    run_id: int
    future: Future[int] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """An attempt is over."""

    attempt_id: int
    recipient_id: int
    result: AttemptResult
    not_before: str | None
    future: Future[None] = field(default_factory=Future)


def find_due(connection: Connection, campaign_id: int, *, after: tuple[int, int], count: int) -> list[DueRow]:
    """Return the next pending rows in the sheet's order.

    Args:
        connection: the ledger.
        campaign_id: whose rows.
        after: row number and id of the last row already taken; (0, 0) begins.
        count: how many rows at most.

    Raises:
        LedgerError: a row does not match its digest.
    """
    cursor = tuple_(recipients.c.row_number, recipients.c.id)
    query = (
        select(recipients)
        .where(recipients.c.campaign_id == campaign_id, recipients.c.state == State.PENDING, cursor > after)
        .where(is_unopposed())
        .order_by(recipients.c.row_number, recipients.c.id)
        .limit(count)
    )
    return [_due_row(row) for row in connection.execute(query)]


def find_retryable(connection: Connection, campaign_id: int) -> list[tuple[int, str]]:
    """Return id and ``not_before`` of the rows that wait for another try, the earliest first."""
    query = (
        select(recipients.c.id, recipients.c.not_before)
        .where(recipients.c.campaign_id == campaign_id, recipients.c.state == State.RETRYABLE)
        .where(is_unopposed())
        .order_by(recipients.c.not_before, recipients.c.row_number)
    )
    return [(row.id, _checked_time(row.not_before or "")) for row in connection.execute(query)]


def find_floor(connection: Connection, agent_ids: Collection[str]) -> str:
    """Return the latest ``not_before`` of the agents' rows whose last attempt was refused with 429, "" if none is."""
    last_outcome = (
        select(attempts.c.outcome)
        .where(attempts.c.recipient_id == recipients.c.id)
        .order_by(attempts.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(func.max(recipients.c.not_before))
        .join(campaigns)
        .where(campaigns.c.agent_id.in_(agent_ids), recipients.c.state == State.RETRYABLE)
        .where(last_outcome == Outcome.THROTTLED)
    )
    return _checked_time(connection.execute(query).scalar() or "")


def _checked_time(text: str) -> str:
    try:
        datetime.fromisoformat(text or utc_now())
    except ValueError:
        raise LedgerError(f"a row of the ledger is damaged (its time is {text!r}); nothing of it was sent") from None
    return text


def read_row(connection: Connection, recipient_id: int) -> DueRow:
    """Return one waiting row by its id."""
    return _due_row(connection.execute(select(recipients).where(recipients.c.id == recipient_id)).one())


def _due_row(row: Row[tuple[object, ...]]) -> DueRow:
    verify_digest(row)
    values: Mapping[str, str] = json.loads(row.cells)
    return DueRow(row.id, Recipient(row.row_number, row.to_number, row.key, values))


def last_attempt_id(connection: Connection) -> int:
    """Return the highest id of an attempt, 0 when there was none; there is one writer, and it counts on."""
    return connection.execute(select(func.max(attempts.c.id))).scalar() or 0


_MARK_SENDING = (
    update(recipients)
    .where(
        recipients.c.id == bindparam("row_id"),
        or_(recipients.c.state == State.PENDING, recipients.c.state == State.RETRYABLE),
    )
    .values(state=State.SENDING, reason="", not_before=None, updated_at=bindparam("at"))
)
_CLOSE_ATTEMPT = (
    update(attempts)
    .where(attempts.c.id == bindparam("attempt_id"), attempts.c.outcome.is_(None))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                "ended_at",
                "outcome",
                "http_status",
                "headers_sent",
                "latency_ms",
                "reason",
                "session_id",
                "answer",
            )
        }
    )
)
_MOVE_ROW = (
    update(recipients)
    .where(recipients.c.id == bindparam("row_id"), recipients.c.state == State.SENDING)
    .values(
        state=bindparam("new_state"),
        reason=bindparam("new_reason"),
        not_before=bindparam("new_not_before"),
        session_id=bindparam("new_session_id"),
        updated_at=bindparam("at"),
    )
)


def write_intents(connection: Connection, intents: Sequence[Intent], attempt_ids: Iterator[int]) -> list[int]:
    """Move the rows to ``sending`` and open an attempt for each; return the attempts' ids in order.

    Raises:
        LedgerError: a row was not waiting any more; the transaction must be rolled back.
    """
    if not intents:
        return []
    now = utc_now()
    moved = connection.execute(_MARK_SENDING, [{"row_id": intent.recipient_id, "at": now} for intent in intents])
    if moved.rowcount != len(intents):
        raise LedgerError("a row is no longer waiting to be sent; it was left alone")
    ids = [next(attempt_ids) for _ in intents]
    opened = [
        {"id": attempt_id, "recipient_id": intent.recipient_id, "run_id": intent.run_id, "started_at": now}
        for attempt_id, intent in zip(ids, intents, strict=True)
    ]
    connection.execute(insert(attempts), opened)
    return ids


def write_conclusions(connection: Connection, conclusions: Sequence[Conclusion]) -> None:
    """Close the attempts and move their rows to the states that follow from the outcomes.

    Raises:
        LedgerError: an attempt was closed already; the transaction must be rolled back.
    """
    if not conclusions:
        return
    now = utc_now()
    closed = connection.execute(_CLOSE_ATTEMPT, [_closing(conclusion, now) for conclusion in conclusions])
    moved = connection.execute(_MOVE_ROW, [_moving(conclusion, now) for conclusion in conclusions])
    if not closed.rowcount == moved.rowcount == len(conclusions):
        raise LedgerError("an attempt was concluded twice; the second conclusion was refused")


def replay_conclusions(connection: Connection, conclusions: Sequence[Conclusion]) -> None:
    """Write conclusions a dead run left behind; those that are in the ledger already change nothing."""
    for conclusion in conclusions:
        still_open = select(attempts.c.id).where(
            attempts.c.id == conclusion.attempt_id,
            attempts.c.recipient_id == conclusion.recipient_id,
            attempts.c.outcome.is_(None),
        )
        if connection.execute(still_open).first():
            write_conclusions(connection, [conclusion])


def _closing(conclusion: Conclusion, now: str) -> dict[str, object]:
    result = conclusion.result
    return {
        "attempt_id": conclusion.attempt_id,
        "new_ended_at": now,
        "new_outcome": result.outcome,
        "new_http_status": result.http_status,
        "new_headers_sent": result.headers_sent,
        "new_latency_ms": result.latency_ms,
        "new_reason": _mask_numbers(result.reason),
        "new_session_id": result.session_id,
        "new_answer": _mask_numbers(result.answer),
    }


def _moving(conclusion: Conclusion, now: str) -> dict[str, object]:
    result = conclusion.result
    return {
        "row_id": conclusion.recipient_id,
        "new_state": state_after(result),
        "new_reason": _mask_numbers(result.reason),
        "new_not_before": conclusion.not_before,
        "new_session_id": result.session_id,
        "at": now,
    }


def _mask_numbers(text: str) -> str:
    """Hide every number of seven digits or more: an answer that repeats one must not outlive a purge."""
    return re.sub(r"\d{7,}", lambda number: mask_digits(number[0]), text)


def refuse_row(connection: Connection, recipient_id: int, refusal: Refusal) -> None:
    """Move a waiting row to ``refused``: its request breaks a rule although the row was loaded."""
    connection.execute(
        update(recipients)
        .where(recipients.c.id == recipient_id)
        .values(
            state=State.REFUSED,
            reason=refusal.reason,
            problem_column=refusal.column,
            not_before=None,
            updated_at=utc_now(),
        )
    )


def withdraw_vanished(connection: Connection, campaign_id: int) -> int:
    """Move every waiting row that is not in the sheet any more to ``withdrawn``; return how many."""
    waiting = (State.PENDING, State.RETRYABLE, State.REFUSED, State.SKIPPED)
    changed = connection.execute(
        update(recipients)
        .where(
            recipients.c.campaign_id == campaign_id,
            recipients.c.state.in_(waiting),
            not_(recipients.c.in_sheet),
        )
        .values(state=State.WITHDRAWN, reason="no longer in the sheet", not_before=None, updated_at=utc_now())
    )
    return changed.rowcount
