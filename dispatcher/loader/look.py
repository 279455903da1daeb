"""Looks at a sheet nobody has described yet: where its header is, which column holds the numbers."""

import itertools
import re
from dataclasses import dataclass
from pathlib import Path

from dispatcher.errors import SheetError
from dispatcher.loader.files import open_tables
from dispatcher.loader.header import Header, name_columns
from dispatcher.loader.phone_numbers import Number, read_number
from dispatcher.loader.rows import HEADER_SEARCH_ROWS, Row, Table
from dispatcher.models import RecipientRules, SheetRules
from dispatcher.placeholders import parse_text

_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_ROWS_LOOKED_AT = HEADER_SEARCH_ROWS + 20
_INTERNATIONAL = RecipientRules(to=parse_text("{to}"), key=parse_text("{to}"))


@dataclass(frozen=True, slots=True)
class Look:
    """What a sheet seems to be.

    Attributes:
        sheet_name: the worksheet, None for a CSV file or where there is only one.
        header_row: the row that names the columns, as Excel shows it.
        columns: the columns as the sheet labels them.
        number_column: the column that holds phone numbers with their country code.
        date_columns: columns that hold dates.
    """

    sheet_name: str | None
    header_row: int
    columns: tuple[str, ...]
    number_column: str
    date_columns: tuple[str, ...]


def look_at(path: Path) -> Look:
    """Find the header and the column of numbers in a recipients file.

    Raises:
        SheetError: the file cannot be read, or no column of it holds phone numbers.
    """
    tables = [table for table in open_tables(path, SheetRules()) if table.is_visible]
    looks = [look for table in tables if (look := _look_at_table(table, is_only=len(tables) == 1))]
    if not looks:
        raise SheetError(
            f"{path.name}: no column holds phone numbers with their country code; write them as +12025550123"
        )
    return max(looks, key=lambda look: len(look.columns))


def _look_at_table(table: Table, *, is_only: bool) -> Look | None:
    try:
        rows = [row for row in itertools.islice(table.read_rows(), _ROWS_LOOKED_AT) if not row.is_blank]
    except SheetError:  # a CSV file read with the wrong delimiter
        return None
    for above, row in itertools.pairwise(rows):
        position = _find_number(row)
        if position is not None and _find_number(above) is None:
            return _describe(table, name_columns(above), row, position, is_only=is_only)
    return None


def _find_number(row: Row) -> int | None:
    found = (position for position, text in enumerate(row.texts) if _is_number(text))
    return next(found, None)


def _is_number(text: str) -> bool:
    return len(text) >= 10 and isinstance(read_number(text, _INTERNATIONAL), Number)


def _describe(table: Table, header: Header, row: Row, position: int, *, is_only: bool) -> Look | None:
    if position >= len(header.labels):
        return None
    dates = tuple(label for label, text in zip(header.labels, row.texts, strict=False) if _ISO_DATE.match(text))
    name = None if is_only else table.name
    return Look(name, header.row_number, header.labels, header.labels[position], dates)
