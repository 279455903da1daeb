"""Reads .xlsx and .xlsm through openpyxl, read-only and with stored values.

openpyxl's own row iterator keeps neither whether a row is hidden nor whether a formula was ever calculated,
and it trusts the size a sheet claims to have. ``_SheetParser`` takes the same parser underneath it and keeps
all of that in the same single pass.

openpyxl parses XML through defusedxml, whose parser is written in Python. Entities cannot exist without a
document type, and ``scan_sheet`` has looked through every byte of a worksheet for one; where it was sure, the
worksheet alone goes through the interpreter's own parser, which takes a quarter of the time. (openpyxl has
by then read its beginning, where a document type must stand, through defusedxml as well.)
"""

import re
import warnings
import weakref
import xml.etree.ElementTree as ET
from collections.abc import Generator, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import IO, Any

import openpyxl
from openpyxl.utils import column_index_from_string
from openpyxl.utils.datetime import MAC_EPOCH, from_excel, from_ISO8601
from openpyxl.workbook.properties import CalcProperties
from openpyxl.worksheet._reader import FORMULA_TAG, INLINE_STRING, ROW_TAG, VALUE_TAG, WorkSheetParser
from openpyxl.xml.functions import iterparse as defused_iterparse

from dispatcher.errors import SheetError
from dispatcher.loader.formats.archive import UNREADABLE, check_archive, explain_unreadable, scan_sheet
from dispatcher.loader.formats.tables import MAX_COLUMNS, MAX_ROWS, NO_FAULTS, NO_NOTES, Note, Row, SheetScan, Table
from dispatcher.loader.formats.xlsx_workbook import WorkbookReader, read_rich_text
from dispatcher.loader.values.cells import (
    OUTSIDE_CALENDAR,
    UNCALCULATED,
    CellText,
    is_in_calendar,
    read_bool,
    read_error,
    read_moment,
    read_number_cell,
    read_text,
)

_MAX_CACHED = 10_000  # the same names, days and times come again and again
_STRICT = b"http://purl.oclc.org/ooxml/spreadsheetml/main"  # ISO/IEC 29500-1, annex A
_AWAITS_CALCULATION = re.compile(rb"fullCalcOnLoad\s*=\s*[\"'](?:1|true)")


class _SheetParser(WorkSheetParser):
    """openpyxl's parser for one worksheet, yielding ``Row``."""

    def __init__(
        self, workbook: Any, source: IO[bytes], shared_strings: list[str], *, is_free_of_entities: bool
    ) -> None:
        super().__init__(
            source,
            shared_strings,
            data_only=True,
            epoch=workbook.epoch,
            date_formats=workbook._date_formats,
            timedelta_formats=workbook._timedelta_formats,
        )
        self._from_1904 = workbook.epoch == MAC_EPOCH
        self._awaits_calculation = bool(workbook.calculation.fullCalcOnLoad)
        self._iterate = ET.iterparse if is_free_of_entities else defused_iterparse
        self._read_shared = lru_cache(_MAX_CACHED)(lambda index: read_text(shared_strings[index]))
        self._read_number = lru_cache(_MAX_CACHED)(self._read_number_uncached)
        self._format_of = cache(lambda style: _find_number_format(workbook, style))

    def parse(self) -> Generator[Row, None, None]:
        """Yield the rows that are in the file, in its order; rows without any cell may be missing."""
        for _, element in self._iterate(self.source):
            if element.tag == ROW_TAG:
                yield self._read_row(element)
                element.clear()

    def _read_row(self, element: Any) -> Row:
        number = element.get("r")
        self._count_row(int(float(number)) if number else self.row_counter + 1)
        texts: list[str] = []
        faults: dict[int, str] = {}
        notes: dict[int, Note] = {}
        position = -1
        for cell in element:
            place = cell.get("r")
            position = _find_position(place.rstrip("0123456789")) if place else position + 1
            text, fault, note = self._read_cell(cell)
            if text:
                _put(texts, position, text)
            if fault:
                faults[position] = fault
            if note:
                notes[position] = note
        hidden = element.get("hidden") in ("1", "true") or not element.get("ht", "1").strip("0.")
        return Row(self.row_counter, texts, faults or NO_FAULTS, notes or NO_NOTES, hidden, self._from_1904)

    def _count_row(self, number: int) -> None:
        if not self.row_counter < number <= MAX_ROWS:
            raise ValueError(f"row {number} after row {self.row_counter}")
        self.row_counter = number

    def _read_cell(self, cell: Any) -> CellText:
        kind = cell.get("t", "n")
        value = cell.findtext(VALUE_TAG)
        if not value:
            return self._read_empty(cell, kind)
        if kind == "s":
            return self._read_shared(int(value))
        if kind == "n":
            if value == "0" and self._awaits_calculation and cell.find(FORMULA_TAG) is not None:
                return UNCALCULATED  # XlsxWriter puts 0 where a result belongs
            return self._read_number(value, int(cell.get("s", 0)))
        if kind == "b":
            return read_bool(value not in ("0", "false"))
        if kind == "e":
            return read_error(value)
        if kind == "d":
            return read_moment(from_ISO8601(value))  # type: ignore[no-untyped-call]  # openpyxl's types end here
        return read_text(value)

    def _read_empty(self, cell: Any, kind: str) -> CellText:
        inline = cell.find(INLINE_STRING) if kind == "inlineStr" else None
        if inline is not None:
            return read_text(read_rich_text(inline))
        if kind != "str" and cell.find(FORMULA_TAG) is not None:
            return UNCALCULATED
        return _EMPTY

    def _read_number_uncached(self, digits: str, style: int) -> CellText:
        value = float(digits) if "." in digits or "e" in digits.lower() else int(digits)
        if style not in self.date_formats:
            return read_number_cell(value, self._format_of(style) if style else "General")
        is_duration = style in self.timedelta_formats
        try:
            if value < 0 or not (is_duration or is_in_calendar(value, self._format_of(style))):
                raise ValueError
            return read_moment(from_excel(value, self.epoch, timedelta=is_duration))
        except (OverflowError, ValueError):
            return CellText(digits, OUTSIDE_CALENDAR)


_EMPTY = CellText("")


@cache
def _find_position(letters: str) -> int:
    """Return a column's position; all columns beyond the limit count as the first one beyond it."""
    return min(column_index_from_string(letters) - 1, MAX_COLUMNS)


def _put(texts: list[str], position: int, text: str) -> None:
    """Set the text at ``position``, with blanks for the cells that were left out before it."""
    if position == len(texts):
        texts.append(text)
        return
    texts.extend([""] * (position + 1 - len(texts)))
    texts[position] = text


def _find_number_format(workbook: Any, style: int) -> str:
    """Return the number format of a cell style; a style the workbook lacks counts as General."""
    formats = workbook._number_formats
    return str(formats[style]) if style < len(formats) else "General"


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
            reader = WorkbookReader(file, read_only=True, data_only=True, keep_links=False)
            reader.read()
        workbook = reader.wb
        workbook.calculation = _read_calculation(reader)
        tables = [_make_table(path, workbook, sheet) for sheet in workbook.worksheets]
    except UNREADABLE as error:
        file.close()
        raise explain_unreadable(path, error) from error
    weakref.finalize(workbook, file.close)
    _refuse_strict(path, reader)
    return tables


def _refuse_strict(path: Path, reader: WorkbookReader) -> None:
    """Refuse the one kind of .xlsx that openpyxl finds no sheets in."""
    if _STRICT in reader.archive.read(reader.parser.workbook_part_name):
        raise SheetError(
            f'{path.name}: is saved as "Strict Open XML"; save it in Excel as an ordinary Excel Workbook (.xlsx)'
        )


def _read_calculation(reader: WorkbookReader) -> CalcProperties:
    """Return whether results are still to be calculated; openpyxl assumes so where the file says nothing."""
    content = reader.archive.read(reader.parser.workbook_part_name)
    return CalcProperties(fullCalcOnLoad=_AWAITS_CALCULATION.search(content) is not None)


def _make_table(path: Path, workbook: Any, sheet: Any) -> Table:
    scan = cache(lambda: _scan(path, workbook, sheet))
    return Table(
        sheet.title,
        lambda: _read_rows(path, workbook, sheet, is_free_of_entities=scan().is_free_of_entities),
        is_visible=sheet.sheet_state == "visible",
        scan=scan,
    )


def _scan(path: Path, workbook: Any, sheet: Any) -> SheetScan:
    try:
        return scan_sheet(workbook._archive, sheet._worksheet_path)
    except UNREADABLE as error:
        raise explain_unreadable(path, error) from error


def _read_rows(path: Path, workbook: Any, sheet: Any, *, is_free_of_entities: bool) -> Iterator[Row]:
    try:
        with workbook._archive.open(sheet._worksheet_path) as source:
            parser = _SheetParser(workbook, source, sheet._shared_strings, is_free_of_entities=is_free_of_entities)
            yield from parser.parse()
    except UNREADABLE as error:
        raise explain_unreadable(path, error) from error
