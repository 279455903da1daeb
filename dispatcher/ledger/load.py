"""A sheet goes into the ledger: one transaction, whatever its size, and identity follows the key."""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from dispatcher.ledger.file import utc_now
from dispatcher.ledger.queue import digest, withdraw_vanished
from dispatcher.ledger.schema import campaigns, recipients
from dispatcher.models import Notice, Recipient, Refusal, State

_BATCH = 2000
_SENT = (State.SENDING, State.ACCEPTED, State.IN_DOUBT)


class Change(StrEnum):
    """What a row of the sheet is to the ledger."""

    NEW = "new"
    SAME = "unchanged"
    CORRECTED = "corrected"  # its values differ and will be sent as they are now
    CHANGED_AFTER_SENDING = "changed after it was sent"  # it is not sent again
    SENT = "already sent"


@dataclass(slots=True)
class LoadReport:
    """What a load did, in rows."""

    rows: int = 0
    changes: Counter[Change] = field(default_factory=Counter)
    withdrawn: int = 0
    notices: list[Notice] = field(default_factory=list)


def is_loaded(connection: Connection, campaign_name: str, fingerprint: str) -> bool:
    """Return whether the ledger holds this very sheet as read by this very campaign file."""
    query = select(campaigns.c.fingerprint).where(campaigns.c.name == campaign_name)
    return connection.execute(query).scalar() == fingerprint


def load_sheet(
    connection: Connection,
    rows: Iterable[Recipient | Refusal],
    *,
    campaign_name: str,
    agent_id: str,
    sheet_path: str,
    columns: Sequence[str],
    fingerprint: str,
    today: date,
    on_rows: Callable[[int], None] = lambda count: None,
) -> LoadReport:
    """Bring the ledger in line with a sheet.

    A new key becomes ``pending``, ``refused`` or ``skipped``. A row that waits takes the sheet's values;
    one that was sent keeps those it was sent with. A waiting row that is not in the sheet any more
    becomes ``withdrawn``.

    Args:
        connection: the ledger, inside a transaction that this load is all of.
        rows: the sheet, row by row; what it raises undoes the load.
        campaign_name: the campaign's identity.
        agent_id: its agent.
        sheet_path: for people who ask later.
        columns: the sheet's labels in its order.
        fingerprint: identifies sheet and campaign file, see ``is_loaded``.
        today: what ``{today}`` stood for.
        on_rows: told now and then how many rows were read.
    """
    campaign_id, load_number = _open_campaign(connection, campaign_name, agent_id)
    # Rows without a key were never sent; they are what the sheet says now, nothing more.
    connection.execute(delete(recipients).where(recipients.c.campaign_id == campaign_id, recipients.c.key.is_(None)))
    report = LoadReport()
    for batch in _batches(rows):
        _write_batch(connection, campaign_id, load_number, batch, report)
        report.rows += len(batch)
        on_rows(report.rows)
    connection.execute(
        update(campaigns)
        .where(campaigns.c.id == campaign_id)
        .values(
            agent_id=agent_id,
            sheet_path=sheet_path,
            columns=json.dumps(list(columns), ensure_ascii=False),
            fingerprint=fingerprint,
            today=today.isoformat(),
            load_number=load_number,
            loaded_at=utc_now(),
        )
    )
    report.withdrawn = withdraw_vanished(connection, campaign_id)
    return report


def classify_changes(
    connection: Connection, campaign_name: str, rows: Iterable[Recipient | Refusal]
) -> Iterator[tuple[Recipient | Refusal, Change]]:
    """Yield each row with what a load would find, writing nothing; for ``check``."""
    campaign_id = connection.execute(select(campaigns.c.id).where(campaigns.c.name == campaign_name)).scalar()
    for batch in _batches(rows):
        known = _find_known(connection, campaign_id, batch) if campaign_id else {}
        for row in batch:
            yield row, _classify(known.get(row.key or ""), row, _encode(row))


def _open_campaign(connection: Connection, name: str, agent_id: str) -> tuple[int, int]:
    found = connection.execute(select(campaigns.c.id, campaigns.c.load_number).where(campaigns.c.name == name)).first()
    if found:
        return found.id, found.load_number + 1
    statement = insert(campaigns).values(name=name, agent_id=agent_id).returning(campaigns.c.id)
    return connection.execute(statement).scalar_one(), 1


def _batches(rows: Iterable[Recipient | Refusal]) -> Iterator[list[Recipient | Refusal]]:
    iterator = iter(rows)
    while batch := list(itertools.islice(iterator, _BATCH)):
        yield batch


def _encode(row: Recipient | Refusal) -> str:
    return json.dumps(dict(row.values), ensure_ascii=False, separators=(",", ":"))


def _find_known(connection: Connection, campaign_id: int, batch: Sequence[Recipient | Refusal]) -> dict[str, Row[Any]]:
    keys = [row.key for row in batch if row.key is not None]
    query = select(recipients).where(recipients.c.campaign_id == campaign_id, recipients.c.key.in_(keys))
    return {row.key: row for row in connection.execute(query)} if keys else {}


def _classify(known: Row[Any] | None, row: Recipient | Refusal, cells: str) -> Change:
    if known is None:
        return Change.NEW
    is_same = known.cells == cells and known.to_number == row.to
    if known.state in _SENT:
        return Change.SENT if is_same else Change.CHANGED_AFTER_SENDING
    return Change.SAME if is_same else Change.CORRECTED


_SEE = (
    update(recipients)
    .where(recipients.c.id == bindparam("row_id"))
    .values(row_number=bindparam("new_row_number"), load_number=bindparam("new_load_number"))
)
_CORRECT = (
    update(recipients)
    .where(recipients.c.id == bindparam("row_id"))
    .values(
        row_number=bindparam("new_row_number"),
        load_number=bindparam("new_load_number"),
        to_number=bindparam("new_to_number"),
        cells=bindparam("new_cells"),
        digest=bindparam("new_digest"),
        state=bindparam("new_state"),
        reason=bindparam("new_reason"),
        problem_column=bindparam("new_problem_column"),
        updated_at=bindparam("at"),
    )
)


def _write_batch(
    connection: Connection,
    campaign_id: int,
    load_number: int,
    batch: Sequence[Recipient | Refusal],
    report: LoadReport,
) -> None:
    known = _find_known(connection, campaign_id, batch)
    new, seen, corrected = [], [], []
    now = utc_now()
    for row in batch:
        cells = _encode(row)
        found = known.get(row.key) if row.key is not None else None
        report.changes[_classify(found, row, cells)] += 1
        if found is None:
            new.append(_new_row(row, cells, campaign_id=campaign_id, load_number=load_number, now=now))
        elif found.state in _SENT:
            seen.append({"row_id": found.id, "new_row_number": row.row_number, "new_load_number": load_number})
        else:
            corrected.append(
                _corrected_row(found, row, cells, campaign_id=campaign_id, load_number=load_number, now=now)
            )
    for statement, parameters in ((insert(recipients), new), (_SEE, seen), (_CORRECT, corrected)):
        if parameters:
            connection.execute(statement, parameters)


def _state_of(row: Recipient | Refusal) -> State:
    return row.state if isinstance(row, Refusal) else State.PENDING


def _reason_of(row: Recipient | Refusal) -> tuple[str, str]:
    return (row.reason, row.column) if isinstance(row, Refusal) else ("", "")


def _new_row(
    row: Recipient | Refusal, cells: str, *, campaign_id: int, load_number: int, now: str
) -> dict[str, object]:
    reason, column = _reason_of(row)
    return {
        "campaign_id": campaign_id,
        "row_number": row.row_number,
        "key": row.key,
        "to_number": row.to,
        "state": _state_of(row),
        "reason": reason,
        "problem_column": column,
        "cells": cells,
        "load_number": load_number,
        "updated_at": now,
        "digest": digest(campaign_id, row.key, row.to, cells),
    }


def _corrected_row(
    found: Row[Any], row: Recipient | Refusal, cells: str, *, campaign_id: int, load_number: int, now: str
) -> dict[str, object]:
    state = _state_of(row)
    stays = found.state == State.FAILED or (found.state == State.RETRYABLE and state is State.PENDING)
    fresh = _new_row(row, cells, campaign_id=campaign_id, load_number=load_number, now=now)
    renamed = {
        f"new_{name}": value for name, value in fresh.items() if name not in ("campaign_id", "key", "updated_at")
    }
    if stays:
        renamed |= {"new_state": found.state, "new_reason": found.reason, "new_problem_column": found.problem_column}
    return renamed | {"row_id": found.id, "at": now}
