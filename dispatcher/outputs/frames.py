"""From rows of the ledger to DataFrames in the sheet's own columns, every column of one documented type."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol, TypeAlias

import pandas as pd

from dispatcher.added_columns import OUTCOME_COLUMNS
from dispatcher.models import State
from dispatcher.outputs.labels import number_labels
from dispatcher.placeholders import fold

DataFrame: TypeAlias = pd.DataFrame

_STATE = pd.CategoricalDtype([str(state) for state in State])
_PLACES = {state: place for place, state in enumerate(State)}
_BATCH = 1_000  # a row of the ledger is many times the size of its cells, so few of them are held at a time


class OutcomeRow(Protocol):
    """What a frame tells of a row; the names are those of the ledger's own record."""

    @property
    def values(self) -> Mapping[str, str]:
        """The cells by folded column label; none of a row that was purged."""

    @property
    def state(self) -> State:
        """Where it stands."""

    @property
    def reason(self) -> str:
        """Why it stands there, in a sentence for people."""

    @property
    def attempted_at(self) -> str | None:
        """When its last attempt began: UTC in ISO 8601."""

    @property
    def session_id(self) -> str | None:
        """The session that was started for it."""

    @property
    def attempt_count(self) -> int:
        """How many requests were made for it."""

    @property
    def row_number(self) -> int:
        """Where it is in the sheet, as Excel shows it."""


def make_frame(columns: Sequence[str], rows: Iterable[OutcomeRow]) -> DataFrame:
    """Return the outcomes of ``rows`` in their order; ``columns`` are the sheet's labels.

    The types are those that ``dispatcher.outcomes`` promises, whether there are rows or not.
    """
    source = iter(rows)
    batches = iter(lambda: list(islice(source, _BATCH)), [])
    parts = [_convert(columns, batch) for batch in batches]
    return pd.concat(parts, ignore_index=True) if parts else _convert(columns, [])


def make_frames(columns: Sequence[str], rows: Iterable[OutcomeRow], *, size: int) -> Iterator[DataFrame]:
    """Yield the same in frames of ``size`` rows, with one index throughout; one empty frame where there are no rows."""
    source, start = iter(rows), 0
    while True:
        frame = make_frame(columns, islice(source, size))
        frame.index += start
        if start == 0 or len(frame):
            yield frame
        if len(frame) < size:
            return
        start += size


def _convert(columns: Sequence[str], rows: Sequence[OutcomeRow]) -> DataFrame:
    own = [_texts(row.values.get(key) for row in rows) for key in map(fold, columns)]
    told = [
        pd.Categorical.from_codes([_PLACES[row.state] for row in rows], dtype=_STATE),
        _texts(row.reason for row in rows),
        pd.to_datetime(_texts(row.attempted_at for row in rows), utc=True, format="ISO8601").as_unit("us"),
        _texts(row.session_id for row in rows),
        pd.array([row.attempt_count for row in rows], dtype="Int64"),
        pd.array([row.row_number for row in rows], dtype="int64"),
    ]
    labels = number_labels([*columns, *OUTCOME_COLUMNS])
    return pd.DataFrame(dict(zip(labels, [*own, *told], strict=True)))


def _texts(values: Iterable[str | None]) -> Any:
    return pd.array([pd.NA if value is None else value for value in values], dtype=pd.StringDtype())
