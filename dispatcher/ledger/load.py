"""A sheet goes into the ledger: one transaction, whatever its size, and identity follows the key."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from dispatcher.ledger.comparison import BATCH, Change, classify, encode_cells, find_known
from dispatcher.ledger.digests import digest
from dispatcher.ledger.engines.integrity import check_before_load
from dispatcher.ledger.objections import STORIED, find_objections, write_objections
from dispatcher.ledger.queue import withdraw_vanished
from dispatcher.ledger.schema import campaigns, recipients
from dispatcher.ledger.times import utc_now
from dispatcher.models import Notice, Recipient, Refusal, State

_SENT = (State.SENDING, State.ACCEPTED, State.IN_DOUBT)


@dataclass(slots=True)
class LoadReport:
    """What a load did, in rows."""

    rows: int = 0
    changes: Counter[Change] = field(default_factory=Counter)
    withdrawn: int = 0
    notices: list[Notice] = field(default_factory=list)


class SheetLoad:
    """Brings the ledger in line with a sheet, row by row: ``add`` each row in file order, then ``finish``.

    A new key becomes ``pending``, ``refused`` or ``skipped``. A row that waits takes the sheet's values; one that was
    sent keeps those it was sent with, and takes the others: a person's own remarks. A waiting row that is not in the
    sheet any more becomes ``withdrawn``. The transaction of ``connection`` is all of one load: what is raised before
    it ends undoes the load.

    Args:
        connection: the ledger, inside that transaction.
        campaign_name: the campaign's identity.
        agent_id: its agent.
        used: the folded columns that make the message, a difference in which is reported as a change; None for all.
        on_rows: told now and then how many rows were added.

    Raises:
        LedgerError: the ledger is damaged.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        campaign_name: str,
        agent_id: str,
        used: Collection[str] | None = None,
        on_rows: Callable[[int], None] = lambda count: None,
    ) -> None:
        self.campaign_id = _open_campaign(connection, campaign_name, agent_id)
        self._connection = connection
        self._agent_id = agent_id
        self._used = used
        self._on_rows = on_rows
        self._report = LoadReport()
        self._batch: list[Recipient | Refusal] = []
        self._refused: dict[str, Refusal] = {}
        if connection.execute(select(recipients.c.id).limit(1)).first():
            check_before_load(connection)
        # Rows without a key were never sent; they are what the sheet says now, nothing more.
        theirs = recipients.c.campaign_id == self.campaign_id
        connection.execute(delete(recipients).where(theirs, recipients.c.key.is_(None)))
        self._vanished = set(connection.execute(select(recipients.c.id).where(theirs, recipients.c.in_sheet)).scalars())

    def add(self, row: Recipient | Refusal) -> None:
        """Take the next row of the sheet; a refused one with a key waits, for a later row that can be sent gets it."""
        if isinstance(row, Refusal) and row.key is not None:
            self._refused[row.key] = row
            return
        if row.key in self._refused:
            self._put(replace(self._refused.pop(row.key), key=None))
        self._put(row)

    def finish(self, *, sheet_path: str, columns: Sequence[str], fingerprint: str, today: date) -> LoadReport:
        """Write what is left, note which sheet this was, and withdraw what vanished from it.

        Args:
            sheet_path: for people who ask later.
            columns: the sheet's labels in its order.
            fingerprint: identifies sheet and campaign file; while it stays the same nothing is to be loaded again.
            today: what ``{today}`` stood for.
        """
        for row in self._refused.values():
            self._put(row)
        self._write()
        self._connection.execute(
            update(campaigns)
            .where(campaigns.c.id == self.campaign_id)
            .values(
                agent_id=self._agent_id,
                sheet_path=sheet_path,
                columns=json.dumps(list(columns), ensure_ascii=False),
                fingerprint=fingerprint,
                today=today.isoformat(),
                loaded_at=utc_now(),
            )
        )
        if self._vanished:
            self._connection.execute(_LOSE, [{"row_id": row_id} for row_id in self._vanished])
        self._report.withdrawn = withdraw_vanished(self._connection, self.campaign_id)
        return self._report

    def _put(self, row: Recipient | Refusal) -> None:
        self._batch.append(row)
        if len(self._batch) == BATCH:
            self._write()

    def _write(self) -> None:
        """Write the rows that have gathered: a look-up for each row by itself would take most of the time."""
        if not self._batch:
            return
        known = _write_batch(self._connection, self.campaign_id, self._batch, self._report, self._used)
        self._vanished -= known
        self._report.rows += len(self._batch)
        self._batch.clear()
        self._on_rows(self._report.rows)


def _open_campaign(connection: Connection, name: str, agent_id: str) -> int:
    found = connection.execute(select(campaigns.c.id).where(campaigns.c.name == name)).scalar()
    if found is not None:
        return int(found)
    statement = insert(campaigns).values(name=name, agent_id=agent_id).returning(campaigns.c.id)
    return int(connection.execute(statement).scalar_one())


_LOSE = update(recipients).where(recipients.c.id == bindparam("row_id")).values(in_sheet=False)
_RENUMBER = (
    update(recipients)
    .where(recipients.c.id == bindparam("row_id"))
    .values(row_number=bindparam("new_row_number"), in_sheet=True)
)
_REMARK = (
    update(recipients)
    .where(recipients.c.id == bindparam("row_id"))
    .values(cells=bindparam("new_cells"), digest=bindparam("new_digest"))
)
_CORRECT = (
    update(recipients)
    .where(recipients.c.id == bindparam("row_id"))
    .values(
        row_number=bindparam("new_row_number"),
        in_sheet=True,
        to_number=bindparam("new_to_number"),
        cells=bindparam("new_cells"),
        digest=bindparam("new_digest"),
        state=bindparam("new_state"),
        reason=bindparam("new_reason"),
        problem_column=bindparam("new_problem_column"),
        updated_at=bindparam("new_updated_at"),
        key=bindparam("new_key"),
        purged_at=None,
        to_hash=None,
    )
)


def _write_batch(
    connection: Connection,
    campaign_id: int,
    batch: Sequence[Recipient | Refusal],
    report: LoadReport,
    used: Collection[str] | None,
) -> set[int]:
    """Write what is new or differs and nothing else; return the ids of the rows that were known."""
    known = find_known(connection, campaign_id, batch)
    new, moved, corrected = [], [], []
    remarked: list[dict[str, object]] = []
    now = utc_now()
    for row in batch:
        cells = encode_cells(row.values)
        found = known.get(row.key) if row.key is not None else None
        report.changes[classify(found, row, cells, used)] += 1
        if found is None:
            new.append(_new_row(row, cells, campaign_id=campaign_id, now=now))
        elif found.state not in _SENT and _differs(found, row, cells):
            corrected.append(_corrected_row(found, row, cells, now=now))
        elif found.row_number != row.row_number or not found.in_sheet:
            moved.append({"row_id": found.id, "new_row_number": row.row_number})
        if found is not None and found.state in _SENT and found.cells != cells:
            remarked += _remarked_row(found, row, used)
    written = ((insert(recipients), new), (_RENUMBER, moved), (_CORRECT, corrected), (_REMARK, remarked))
    for statement, parameters in written:
        if parameters:
            connection.execute(statement, parameters)
    _write_objections(connection, known, batch)
    return {found.id for found in known.values()}


def _write_objections(
    connection: Connection, known: Mapping[str, Row[Any]], batch: Sequence[Recipient | Refusal]
) -> None:
    """Write down which rows that keep their story are not to be sent, and of which that holds no more."""
    reasons = {row.key: row.reason if isinstance(row, Refusal) else "" for row in batch if row.key is not None}
    fresh = {found.id: reasons[key] if found.state in STORIED else "" for key, found in known.items()}
    write_objections(connection, find_objections(connection, fresh.keys()), fresh)


def _stand_of(row: Recipient | Refusal) -> tuple[State, str, str]:
    """Return the state, the reason and the column to blame that a row is loaded with."""
    return (row.state, row.reason, row.column) if isinstance(row, Refusal) else (State.PENDING, "", "")


def _new_row(row: Recipient | Refusal, cells: str, *, campaign_id: int, now: str) -> dict[str, object]:
    state, reason, column = _stand_of(row)
    return {
        "campaign_id": campaign_id,
        "row_number": row.row_number,
        "key": row.key,
        "to_number": row.to,
        "state": state,
        "reason": reason,
        "problem_column": column,
        "cells": cells,
        "updated_at": now,
        "digest": digest(campaign_id, row.key, row.to, cells),
    }


def _next_stand(found: Row[Any], row: Recipient | Refusal) -> tuple[State, str, str]:
    """Return where a known row stands after the load: one that failed or was throttled keeps its story."""
    fresh = _stand_of(row)
    if found.state == State.FAILED or (found.state == State.RETRYABLE and fresh[0] is State.PENDING):
        return found.state, found.reason, found.problem_column
    return fresh


def _differs(found: Row[Any], row: Recipient | Refusal, cells: str) -> bool:
    written = (found.to_number, found.cells, found.state, found.reason, found.problem_column)
    return written != (row.to, cells, *_next_stand(found, row))


def _corrected_row(found: Row[Any], row: Recipient | Refusal, cells: str, *, now: str) -> dict[str, object]:
    fresh = _new_row(row, cells, campaign_id=found.campaign_id, now=now)
    fresh["state"], fresh["reason"], fresh["problem_column"] = _next_stand(found, row)
    return {"row_id": found.id} | {f"new_{name}": fresh[name] for name in fresh.keys() - {"campaign_id"}}


def _remarked_row(
    found: Row[Any], row: Recipient | Refusal, used: Collection[str] | None
) -> Iterator[dict[str, object]]:
    """Yield a row that was sent with what the sheet says now beside what it was sent with, if that differs."""
    if used is None or found.purged_at is not None:
        return
    kept = {column: text for column, text in json.loads(found.cells).items() if column in used}
    beside = {column: text for column, text in row.values.items() if column not in used}
    both = kept | beside
    cells = encode_cells({column: both[column] for column in {**row.values, **both} if column in both})
    if cells != found.cells:
        checked = digest(found.campaign_id, found.key, found.to_number, cells)
        yield {"row_id": found.id, "new_cells": cells, "new_digest": checked}
