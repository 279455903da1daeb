"""Chooses what to read of a recipients file: which sheet, or how to split its lines, and where the header stands."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from dispatcher.errors import SheetError
from dispatcher.loader.formats import open_tables
from dispatcher.loader.formats.tables import HEADER_SEARCH_ROWS, Row, Table
from dispatcher.loader.header import Header, check_header, find_header, name_columns
from dispatcher.models import SheetRules
from dispatcher.placeholders import fold

_LATE_HEADER_ROWS = 1000


class OpenedSheet(NamedTuple):
    """The one table of a file that holds the recipients, and its header."""

    table: Table
    header: Header


def open_sheet(path: Path, rules: SheetRules, wanted: Mapping[str, str]) -> OpenedSheet:
    """Find the sheet and the header row that hold the ``wanted`` columns.

    Args:
        path: the recipients file.
        rules: what the campaign file says about it.
        wanted: the columns the campaign uses, as written, by folded name.

    Raises:
        SheetError: the file cannot be read, or it is not certain which part of it is meant.
    """
    tables = open_tables(path, rules.encoding)
    if tables[0].name is None:
        return _choose_delimiter(path, tables, rules, wanted)
    return _choose_sheet(path, tables, rules, wanted)


def _choose_delimiter(path: Path, tables: list[Table], rules: SheetRules, wanted: Mapping[str, str]) -> OpenedSheet:
    """Choose the delimiter that finds most of the wanted columns, then the one that makes most columns."""
    found: list[OpenedSheet] = []
    failures: list[SheetError] = []
    for table in tables:
        try:
            header = find_header(table.read_rows(), tuple(wanted), rules.header_row)
        except SheetError as error:
            failures.append(error)
            continue
        if header is not None:
            found.append(OpenedSheet(table, header))
    if not found:
        raise failures[0] if failures else _explain_no_header(path.name, rules)
    best = max(found, key=lambda opened: (opened.header.count_found(wanted), len(opened.header.labels)))
    is_split = len(best.header.labels) > 1  # then a quote that breaks another way to split is none of its faults
    if failures and not is_split and best.header.count_found(wanted) < len(wanted):
        raise failures[0]
    _check_header(best, rules, wanted, path.name)
    return best


def _choose_sheet(path: Path, tables: list[Table], rules: SheetRules, wanted: Mapping[str, str]) -> OpenedSheet:
    """Choose the named sheet, else the one visible sheet that has the wanted columns."""
    named = [table for table in tables if rules.name and fold(table.name or "") == fold(rules.name)]
    if rules.name and not named:
        raise SheetError(f'{path.name}: there is no sheet called "{rules.name}"; {_list_sheets(tables)}')
    candidates = named or [table for table in tables if table.is_visible] or tables
    found = list(_find_headers(candidates, rules, wanted))
    complete = [opened for opened in found if opened.header.count_found(wanted) == len(wanted)]
    if len(complete) > 1:
        names = " and ".join(f'"{opened.table.name}"' for opened in complete)
        raise SheetError(
            f"{path.name}: the sheets {names} all have the columns; say which one to read in the campaign"
            f' file: [sheet] name = "{complete[0].table.name}"'
        )
    if not complete and not named:
        _refuse_hidden_sheet(path.name, [table for table in tables if table not in candidates], rules, wanted)
    if not found:
        raise _explain_no_header(path.name, rules)
    best = complete[0] if complete else max(found, key=lambda opened: opened.header.count_found(wanted))
    where = f'{path.name}, sheet "{best.table.name}"'
    _check_header(best, rules, wanted, where if complete or len(tables) == 1 else f"{where} (the nearest)")
    return best


def _refuse_hidden_sheet(name: str, hidden: list[Table], rules: SheetRules, wanted: Mapping[str, str]) -> None:
    """Name the hidden sheet that has the columns no visible one has."""
    for opened in _find_headers(hidden, rules, wanted):
        if opened.header.count_found(wanted) == len(wanted):
            raise SheetError(
                f'{name}: only the hidden sheet "{opened.table.name}" has the columns; unhide it in Excel, or name it'
                f' in the campaign file: [sheet] name = "{opened.table.name}"'
            )


def _check_header(opened: OpenedSheet, rules: SheetRules, wanted: Mapping[str, str], where: str) -> None:
    """Refuse a header as ``check_header`` does, and point out a row further down that is a better one."""
    try:
        check_header(opened.header, wanted, where)
    except SheetError as error:
        row_number = None if rules.header_row else _find_late_header(opened.table, wanted)
        if row_number is None:
            raise
        raise SheetError(
            f"{error}. Row {row_number} has them: name it in the campaign file: [sheet] header_row = {row_number}"
        ) from None


def _find_late_header(table: Table, wanted: Mapping[str, str]) -> int | None:
    """Return the first row with all the wanted columns below those that are searched, None without one."""
    for row in islice(table.read_rows(), _LATE_HEADER_ROWS):
        if row.number > HEADER_SEARCH_ROWS and name_columns(row).count_found(wanted) == len(wanted):
            return row.number
    return None


def _find_headers(tables: list[Table], rules: SheetRules, wanted: Mapping[str, str]) -> Iterator[OpenedSheet]:
    for table in tables:
        rows: Iterator[Row] = table.read_rows()
        header = find_header(rows, tuple(wanted), rules.header_row)
        if header is not None:
            yield OpenedSheet(table, header)


def _list_sheets(tables: list[Table]) -> str:
    return "sheets found: " + ", ".join(f'"{table.name}"' for table in tables)


def _explain_no_header(name: str, rules: SheetRules) -> SheetError:
    if rules.header_row:
        return SheetError(f"{name}: row {rules.header_row} is blank; correct header_row in the campaign file")
    return SheetError(f"{name}: has no rows; export them again")
