"""Reads .xls, .ods and .xlsb through python-calamine, which says less about cells than openpyxl does.

It gives an error such as ``#N/A`` as an empty cell, and does not tell hidden rows. So a sheet in which rows
are hidden, or may be, is read only when the campaign includes them.
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
from dispatcher.loader.excel_cells import CellText, read_bool, read_moment, read_number_cell, read_text
from dispatcher.loader.rows import Row, SheetScan, Table
from dispatcher.models import Notice, SheetRules

Result = TypeVar("Result")

_ODS_DURATION = re.compile(r"PT(\d+)H(\d+)M(\d+)S")
_HIDDEN_ROW = re.compile(rb"<table:table-row\s[^>]*table:visibility=\"(?:collapse|filter)\"")
_ERRORS_ARE_BLANK = Notice(
    "errors such as #N/A cannot be seen in this format and count as empty cells; an .xlsx shows them"
)


def open_other(path: Path, rules: SheetRules) -> list[Table]:
    """Return a table for every sheet, in the workbook's order.

    Raises:
        SheetError: the file cannot be read, or it may hide rows and the campaign does not include them.
    """
    if path.suffix.lower() != ".xls":
        check_archive(path)
    if rules.hidden_rows != "include":
        _refuse_hidden_rows(path)
    workbook = _guard(path, partial(CalamineWorkbook.from_path, str(path)))
    return [
        Table(
            sheet.name,
            partial(_read_rows, path, workbook, sheet.name),
            is_visible=sheet.visible == SheetVisibleEnum.Visible,
            scan=SheetScan,
            notices=(_ERRORS_ARE_BLANK,),
        )
        for sheet in workbook.sheets_metadata
    ]


def _refuse_hidden_rows(path: Path) -> None:
    kind = path.suffix.lower()
    if kind == ".ods":
        with zipfile.ZipFile(path) as archive:
            if not _HIDDEN_ROW.search(archive.read("content.xml")):
                return
        reason = "rows are hidden by a filter or by hand, and which ones is read only from .xlsx"
    else:
        reason = f"whether rows are hidden by a filter cannot be read from {kind}"
    raise SheetError(
        f"{path.name}: {reason}; save the file as .xlsx, or send to every row with"
        ' [sheet] hidden_rows = "include" in the campaign file'
    )


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
