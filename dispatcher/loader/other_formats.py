"""Reads .xls, .ods and .xlsb through python-calamine, which says less about cells than openpyxl does.

It gives an error such as ``#N/A`` as an empty cell or 0, and tells no hidden rows. Both would send what nobody
wants sent, so the file is looked through for them first (``unseen``). And it keeps a whole sheet at once, with
every empty or repeated cell, so the same look bounds its size.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from dispatcher.loader.archive import UNREADABLE, explain_unreadable
from dispatcher.loader.excel_cells import CellText, read_bool, read_error, read_moment, read_number_cell, read_text
from dispatcher.loader.ods_content import look_through_ods
from dispatcher.loader.rows import Row, SheetScan, Table
from dispatcher.loader.unseen import Unseen
from dispatcher.loader.xls_records import look_through_xls
from dispatcher.loader.xlsb_records import look_through_xlsb
from dispatcher.models import Notice

Result = TypeVar("Result")

_ODS_DURATION = re.compile(r"PT(\d+)H(\d+)M(\d+)S")
_FORMATS_ARE_UNKNOWN = Notice(
    "how numbers are shown (percent, money, zeros in front) cannot be read from this format, so the bare numbers"
    " are what will be sent; an .xlsx has more"
)
_LOOK_THROUGH = {".xls": look_through_xls, ".xlsb": look_through_xlsb, ".ods": look_through_ods}
_NO_ERRORS: Mapping[int, str] = {}


def open_other(path: Path) -> list[Table]:
    """Return a table for every sheet, in the workbook's order.

    Raises:
        SheetError: the file cannot be read.
    """
    unseen = _guard(path, partial(_LOOK_THROUGH[path.suffix.lower()], path))
    workbook = _guard(path, partial(CalamineWorkbook.from_path, str(path)))
    pairs = _guard(path, lambda: list(zip(workbook.sheets_metadata, unseen, strict=True)))
    return [
        Table(
            sheet.name,
            partial(_read_rows, path, workbook, sheet.name, found),
            is_visible=sheet.visible == SheetVisibleEnum.Visible,
            scan=partial(SheetScan, may_hide_rows=bool(found.hidden)),
            notices=(_FORMATS_ARE_UNKNOWN,),
        )
        for sheet, found in pairs
        if sheet.typ == SheetTypeEnum.WorkSheet
    ]


def _guard(path: Path, work: Callable[[], Result]) -> Result:
    """Return what ``work`` returns; what fails inside calamine, a panic included, is the file's fault."""
    try:
        return work()
    except (*UNREADABLE, CalamineError) as error:
        raise explain_unreadable(path, error) from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise explain_unreadable(path, error) from error
        raise


def _read_rows(path: Path, workbook: CalamineWorkbook, name: str, unseen: Unseen) -> Iterator[Row]:
    sheet = _guard(path, partial(workbook.get_sheet_by_name, name))
    number = 0
    for number, cells in enumerate(_read_cells(sheet), start=1):
        yield _make_row(number, cells, unseen)
    for last in sorted(row for row in unseen.errors if row > number):  # nothing but errors, so calamine left it out
        yield _make_row(last, [], unseen)


def _read_cells(sheet: CalamineSheet) -> Iterator[list[CellText]]:
    left = sheet.start[1] if sheet.start else 0
    for values in sheet.iter_rows():
        yield [_EMPTY] * left + [_read_cell(value) for value in values]


def _make_row(number: int, cells: list[CellText], unseen: Unseen) -> Row:
    for position, error in unseen.errors.get(number, _NO_ERRORS).items():
        cells.extend([_EMPTY] * (position + 1 - len(cells)))
        cells[position] = read_error(error)
    faults = {position: cell.fault for position, cell in enumerate(cells) if cell.fault}
    return Row(number, [cell.text for cell in cells], faults, hidden=number in unseen.hidden)


_EMPTY = CellText("")


def _read_cell(value: Any) -> CellText:
    if isinstance(value, str):
        duration = _ODS_DURATION.fullmatch(value)
        if duration:
            hours, minutes, seconds = map(int, duration.groups())
            return read_moment(timedelta(hours=hours, minutes=minutes, seconds=seconds))
        return read_text(value) if value else _EMPTY
    if isinstance(value, bool):
        return read_bool(value)
    if isinstance(value, datetime | date | time | timedelta):
        return read_moment(value)
    return read_number_cell(value)
