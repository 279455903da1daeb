"""The rows that cannot be sent, in the sheet's own columns, with what to do about each: to correct and to send."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from dispatcher.added_columns import PROBLEM_COLUMNS
from dispatcher.models import Refusal
from dispatcher.outputs.labels import number_labels
from dispatcher.outputs.table_file import TableFile, open_table
from dispatcher.placeholders import fold

_CHUNK = 5_000  # rows that wait to be written together


class ProblemFile:
    """Rows that cannot be sent, on their way to a file."""

    def __init__(self, table: TableFile, columns: Sequence[str]) -> None:
        self._table = table
        self._keys = [fold(label) for label in columns]
        self._labels = number_labels([*columns, *PROBLEM_COLUMNS])
        self._waiting: list[list[str | int]] = []

    def add(self, row: Refusal) -> None:
        """Take the next row of the sheet.

        Raises:
            UsageError: the file cannot be written, or holds no more rows.
        """
        cells = [row.values.get(key, "") for key in self._keys]
        blamed = ", ".join([row.column, *(other.column for other in row.others)])
        advice = "; ".join([row.reason, *(f"{other.column}: {other.reason}" for other in row.others)])
        self._waiting.append([*cells, blamed, advice, row.row_number])
        if len(self._waiting) == _CHUNK:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        self._table.write(pd.DataFrame(self._waiting, columns=self._labels))
        self._waiting.clear()


@contextmanager
def write_problems(path: Path, columns: Sequence[str]) -> Iterator[ProblemFile]:
    """Take rows that cannot be sent as they come (``add``); ``path`` is replaced at the end of the block.

    ``columns`` are the sheet's labels. An exception in the block leaves the old file as it was.

    Raises:
        UsageError: the name ends in neither .xlsx nor .csv, or the file cannot be written.
    """
    with open_table(path, [*columns, *PROBLEM_COLUMNS]) as table:
        problems = ProblemFile(table, columns)
        yield problems
        problems.flush()
