"""Reads the list of numbers never to be messaged."""

from dataclasses import replace
from pathlib import Path

from dispatcher.errors import SheetError
from dispatcher.loader.cells import tidy_text
from dispatcher.loader.files import open_tables
from dispatcher.loader.header import find_header, name_columns
from dispatcher.loader.phone_numbers import Number, Unreadable, read_number
from dispatcher.loader.rows import Row, Table
from dispatcher.loader.seen import SeenKeys
from dispatcher.models import RecipientRules, SheetRules, mask_digits


def read_suppressed(rules: RecipientRules) -> SeenKeys:
    """Return the suppressed numbers with the row each stands in; none when no file is named.

    The file is a CSV or a workbook with one column, with or without a header, or with several
    columns of which one has the name of the phone column. Numbers of every country count,
    those in hidden rows too.

    Raises:
        SheetError: the file or a number in it cannot be read; then nobody could say who must be left out.
    """
    numbers = SeenKeys()
    if rules.suppress_path is None:
        return numbers
    path, rules = rules.suppress_path, replace(rules, allowed_countries=())
    names = [placeholder.key for placeholder in rules.to.placeholders]
    table = _choose_table(path, names)
    position: int | None = None
    for row in table.read_rows():
        if row.is_blank:
            continue
        if position is None:
            position = _find_column(path, row, names)
            if not isinstance(_read(row, position, rules), Number):
                continue
        number = _read(row, position, rules)
        if isinstance(number, Unreadable):
            value = mask_digits(_text_at(row, position))
            raise SheetError(
                f'{path.name}, row {row.number}: the number "{value}" {number.reason}; until then nobody can'
                " say who must be left out"
            )
        numbers.add(number.digits, row.number)
    return numbers


def _choose_table(path: Path, names: list[str]) -> Table:
    """Return the only visible sheet, or the way to split a CSV file that finds the phone column."""
    tables = [table for table in open_tables(path, SheetRules()) if table.is_visible]
    if not tables:
        raise SheetError(f"{path.name}: has no visible sheet; show the one with the numbers")
    if tables[0].name is None:
        return max(tables, key=lambda table: _count_names(table, names))
    if len(tables) > 1:
        sheets = ", ".join(f'"{table.name}"' for table in tables)
        raise SheetError(f"{path.name}: has several sheets ({sheets}); keep only the one with the numbers")
    return tables[0]


def _count_names(table: Table, names: list[str]) -> int:
    try:
        header = find_header(table.read_rows(), tuple(names), None)
    except SheetError:
        return 0
    return header.count_found(names) if header else 0


def _find_column(path: Path, row: Row, names: list[str]) -> int:
    """Return the position of the numbers, going by the first row that is not blank."""
    keys = name_columns(row).keys
    if len(keys) == 1:
        return 0
    for name in names:
        if name in keys:
            return keys.index(name)
    raise SheetError(
        f"{path.name}: has {len(keys)} columns and none is called"
        f' "{names[0] if names else "to"}"; keep only the one with the numbers'
    )


def _read(row: Row, position: int, rules: RecipientRules) -> Number | Unreadable:
    fault = row.faults.get(position)
    return Unreadable(fault) if fault else read_number(_text_at(row, position), rules)


def _text_at(row: Row, position: int) -> str:
    return tidy_text(row.texts[position]).text if position < len(row.texts) else ""
