"""Reads the rows of one worksheet of an .xlsx, with stored values.

openpyxl's own row iterator keeps neither whether a row is hidden nor whether a formula was ever calculated,
and it trusts the size a sheet claims to have. ``_SheetParser`` takes the same parser underneath it and keeps
all of that in the same single pass.

openpyxl parses XML through defusedxml, whose parser is written in Python. Entities cannot exist without a
document type, and ``scan_sheet`` has looked through every byte of a worksheet for one; where it was sure, the
worksheet alone goes through the interpreter's own parser, which takes a quarter of the time. (openpyxl has
by then read its beginning, where a document type must stand, through defusedxml as well.)
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import IO, Any

from openpyxl.cell.text import Text
from openpyxl.utils import column_index_from_string
from openpyxl.utils.datetime import MAC_EPOCH, from_ISO8601
from openpyxl.worksheet._reader import FORMULA_TAG, INLINE_STRING, ROW_TAG, VALUE_TAG, WorkSheetParser
from openpyxl.xml.functions import iterparse as defused_iterparse

from dispatcher.loader.formats.tables import MAX_COLUMNS, MAX_ROWS, NO_FAULTS, NO_NOTES, Row
from dispatcher.loader.formats.unreadable import UNREADABLE, explain_unreadable
from dispatcher.loader.values.cells import (
    EMPTY,
    UNCALCULATED,
    CellText,
    Note,
    read_bool,
    read_error,
    read_moment,
    read_number_cell,
    read_serial,
    read_text,
)

_MAX_CACHED = 10_000  # the same names, days and times come again and again


def read_rows(path: Path, workbook: Any, sheet: Any, *, is_free_of_entities: bool) -> Iterator[Row]:
    """Yield the rows that are in the file, in its order; rows without any cell may be missing.

    Raises:
        SheetError: the file is damaged.
    """
    iterate = ET.iterparse if is_free_of_entities else defused_iterparse
    try:
        with workbook._archive.open(sheet._worksheet_path) as source:
            parser = _SheetParser(workbook, source, sheet._shared_strings)
            for _, element in iterate(source):
                if element.tag == ROW_TAG:
                    yield parser.read_row(element)
                    element.clear()
    except UNREADABLE as error:
        raise explain_unreadable(path, error) from error


class _SheetParser(WorkSheetParser):
    """openpyxl's parser for one worksheet, making ``Row`` of its elements."""

    def __init__(self, workbook: Any, source: IO[bytes], shared_strings: list[str]) -> None:
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
        self._read_shared = lru_cache(_MAX_CACHED)(lambda index: read_text(shared_strings[index]))
        self._read_number = lru_cache(_MAX_CACHED)(self._read_number_uncached)
        self._format_of = cache(lambda style: _find_number_format(workbook, style))

    def read_row(self, element: Any) -> Row:
        """Return the row of a ``row`` element."""
        number = element.get("r")
        self._count_row(int(float(number)) if number else self.row_counter + 1)
        texts: list[str] = []
        faults: dict[int, str] = {}
        notes: dict[int, Note] = {}
        position = -1
        for cell in element:
            reference = cell.get("r")
            position = _find_position(reference.rstrip("0123456789")) if reference else position + 1
            text, fault, note = self._read_cell(cell)
            if text:
                _put(texts, position, text)
            if fault:
                faults[position] = fault
            if note:
                notes[position] = note
        hidden = element.get("hidden") in ("1", "true") or not element.get("ht", "1").strip("0.")
        return Row(self.row_counter, texts, faults or NO_FAULTS, notes or NO_NOTES, hidden)

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
        return EMPTY

    def _read_number_uncached(self, digits: str, style: int) -> CellText:
        value = float(digits) if "." in digits or "e" in digits.lower() else int(digits)
        if style not in self.date_formats:
            return read_number_cell(value, self._format_of(style) if style else "General")
        return read_serial(
            value, self._format_of(style), is_duration=style in self.timedelta_formats, from_1904=self._from_1904
        )


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


def read_rich_text(element: Any) -> str:
    """Return the text of an element without its formatting and its reading aids."""
    text = Text.from_tree(element)
    return text.content if text else ""
