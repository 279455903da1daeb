"""Reads the list of numbers never to be messaged."""

from dataclasses import replace
from itertools import islice, takewhile
from pathlib import Path
from typing import NamedTuple

from dispatcher.errors import SheetError
from dispatcher.loader.formats import open_tables
from dispatcher.loader.formats.tables import HEADER_SEARCH_ROWS, Row, Table
from dispatcher.loader.header import check_header, find_header, name_columns
from dispatcher.loader.judging.first_rows import FirstRows
from dispatcher.loader.values.phone_numbers import Number, Unreadable, read_number
from dispatcher.loader.values.texts import tidy_text
from dispatcher.models import Notice, RecipientRules
from dispatcher.text import mask_digits

_MIN_DIGITS = 5  # a text with fewer is no number, not even a mistyped one


class SuppressionList(NamedTuple):
    """The suppressed numbers with the row each stands in, and what a person should know about their file."""

    numbers: FirstRows
    notices: list[Notice]


def read_suppressed(rules: RecipientRules, encoding: str | None) -> SuppressionList:
    """Return the suppressed numbers; none when no file is named.

    The file is a CSV or a workbook with one column, with or without a header, or with several
    columns of which one has the name of the phone column. Numbers of every country count,
    those in hidden rows too. Titles above the numbers are left out; so is a row whose number is
    blank, which is pointed out.

    Args:
        rules: name the file, and say how its numbers are written.
        encoding: what the campaign file says of its sheet, for a list that is not in Unicode.

    Raises:
        SheetError: the file or a number in it cannot be read; then nobody could say who must be left out.
    """
    found = SuppressionList(FirstRows(), [])
    path = rules.suppress_path
    if path is None:
        return found
    rules = replace(rules, allowed_countries=())
    names = [placeholder.key for placeholder in rules.to.placeholders]
    table = _choose_table(path, names, encoding)
    position, header_row = _find_column(path, table, names)
    for row in table.read_rows():
        text = _text_at(row, position)
        if row.is_blank or row.number == header_row or (row.number < header_row and _is_title(text)):
            continue
        number = _read(row, position, rules)
        if isinstance(number, Number):
            found.numbers.add(number.digits, row.number)
        elif not text and position not in row.faults:
            found.notices.append(Notice(f"{path.name}, row {row.number}: holds no number, so it leaves out nobody"))
        else:
            raise SheetError(
                f'{path.name}, row {row.number}: the number "{mask_digits(text)}" {number.reason}; until then nobody'
                " can say who must be left out"
            )
    return found


def _choose_table(path: Path, names: list[str], encoding: str | None) -> Table:
    """Return the only visible sheet, or the way to split a CSV file that finds the phone column."""
    tables = [table for table in _open(path, encoding) if table.is_visible]
    if not tables:
        raise SheetError(f"{path.name}: has no visible sheet; show the one with the numbers")
    if tables[0].name is None:
        return max(tables, key=lambda table: _count_names(table, names))
    if len(tables) > 1:
        sheets = ", ".join(f'"{table.name}"' for table in tables)
        raise SheetError(f"{path.name}: has several sheets ({sheets}); keep only the one with the numbers")
    return tables[0]


def _open(path: Path, encoding: str | None) -> list[Table]:
    """Open the list as Unicode or, failing that, as stated; digits are the same in every other encoding."""
    try:
        return open_tables(path, None)
    except SheetError:
        return open_tables(path, encoding or "latin-1")


def _count_names(table: Table, names: list[str]) -> int:
    try:
        header = find_header(table.read_rows(), tuple(names), None)
    except SheetError:
        return 0
    return header.count_found(names) if header else 0


def _find_column(path: Path, table: Table, names: list[str]) -> tuple[int, int]:
    """Return the position of the numbers and the row of their header, 0 for none.

    The column is called like the phone column; a list of one column needs no name. Without one, what stands
    above the first row with the digits of a number is title and header.
    """
    header = find_header(table.read_rows(), tuple(names), None)
    for name in names:
        if header and name in header.keys:
            check_header(header, {name: name}, path.name)
            return header.keys.index(name), header.row_number
    top = [row for row in islice(table.read_rows(), HEADER_SEARCH_ROWS) if not row.is_blank]
    width = max((len(name_columns(row).keys) for row in top), default=1)
    if width > 1:
        raise SheetError(
            f"{path.name}: has {width} columns and none is called"
            f' "{names[0] if names else "to"}"; keep only the one with the numbers'
        )
    titles = list(takewhile(lambda row: not _holds_number(_text_at(row, 0)), top))
    if len(titles) == len(top):  # no number at all: only the first row may be meant as a header
        titles = titles[:1]
    return 0, titles[-1].number if titles else 0


def _is_title(text: str) -> bool:
    return not _holds_number(text) or any(character.isalpha() for character in text)


def _holds_number(text: str) -> bool:
    return sum(character.isdigit() for character in text) >= _MIN_DIGITS


def _read(row: Row, position: int, rules: RecipientRules) -> Number | Unreadable:
    if fault := row.faults.get(position) or row.find_lack(position):
        return Unreadable(fault)
    return read_number(row.texts[position] if position < len(row.texts) else "", rules)


def _text_at(row: Row, position: int) -> str:
    return tidy_text(row.texts[position]).text if position < len(row.texts) else ""
