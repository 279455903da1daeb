"""Opens a recipients file: finds out what it really is, which sheet to read and where its header stands."""

import os
import stat
import zipfile
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from dispatcher.errors import SheetError
from dispatcher.loader.formats.archive import PROTECTED, UNREADABLE
from dispatcher.loader.formats.csv import open_csv
from dispatcher.loader.formats.tables import HEADER_SEARCH_ROWS, Row, Table
from dispatcher.loader.header import Header, check_header, find_header, name_columns
from dispatcher.models import SheetRules
from dispatcher.placeholders import fold

_START_BYTES = 4096
_LATE_HEADER_ROWS = 1000
_FOREIGN = (
    (b"\x1f\x8b", "is compressed (gzip)", "unpack it first"),
    (b"%PDF", "is a PDF", "export the table as .xlsx or CSV UTF-8"),
    (b"{", "is JSON", "export the table as .xlsx or CSV UTF-8"),
    (b"[{", "is JSON", "export the table as .xlsx or CSV UTF-8"),
    (b"\x89PNG", "is a picture", "export the table as .xlsx or CSV UTF-8"),
    (b"SQLite format 3", "is a database", "export the table as .xlsx or CSV UTF-8"),
)
_TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
_OPENPYXL_SUFFIXES = (".xlsx", ".xlsm")
_CALAMINE_SUFFIXES = (".xls", ".ods", ".xlsb")


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
    tables = open_tables(path, rules)
    if tables[0].name is None:
        return _choose_delimiter(path, tables, rules, wanted)
    return _choose_sheet(path, tables, rules, wanted)


def open_tables(path: Path, rules: SheetRules) -> list[Table]:
    """Return the sheets of a workbook, or the ways to split a CSV file into columns.

    Raises:
        SheetError: there is no such file, or it is not what its name says.
    """
    check_is_file(path)
    try:
        tables = _find_reader(path, rules)()
    except OSError as error:
        raise SheetError(f"{path}: cannot be read ({error}); try again") from error
    if not tables:
        raise SheetError(f"{path.name}: has no worksheet; save the rows as .xlsx or CSV UTF-8")
    return tables


def check_is_file(path: Path) -> None:
    """Refuse everything that is no ordinary file with something in it.

    Raises:
        SheetError: in its own words for each case.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise SheetError(f"{path}: there is no such file; check recipients in the campaign file") from None
    except (OSError, ValueError) as error:
        raise SheetError(f"{path}: cannot be opened ({error}); check the path") from None
    if path.name.startswith("~$"):
        raise SheetError(f"{path.name}: is Excel's lock file; the sheet itself is {path.name[2:]}")
    if stat.S_ISDIR(status.st_mode):
        raise SheetError(f"{path}: is a folder; name the file in it")
    if not stat.S_ISREG(status.st_mode):
        raise SheetError(f"{path}: is no ordinary file; copy the rows into a .csv or .xlsx file")
    if not os.access(path, os.R_OK):
        raise SheetError(f"{path}: may not be read by this user; change its permissions")
    if status.st_size == 0:
        raise SheetError(f"{path.name}: is empty; export the rows again")


def _find_reader(path: Path, rules: SheetRules) -> Callable[[], list[Table]]:
    """Return what reads the file, going by its first bytes; the name must not say something else."""
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        start = file.read(_START_BYTES)
    if start.startswith(b"PK\x03\x04"):
        return _find_archive_reader(path, suffix)
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        return _find_old_reader(path, suffix)
    reason = _name_foreign(start)
    if reason:
        raise SheetError(f"{path.name}: {reason}")
    if suffix in _OPENPYXL_SUFFIXES + _CALAMINE_SUFFIXES:
        kind = "a CSV file" if b"\x00" not in start else "no workbook"
        raise SheetError(f"{path.name}: is {kind} named {suffix}; rename it to .csv or save it as .xlsx")
    if suffix not in _TEXT_SUFFIXES:
        raise SheetError(f"{path.name}: {suffix or 'a name without an ending'} is not read; save it as .xlsx or .csv")
    return lambda: open_csv(path, rules.encoding)


def _name_foreign(start: bytes) -> str:
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, kind, advice in _FOREIGN:
        if text.startswith(magic):
            return f"{kind}, no spreadsheet; {advice}"
    if text[:200].lower().startswith((b"<!doctype html", b"<html", b"<table", b"<?xml", b"<head", b"<meta")):
        return "is a web page or XML, no spreadsheet; open it in Excel and save it as .xlsx"
    return ""


def _find_archive_reader(path: Path, suffix: str) -> Callable[[], list[Table]]:
    kind = _find_archive_kind(path)
    is_named_well = suffix == kind or {suffix, kind} <= set(_OPENPYXL_SUFFIXES)
    if not kind:
        raise SheetError(f"{path.name}: is a ZIP archive, no workbook; unpack it and name the file in it")
    if not is_named_well:
        raise SheetError(f"{path.name}: is an Excel or ODS workbook ({kind}); rename it to {path.stem}{kind}")
    if kind in _OPENPYXL_SUFFIXES:
        from dispatcher.loader.formats.xlsx import open_excel

        return lambda: open_excel(path)
    return _other_formats(path)


def _find_archive_kind(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if "content.xml" in names:
                return ".ods"
            if "xl/workbook.bin" in names:
                return ".xlsb"
            if not names.intersection({"xl/workbook.xml", "[Content_Types].xml"}):
                return ""
            return ".xlsm" if "xl/vbaProject.bin" in names else ".xlsx"
    except UNREADABLE:
        raise SheetError(
            f"{path.name}: is damaged, perhaps only half copied; open it in Excel, save it and try again"
        ) from None


def _find_old_reader(path: Path, suffix: str) -> Callable[[], list[Table]]:
    """Tell a protected workbook and the old .xls apart: both are OLE containers."""
    with path.open("rb") as file:
        content = file.read(1 << 20)
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise SheetError(f"{path.name}: {PROTECTED}")
    if suffix != ".xls":
        raise SheetError(f"{path.name}: is an old Excel file (.xls); open it in Excel and save it as .xlsx")
    return _other_formats(path)


def _other_formats(path: Path) -> Callable[[], list[Table]]:
    from dispatcher.loader.other_formats import open_other

    return lambda: open_other(path)


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
