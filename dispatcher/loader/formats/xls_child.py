"""Prints what xlrd reads of an .xls, as JSON lines; a program of its own, which ``xls`` starts.

``python -m dispatcher.loader.formats.xls_child PATH`` prints an object for each worksheet, followed by its rows as
``write_row`` writes them; or, in its last line, an object that says why the file cannot be read.

xlrd does two things that are done otherwise here: it keeps every cell of a sheet in lists as wide as the sheet, and it
reads drawings, links, remarks, names and conditions, any of which may be damaged where no cell is.
"""

import contextlib
import json
import os
import resource
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from xlrd.biffh import (  # type: ignore[import-untyped]  # ships no types
    XL_CELL_BOOLEAN,
    XL_CELL_ERROR,
    XL_CELL_TEXT,
    XL_WORKBOOK_GLOBALS,
    XL_WORKSHEET,
    error_text_from_code,
)
from xlrd.book import Book  # type: ignore[import-untyped]
from xlrd.sheet import Sheet  # type: ignore[import-untyped]

from dispatcher.loader.formats.kept_rows import write_row
from dispatcher.loader.formats.tables import MAX_CELLS, MAX_LETTERS, MAX_MERGED, Range, Row
from dispatcher.loader.formats.unreadable import ExcessError
from dispatcher.loader.values.cells import (
    EAST_ASIAN_FORMATS,
    EMPTY,
    UNCALCULATED,
    CellText,
    read_bool,
    read_error,
    read_number_cell,
    read_serial,
    shows_duration,
    shows_moment,
)

_LIMITS = {
    resource.RLIMIT_AS: 1 << 30,  # bytes; a sheet of 1.5 million cells takes half of it
    resource.RLIMIT_CPU: 60,  # seconds; it takes a fifth of them
    resource.RLIMIT_CORE: 0,
}
_FORMULAS = frozenset({0x0006, 0x0206, 0x0406})
_ERROR_NAMES = {**error_text_from_code, 0x2B: "#GETTING_DATA"}
_PASSWORD = 0x002F
_CALCULATED_BY = 0x01C1  # the program that calculated last; libraries that write formulas leave it out
# Source: [MS-XLS] 2.4, and 2.3 for what older versions call them.
_NEEDED = _FORMULAS | {
    0x0009, 0x0209, 0x0409, 0x0809, 0x000A,  # the beginning and the end of a sheet, or of a chart in it
    0x0022, 0x0042, 0x0085, 0x00FC, 0x003C, 0x001E, 0x041E, 0x00E0,  # date mode, code page, sheets, texts, formats
    0x0208, 0x00E5, 0x0225,  # rows, merged cells
    0x0203, 0x0204, 0x00D6, 0x00FD, 0x027E, 0x00BD, 0x0205,  # numbers, texts, errors
    0x0007, 0x0207, 0x0021, 0x0221, 0x04BC, 0x0036, 0x0037, 0x0236,  # what follows a formula
}  # fmt: skip


class _ProtectedError(Exception):
    """The workbook has a password."""


class _Workbook(Book):  # type: ignore[misc]  # ships no types
    """xlrd's book, which is handed only the records that are needed here.

    Attributes:
        is_calculated: whether some program says that it calculated the formulas.
        kind: the kind of the record that was read last.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.is_calculated, self.kind = False, 0
        self.cell_count, self.letter_count = 0, 0
        with open(os.devnull, "w") as log:  # noqa: PTH123 - xlrd prints its complaints
            self.biff2_8_load(path, logfile=log, formatting_info=True, on_demand=True, ragged_rows=True)
            self.biff_version = self.getbof(XL_WORKBOOK_GLOBALS)
            self.parse_globals()
        if self.biff_version < 50:
            raise ValueError("no workbook of Excel 5 or later")
        if len(set(self._sh_abs_posn)) < len(self._sh_abs_posn):
            raise ValueError("two sheets that begin at one place")
        self.read_number = lru_cache(10_000)(self._read_number)

    def get_record_parts(self) -> tuple[int, int, bytes]:
        """Return the next record that is needed: its kind, its length, what it holds."""
        while True:
            kind, length, content = super().get_record_parts()
            if kind == _PASSWORD:
                raise _ProtectedError
            self.is_calculated = self.is_calculated or kind == _CALCULATED_BY
            if kind in _NEEDED:
                self.kind = kind
                return kind, length, content

    def read_sheets(self) -> Iterator["_Worksheet"]:
        """Yield the worksheets, each read when its turn comes."""
        for number, name in enumerate(self._sheet_names):
            self._position = self._sh_abs_posn[number]
            self.getbof(XL_WORKSHEET)
            sheet = _Worksheet(self, self._position, name, number)
            sheet.read(self)
            yield sheet

    def _read_number(self, value: float, style: int) -> CellText:
        number_format = self._find_format(style)
        if not shows_moment(number_format):
            return read_number_cell(value, number_format)
        is_duration = shows_duration(number_format)
        return read_serial(value, number_format, is_duration=is_duration, from_1904=self.datemode == 1)

    def _find_format(self, style: int) -> str:
        """Return how a cell style shows numbers; a style or format that is nowhere defined counts as General."""
        if style >= len(self.xf_list):
            return "General"
        key = self.xf_list[style].format_key
        found = self.format_map.get(key)
        return found.format_str if found else EAST_ASIAN_FORMATS.get(key, "General")


class _Worksheet(Sheet):  # type: ignore[misc]  # ships no types
    """xlrd's sheet, which keeps its cells as texts, by row from 0 and position."""

    def __init__(self, book: _Workbook, offset: int, name: str, number: int) -> None:
        super().__init__(book, offset, name, number)
        self.rows: dict[int, dict[int, CellText]] = {}
        self.put_cell = self._keep_cell

    def _keep_cell(self, row: int, position: int, kind: int | None, value: Any, style: int) -> None:
        """Keep a cell in place of what xlrd does with it; it names no kind of numbers."""
        book: _Workbook = self.book
        if kind is None:
            cell = book.read_number(value, style)
        elif kind == XL_CELL_TEXT:
            is_uncalculated = not value and book.kind in _FORMULAS and not book.is_calculated
            cell = UNCALCULATED if is_uncalculated else CellText(value)
        elif kind == XL_CELL_BOOLEAN:
            cell = read_bool(bool(value))
        elif kind == XL_CELL_ERROR:
            cell = read_error(_ERROR_NAMES.get(value, "#?"))
        else:
            return
        book.cell_count += 1
        book.letter_count += len(cell.text)
        if book.cell_count > MAX_CELLS:
            raise ExcessError(f"its sheets hold more than {MAX_CELLS:,} cells")
        if book.letter_count > MAX_LETTERS:
            raise ExcessError(f"its cells hold more than {MAX_LETTERS:,} letters")
        self.rows.setdefault(row, {})[position] = cell

    def is_hidden(self, row: int) -> bool:
        """Return whether Excel hides a row, or shows it without any height; 0 may also mean the usual height."""
        told = self.rowinfo_map.get(row)
        return told is not None and bool(told.hidden or (not told.height and not told.has_default_height))

    def find_merged(self) -> list[Range]:
        """Return the merged ranges, and take away what stands below them, which nobody sees."""
        merged: list[Range] = []
        for top, below, left, beyond in self.merged_cells[:MAX_MERGED]:
            merged.append((top + 1, left, below, beyond - 1))
            for row in range(top, below):
                cells = self.rows.get(row, {})
                for position in range(left + (row == top), beyond) if cells else ():
                    cells.pop(position, None)
        return merged

    def make_rows(self) -> Iterator[Row]:
        """Yield the rows that have anything in them, in their order."""
        for number in sorted(self.rows):
            cells = self.rows[number]
            texts = [cells.get(position, EMPTY).text for position in range(max(cells, default=-1) + 1)]
            faults = {position: cell.fault for position, cell in cells.items() if cell.fault}
            notes = {position: cell.note for position, cell in cells.items() if cell.note}
            yield Row(number + 1, texts, faults, notes, self.is_hidden(number))


def _print_sheets(path: str) -> None:
    book = _Workbook(path)
    for sheet in book.read_sheets():
        merged = sheet.find_merged()
        rows = [row for row in sheet.make_rows() if not row.is_blank]
        _print(
            sheet=sheet.name,
            visible=sheet.visibility == 0,
            from_1904=book.datemode == 1,
            hides_rows=any(row.hidden for row in rows),
            merged=merged,
        )
        for row in rows:
            sys.stdout.buffer.write(write_row(row))


def _print(**told: Any) -> None:
    sys.stdout.buffer.write(json.dumps(told).encode("ascii") + b"\n")


def main(path: str) -> None:
    """Print all that can be read of the file, or why it cannot be."""
    for kind, most in _LIMITS.items():
        with contextlib.suppress(ValueError, OSError):  # a stricter limit holds already
            resource.setrlimit(kind, (most, most))
    try:
        _print_sheets(path)
    except _ProtectedError:
        _print(protected=True)
    except ExcessError as error:
        _print(excess=str(error))
    except MemoryError:
        _print(excess="takes more memory to read than a sheet of recipients does")
    except Exception as error:  # whatever xlrd meets in a file nobody's Excel has written
        _print(damage=type(error).__name__)


if __name__ == "__main__":
    main(sys.argv[1])
