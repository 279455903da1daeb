"""Reads .xlsx and .xlsm through openpyxl, read-only and with stored values.

openpyxl's own row iterator keeps neither whether a row is hidden nor whether a formula was ever calculated,
and it trusts the size a sheet claims to have. ``_SheetParser`` takes the same parser underneath it and keeps
all of that in the same single pass; it is no slower than openpyxl alone.
"""

import warnings
import weakref
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from typing import IO, Any

import openpyxl
from openpyxl.cell.text import Text
from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.utils import column_index_from_string
from openpyxl.utils.datetime import from_excel, from_ISO8601
from openpyxl.worksheet._reader import FORMULA_TAG, INLINE_STRING, ROW_TAG, VALUE_TAG, WorkSheetParser
from openpyxl.xml.functions import iterparse

from dispatcher.errors import SheetError
from dispatcher.loader.archive import UNREADABLE, check_archive, explain_unreadable, scan_sheet
from dispatcher.loader.excel_cells import (
    UNCALCULATED,
    CellText,
    read_bool,
    read_error,
    read_moment,
    read_number_cell,
    read_text,
)
from dispatcher.loader.rows import MAX_COLUMNS, MAX_ROWS, NO_FAULTS, NO_NOTES, Note, Row, Table

FIRST_CUSTOM_FORMAT = 164  # ECMA-376, 18.8.30: smaller identifiers are built in


class _SheetParser(WorkSheetParser):
    """openpyxl's parser for one worksheet, yielding ``Row``."""

    def __init__(self, workbook: Any, source: IO[bytes], shared_strings: list[str]) -> None:
        super().__init__(
            source,
            shared_strings,
            data_only=True,
            epoch=workbook.epoch,
            date_formats=workbook._date_formats,
            timedelta_formats=workbook._timedelta_formats,
        )
        self._format_of = cache(lambda style: _find_number_format(workbook, style))

    def parse(self) -> Generator[Row, None, None]:
        """Yield the rows that are in the file, in its order; rows without any cell may be missing."""
        for _, element in iterparse(self.source):
            if element.tag == ROW_TAG:
                yield self._read_row(element)
                element.clear()

    def _read_row(self, element: Any) -> Row:
        number = element.get("r")
        self.row_counter = int(float(number)) if number else self.row_counter + 1
        texts: list[str] = []
        faults: dict[int, str] = {}
        notes: dict[int, Note] = {}
        for position, cell in self._read_cells(element):
            if cell.text:
                texts.extend([""] * (position + 1 - len(texts)))
                texts[position] = cell.text
            if cell.fault:
                faults[position] = cell.fault
            if cell.note:
                notes[position] = cell.note
        hidden = element.get("hidden") in ("1", "true") or element.get("ht") == "0"
        return Row(self.row_counter, texts, faults or NO_FAULTS, notes or NO_NOTES, hidden)

    def _read_cells(self, row: Any) -> Iterator[tuple[int, CellText]]:
        position = -1
        for cell in row:
            place = cell.get("r")
            position = _find_position(place.rstrip("0123456789")) if place else position + 1
            yield min(position, MAX_COLUMNS), self._read_cell(cell)

    def _read_cell(self, cell: Any) -> CellText:
        kind = cell.get("t", "n")
        value = cell.findtext(VALUE_TAG)
        if not value:
            return self._read_empty(cell, kind)
        if kind == "s":
            return read_text(self.shared_strings[int(value)])
        if kind == "n":
            return self._read_number(value, int(cell.get("s", 0)))
        if kind == "b":
            return read_bool(value not in ("0", "false"))
        if kind == "e":
            return read_error(value)
        if kind == "d":
            return read_moment(from_ISO8601(value))  # type: ignore[no-untyped-call]  # openpyxl's own types stop here
        return read_text(value)

    def _read_empty(self, cell: Any, kind: str) -> CellText:
        inline = cell.find(INLINE_STRING) if kind == "inlineStr" else None
        if inline is not None:
            text = Text.from_tree(inline)
            return read_text(text.content if text else "")
        if kind != "str" and cell.find(FORMULA_TAG) is not None:
            return UNCALCULATED
        return _EMPTY

    def _read_number(self, digits: str, style: int) -> CellText:
        value = float(digits) if "." in digits or "e" in digits.lower() else int(digits)
        if style not in self.date_formats:
            return read_number_cell(value, self._format_of(style) if style else "General")
        try:
            if value < 0:
                raise ValueError
            return read_moment(from_excel(value, self.epoch, timedelta=style in self.timedelta_formats))
        except (OverflowError, ValueError):
            return CellText(digits, "is formatted as a date but lies outside Excel's calendar: correct it")


_EMPTY = CellText("")


@cache
def _find_position(letters: str) -> int:
    return column_index_from_string(letters) - 1


def _find_number_format(workbook: Any, style: int) -> str:
    """Return the number format of a cell style; a style the workbook lacks counts as General."""
    try:
        identifier = workbook._cell_styles[style].numFmtId
        if identifier < FIRST_CUSTOM_FORMAT:
            return BUILTIN_FORMATS.get(identifier, "General")
        return str(workbook._number_formats[identifier - FIRST_CUSTOM_FORMAT])
    except IndexError:
        return "General"


def open_excel(path: Path) -> list[Table]:
    """Return a table for every worksheet a person can see, in the workbook's order.

    Raises:
        SheetError: the file is no workbook, or one that could exhaust the machine.
    """
    if not openpyxl.DEFUSEDXML:
        raise SheetError("defusedxml is not in use, and without it no workbook is opened; install it again")
    check_archive(path)
    file = path.open("rb")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of parts it leaves out, such as drawings
            workbook = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        tables = [_make_table(path, workbook, sheet) for sheet in workbook.worksheets]
    except UNREADABLE as error:
        file.close()
        raise explain_unreadable(path, error) from error
    weakref.finalize(workbook, file.close)
    return tables


def _make_table(path: Path, workbook: Any, sheet: Any) -> Table:
    return Table(
        sheet.title,
        lambda: _read_rows(path, workbook, sheet),
        is_visible=sheet.sheet_state == "visible",
        scan=cache(lambda: scan_sheet(workbook._archive, sheet._worksheet_path)),
    )


def _read_rows(path: Path, workbook: Any, sheet: Any) -> Iterator[Row]:
    try:
        with workbook._archive.open(sheet._worksheet_path) as source:
            for row in _SheetParser(workbook, source, sheet._shared_strings).parse():
                if row.number > MAX_ROWS:
                    raise SheetError(f"{path.name}: has a row {row.number:,}, beyond the last row of Excel")
                yield row
    except UNREADABLE as error:
        raise explain_unreadable(path, error) from error
