"""What became of every row, in the sheet's own columns: .xlsx or .csv, written as the rows come."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dispatcher.added_columns import OUTCOME_COLUMNS, PROBLEM_COLUMNS
from dispatcher.errors import UsageError
from dispatcher.models import State
from dispatcher.outputs.csv import CsvTable, Line
from dispatcher.outputs.xlsx import XlsxTable
from dispatcher.placeholders import fold


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One line of an export: the sheet's cells in its order, then the outcome."""

    cells: Sequence[str]
    state: State
    reason: str
    attempted_at: str | None
    session_id: str | None
    attempt_count: int
    row_number: int


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """One line of a list of problems: the sheet's cells in its order, then what is wrong."""

    cells: Sequence[str]
    column: str
    reason: str
    row_number: int


def write_export(path: Path, columns: Sequence[str], rows: Iterable[ExportRow]) -> int:
    """Write rows with their outcomes to ``path``; return how many.

    Raises:
        UsageError: the name ends in neither .xlsx nor .csv, or the file cannot be written.
    """
    is_csv, count = path.suffix.lower() == ".csv", 0
    with _open_table(path, (*columns, *OUTCOME_COLUMNS), state_column=len(columns)) as table:
        for count, row in enumerate(rows, start=1):  # noqa: B007 - what is counted is returned
            table.add(_line(row, is_csv=is_csv))
    return count


class ProblemList:
    """Rows that cannot be sent, with what to do about each; ``open_problem_list`` makes one."""

    def __init__(self, table: CsvTable | XlsxTable) -> None:
        self._table = table

    def add(self, row: ProblemRow) -> None:
        """Write one more row."""
        self._table.add((*row.cells, row.column, row.reason, row.row_number))


@contextmanager
def open_problem_list(path: Path, columns: Sequence[str]) -> Iterator[ProblemList]:
    """Yield what takes the rows that cannot be sent; the file is there once the block has ended well.

    Raises:
        UsageError: the name ends in neither .xlsx nor .csv, or the file cannot be written.
    """
    with _open_table(path, (*columns, *PROBLEM_COLUMNS)) as table:
        yield ProblemList(table)


@contextmanager
def _open_table(
    path: Path, columns: Sequence[str], *, state_column: int | None = None
) -> Iterator[CsvTable | XlsxTable]:
    """Yield a table that replaces the file only once it is complete."""
    ending = path.suffix.lower()
    if ending not in (".xlsx", ".csv"):
        raise UsageError(f"{path}: write to a file that ends in .xlsx or .csv")
    names = _unique(columns)
    try:
        with _replacing(path) as unfinished:
            table = CsvTable(unfinished, names) if ending == ".csv" else XlsxTable(unfinished, names, state_column)
            with table:
                yield table
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None


def _unique(columns: Sequence[str]) -> list[str]:
    """Keep the outcome columns apart from the sheet's own ones, however these are written: ``State`` is ``state``."""
    names: list[str] = []
    taken: set[str] = set()
    for column in columns:
        name, count = column, 2
        while fold(name) in taken:
            name, count = f"{column} ({count})", count + 1
        taken.add(fold(name))
        names.append(name)
    return names


def _line(row: ExportRow, *, is_csv: bool) -> Line:
    attempted = "" if row.attempted_at is None else _local_time(row.attempted_at, is_iso=is_csv)
    return [
        *row.cells,
        str(row.state),
        row.reason,
        attempted,
        row.session_id or "",
        row.attempt_count,
        row.row_number,
    ]


def _local_time(moment: str, *, is_iso: bool) -> str:
    local = datetime.fromisoformat(moment).astimezone()
    return local.isoformat(timespec="seconds") if is_iso else local.strftime("%Y-%m-%d %H:%M:%S")


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Yield a private file in the same folder that takes the place of ``path`` at the end, or vanishes."""
    descriptor, name = tempfile.mkstemp(suffix=path.suffix, prefix=f".{path.stem}-", dir=path.parent)
    os.close(descriptor)
    unfinished = Path(name)
    try:
        yield unfinished
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
