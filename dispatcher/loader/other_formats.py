"""Reads .xls, .ods and .xlsb through python-calamine, which says less about cells than openpyxl does.

It gives an error such as ``#N/A`` as an empty cell or 0, so a file with one is refused. It does not tell hidden
rows, so a sheet in which rows are hidden, or may be, is read only when the campaign includes them. And it keeps
a whole sheet at once, with every empty or repeated cell.
"""

import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from python_calamine import CalamineWorkbook, SheetVisibleEnum

from dispatcher.errors import SheetError
from dispatcher.loader.archive import UNREADABLE, check_archive, explain_unreadable
from dispatcher.loader.binary_cells import find_error, read_xls_cells, read_xlsb_cells
from dispatcher.loader.excel_cells import CellText, read_bool, read_moment, read_number_cell, read_text
from dispatcher.loader.ods_content import scan_content
from dispatcher.loader.rows import Row, Table
from dispatcher.models import Notice, SheetRules

Result = TypeVar("Result")

_ODS_DURATION = re.compile(r"PT(\d+)H(\d+)M(\d+)S")
_FORMATS_ARE_UNKNOWN = Notice(
    "how numbers are shown (percent, money, zeros in front) cannot be read from this format, so the bare numbers"
    " are what will be sent; an .xlsx has more"
)


def open_other(path: Path, rules: SheetRules) -> list[Table]:
    """Return a table for every sheet, in the workbook's order.

    Raises:
        SheetError: the file cannot be read, shows an error somewhere, or may hide rows and the campaign does
            not include them.
    """
    error_cell, hidden = _guard(path, partial(_look_through, path))
    if error_cell:
        raise SheetError(
            f"{path.name}: the cell {error_cell} shows an error such as #N/A, and errors are read only from .xlsx;"
            " correct the cell, or save the file as .xlsx"
        )
    if hidden and rules.hidden_rows != "include":
        raise SheetError(
            f"{path.name}: {hidden}; save the file as .xlsx, or send to every row with"
            ' [sheet] hidden_rows = "include" in the campaign file'
        )
    workbook = _guard(path, partial(CalamineWorkbook.from_path, str(path)))
    return [
        Table(
            sheet.name,
            partial(_read_rows, path, workbook, sheet.name),
            is_visible=sheet.visible == SheetVisibleEnum.Visible,
            notices=(_FORMATS_ARE_UNKNOWN,),
        )
        for sheet in workbook.sheets_metadata
    ]


def _look_through(path: Path) -> tuple[str, str]:
    """Return the first cell with an error, and why a decision on hidden rows is needed; either may be empty."""
    kind = path.suffix.lower()
    unknown = f"whether rows are hidden by a filter cannot be read from {kind}"
    if kind == ".xls":
        return find_error(read_xls_cells(path)), unknown
    check_archive(path)
    with zipfile.ZipFile(path) as archive:
        if kind == ".xlsb":
            return find_error(read_xlsb_cells(archive)), unknown
        content = scan_content(archive)
    hidden = "rows are hidden by a filter or by hand, and which ones is read only from .xlsx"
    return content.error_cell, hidden if content.hides_rows else ""


def _guard(path: Path, work: Callable[[], Result]) -> Result:
    """Return what ``work`` returns; what fails inside calamine, a panic included, is the file's fault."""
    try:
        return work()
    except UNREADABLE as error:
        raise explain_unreadable(path, error) from error
    except BaseException as error:
        if type(error).__name__ in ("PanicException", "CalamineError"):
            raise explain_unreadable(path, error) from error
        raise


def _read_rows(path: Path, workbook: CalamineWorkbook, name: str) -> Iterator[Row]:
    sheet = _guard(path, partial(workbook.get_sheet_by_name, name))
    left = sheet.start[1] if sheet.start else 0
    for number, values in enumerate(sheet.iter_rows(), start=1):
        cells = [_EMPTY] * left + [_read_cell(value) for value in values]
        faults = {position: cell.fault for position, cell in enumerate(cells) if cell.fault}
        yield Row(number, [cell.text for cell in cells], faults)


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
