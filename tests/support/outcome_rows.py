"""Rows as the ledger tells them, for tests of what is made of them."""

from collections.abc import Sequence
from typing import Any

from dispatcher.ledger import RowRecord
from dispatcher.models import State
from dispatcher.placeholders import fold


def outcome_row(columns: Sequence[str], cells: Sequence[str], **changes: Any) -> RowRecord:
    """Return an accepted row with these cells in these columns."""
    facts: dict[str, Any] = {
        "id": 1,
        "row_number": 2,
        "key": "12025550100",
        "to": "12025550100",
        "state": State.ACCEPTED,
        "reason": "HTTP 200",
        "column": "",
        "not_before": None,
        "session_id": "s-1",
        "updated_at": "2026-11-22T09:30:01.000Z",
        "values": dict(zip(map(fold, columns), cells, strict=True)),
        "is_in_sheet": True,
        "attempt_count": 1,
        "attempted_at": "2026-11-22T09:30:00.000Z",
        "purged_at": None,
    }
    return RowRecord(**facts | changes)
