"""What a sheet is to the ledger, row by row: what a load goes by, and what a check tells without writing anything."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, select

from dispatcher.ledger.digests import read_hasher, verify_digest
from dispatcher.ledger.reading import read_rows
from dispatcher.ledger.schema import recipients
from dispatcher.models import Recipient, Refusal, State

BATCH = 2000
"""Rows that are looked up and written at a time."""

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))  # made once: making it costs more than using it
_WAITING = (State.PENDING, State.RETRYABLE, State.REFUSED, State.SKIPPED)


class Change(StrEnum):
    """What a row of the sheet is to the ledger."""

    NEW = "new"
    SAME = "unchanged"
    CORRECTED = "corrected"  # its values differ and will be sent as they are now
    CHANGED_AFTER_SENDING = "changed after it was sent"  # it is not sent again
    SENT = "already sent"
    FAILED = "failed before"  # only ``retry`` sends it again
    IN_DOUBT = "in doubt"  # or in the air at this moment; only a person, or proof, moves it


_UNREADY = {
    State.FAILED: Change.FAILED,
    State.IN_DOUBT: Change.IN_DOUBT,
    State.SENDING: Change.IN_DOUBT,
}


@dataclass(slots=True)
class SheetDifference:
    """What a load of a sheet would find, in rows.

    Attributes:
        changes: all rows of the sheet.
        ready_changes: those of them that can be sent.
        withdrawn: waiting rows of the ledger that are gone from the sheet, and would be withdrawn.
    """

    changes: Counter[Change] = field(default_factory=Counter)
    ready_changes: Counter[Change] = field(default_factory=Counter)
    withdrawn: int = 0


class SheetComparison:
    """Compares the ledger with a sheet, writing nothing: ``add`` each row in file order, then ``finish``.

    Args:
        connection: the ledger; None where there is none yet, and every row is new.
        campaign_id: whose rows; None for a campaign that the ledger does not know.
        used: the folded columns that make the message, a difference in which is reported as a change; None for all.
        on_rows: told now and then how many rows were added.
    """

    def __init__(
        self,
        connection: Connection | None,
        campaign_id: int | None,
        *,
        used: Collection[str] | None = None,
        on_rows: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._connection = connection
        self._campaign_id = campaign_id
        self._used = used
        self._on_rows = on_rows
        self._difference = SheetDifference()
        self._batch: list[Recipient | Refusal] = []
        self._missed: set[str | None] = set()
        if connection is not None and campaign_id is not None:
            rows = read_rows(connection, campaign_id, _WAITING)
            # A row without a key is what its sheet said, no identity: nobody misses it.
            self._missed = {row.key for row in rows if row.key is not None}

    def add(self, row: Recipient | Refusal) -> None:
        """Take the next row of the sheet."""
        self._missed.discard(row.key)
        self._batch.append(row)
        if len(self._batch) == BATCH:
            self._compare()

    def finish(self) -> SheetDifference:
        """Return how the sheet and the ledger differ."""
        self._compare()
        self._difference.withdrawn = len(self._missed)
        return self._difference

    def _compare(self) -> None:
        """Look up the rows that have gathered: a look-up for each row by itself would take most of the time."""
        if not self._batch:
            return
        changes = [Change.NEW] * len(self._batch)
        if self._connection is not None:
            changes = classify_changes(self._connection, self._campaign_id, self._batch, used=self._used)
        for row, change in zip(self._batch, changes, strict=True):
            self._difference.changes[change] += 1
            self._difference.ready_changes[change] += isinstance(row, Recipient)
        self._batch.clear()
        self._on_rows(self._difference.changes.total())


def classify_changes(
    connection: Connection,
    campaign_id: int | None,
    rows: Sequence[Recipient | Refusal],
    *,
    used: Collection[str] | None = None,
) -> list[Change]:
    """Return what a load would find each row to be, writing nothing.

    Args:
        connection: the ledger.
        campaign_id: whose rows; None for a campaign that the ledger does not know.
        rows: some rows of the sheet, best ``BATCH`` of them.
        used: the folded columns that make the message, a difference in which is reported as a change; None for all.
    """
    if campaign_id is None:
        return [Change.NEW] * len(rows)
    known = find_known(connection, campaign_id, rows)
    return [classify(known.get(row.key or ""), row, encode_cells(row.values), used) for row in rows]


def encode_cells(values: Mapping[str, str]) -> str:
    """Return a row's cells as the ledger keeps them."""
    return _JSON.encode(dict(values))


def find_known(connection: Connection, campaign_id: int, batch: Sequence[Recipient | Refusal]) -> dict[str, Row[Any]]:
    """Return the ledger's rows by the key the sheet knows them by, those whose key was purged included."""
    keys = {row.key: row.key for row in batch if row.key is not None}
    if hashed := read_hasher(connection):
        keys |= {hashed(key): key for key in tuple(keys)}
    if not keys:
        return {}
    query = select(recipients).where(recipients.c.campaign_id == campaign_id, recipients.c.key.in_(keys))
    known = connection.execute(query).all()
    for row in known:
        verify_digest(row)
    return {keys[row.key]: row for row in known}


def classify(known: Row[Any] | None, row: Recipient | Refusal, cells: str, used: Collection[str] | None) -> Change:
    """Say what a row of the sheet is to the ledger's row of the same key; ``cells`` are its own, encoded."""
    if known is None:
        return Change.NEW
    if unready := _UNREADY.get(known.state):
        return unready
    is_sent = known.state == State.ACCEPTED
    if is_sent and known.purged_at is not None:  # nobody knows what it was sent with
        return Change.SENT
    if known.to_number == row.to and (known.cells == cells or _agree(json.loads(known.cells), row.values, used)):
        return Change.SENT if is_sent else Change.SAME
    return Change.CHANGED_AFTER_SENDING if is_sent else Change.CORRECTED


def _agree(before: Mapping[str, str], now: Mapping[str, str], used: Collection[str] | None) -> bool:
    """Return whether what the campaign uses is the same; columns that an export added, say, mean nothing to it."""
    return used is not None and all(before.get(column) == now.get(column) for column in used)
