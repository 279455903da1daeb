"""What became of every row, in the sheet's own columns: .xlsx or .csv."""

import itertools
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from dispatcher.errors import UsageError
from dispatcher.models import ADVICE_COLUMN, OUTCOME_COLUMNS, State
from dispatcher.placeholders import fold

PROBLEM_COLUMNS = ("problem in", ADVICE_COLUMN, "sheet row")
"""What is added to rows that cannot be sent."""

# Light fills: green is done, yellow waits, red wants a person, grey is left out.
_FILLS = {
    State.ACCEPTED: "#C6EFCE",
    State.PENDING: "#FFEB9C",
    State.RETRYABLE: "#FFEB9C",
    State.SENDING: "#FFEB9C",
    State.FAILED: "#FFC7CE",
    State.REFUSED: "#FFC7CE",
    State.IN_DOUBT: "#F4B084",
    State.SKIPPED: "#D9D9D9",
    State.WITHDRAWN: "#D9D9D9",
}
_BATCH = 5_000
_XLSX_ROWS_MAX = 1_048_575  # beside the header
_CELL_MAX = 32_767  # characters; beyond them XlsxWriter leaves out the rest without a word
_CUT = " [cut here: an Excel cell holds no more]"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_MISREAD_DIGITS = re.compile(r"0[0-9]+|[0-9]{12,}")
_Line = Sequence[str | int]
_WRAPPED = re.compile(r'="(?:[^"]|"")*"', re.DOTALL)


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
    is_csv = path.suffix.lower() == ".csv"
    lines = (_line(row, is_csv=is_csv) for row in rows)
    return _write(path, (*columns, *OUTCOME_COLUMNS), lines, state_column=len(columns))


def write_problems(path: Path, columns: Sequence[str], rows: Iterable[ProblemRow]) -> int:
    """Write rows that cannot be sent, with what to do about each, to ``path``; return how many.

    Raises:
        UsageError: the name ends in neither .xlsx nor .csv, or the file cannot be written.
    """
    lines: Iterator[_Line] = ((*row.cells, row.column, row.reason, row.row_number) for row in rows)
    return _write(path, (*columns, *PROBLEM_COLUMNS), lines)


def _write(path: Path, columns: Sequence[str], lines: Iterable[_Line], *, state_column: int | None = None) -> int:
    """Write a table as its lines come, replacing the file only once the new one is complete; return how many."""
    ending = path.suffix.lower()
    if ending not in (".xlsx", ".csv"):
        raise UsageError(f"{path}: write to a file that ends in .xlsx or .csv")
    try:
        with _replacing(path) as unfinished:
            if ending == ".csv":
                return _write_csv(unfinished, _unique(columns), lines)
            return _write_xlsx(unfinished, _unique(columns), lines, state_column)
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


def _line(row: ExportRow, *, is_csv: bool) -> _Line:
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


def _write_csv(path: Path, columns: Sequence[str], lines: Iterable[_Line]) -> int:
    count = 0
    iterator = iter(lines)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        batch: list[_Line] = [columns]
        while batch:
            frame = pd.DataFrame(batch, dtype=object).map(_guard)
            frame.to_csv(file, index=False, header=False, lineterminator="\r\n")
            batch = list(itertools.islice(iterator, _BATCH))
            count += len(batch)
    return count


def _guard(value: object) -> object:
    """Write what Excel would change as ``="..."``: it shows the text as it is, and reading it takes that off.

    Excel runs formulas, takes zeros off the front of digits, and shows twelve digits or more as ``4.477E+11``.
    """
    if not isinstance(value, str):
        return value
    return _wrap(value) if value.startswith(_FORMULA_STARTS) or _MISREAD_DIGITS.fullmatch(value) else value


def _wrap(text: str) -> str:
    return '="' + text.replace('"', '""') + '"'


def _fit_into_cell(value: object) -> object:
    """Wrap once more what looks wrapped already, for reading takes one wrapping off; cut what Excel cannot hold."""
    if not isinstance(value, str):
        return value
    text = _wrap(value) if _WRAPPED.fullmatch(value) else value
    return text if len(text) <= _CELL_MAX else text[: _CELL_MAX - len(_CUT)] + _CUT


def _write_xlsx(path: Path, columns: Sequence[str], lines: Iterable[_Line], state_column: int | None) -> int:
    """Write row by row to the disk: XlsxWriter's constant memory wants them in order."""
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    count = 0
    with pd.ExcelWriter(path, engine="xlsxwriter", engine_kwargs={"options": options}) as writer:
        workbook = writer.book
        sheet = workbook.add_worksheet("Rows")
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(columns) - 1, 18, workbook.add_format({"num_format": "@"}))
        sheet.write_row(0, 0, columns, workbook.add_format({"bold": True, "num_format": "@"}))
        for count, line in enumerate(lines, start=1):
            if count > _XLSX_ROWS_MAX:
                raise UsageError(f"more than {_XLSX_ROWS_MAX:,} rows do not fit into an Excel sheet; write to a .csv")
            sheet.write_row(count, 0, map(_fit_into_cell, line))
        sheet.autofilter(0, 0, max(count, 1), len(columns) - 1)
        if state_column is not None:
            _colour_states(workbook, sheet, state_column, max(count, 1))
    return count


def _colour_states(workbook: Any, sheet: Any, state_column: int, last_row: int) -> None:
    for state, colour in _FILLS.items():
        rule = {"type": "cell", "criteria": "==", "value": f'"{state}"'}
        fill = workbook.add_format({"bg_color": colour})
        sheet.conditional_format(1, state_column, last_row, state_column, rule | {"format": fill})


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
