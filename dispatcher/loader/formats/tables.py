"""What every reader hands on: rows of text, and what is wrong with single cells of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from dispatcher.loader.values.cells import Note

HEADER_SEARCH_ROWS = 20
MAX_COLUMNS = 500
MAX_ROWS = 1_048_576  # what one Excel sheet can hold
MAX_CELLS = 1_500_000  # of a file whose cells can repeat or are kept at once; ten columns of the longest .xls
MAX_LETTERS = 50 * 1000**2  # of such a file, in all cells together
MAX_MERGED = 10_000  # ranges that are kept of a sheet

Range = tuple[int, int, int, int]
"""Cells from the first row and position to the last row and position; rows from 1, positions from 0."""


NO_FAULTS: Mapping[int, str] = MappingProxyType({})
NO_NOTES: Mapping[int, Note] = MappingProxyType({})


class Row(NamedTuple):
    """One row of a sheet.

    Attributes:
        number: as Excel shows it, from 1.
        texts: every cell as text, from column A on.
        faults: why a cell cannot be used, by its position from 0.
        notes: what a person should know about a cell, by its position from 0.
        hidden: whether Excel hides the row, by hand or by a filter.
    """

    number: int
    texts: Sequence[str]
    faults: Mapping[int, str] = NO_FAULTS
    notes: Mapping[int, Note] = NO_NOTES
    hidden: bool = False

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing in any cell."""
        return not self.faults and not "".join(self.texts).strip()

    def find_lack(self, position: int) -> str:
        """Return why a cell does not hold the number that Excel shows; ``""`` if it does."""
        note = self.notes.get(position)
        if note is None or not note.adds_digits:
            return ""
        return "lacks digits that its format shows: format the column as Text and enter the whole number"


@dataclass(frozen=True, slots=True)
class SheetScan:
    """What is to be known about a sheet before its rows are read.

    Attributes:
        may_hide_rows: whether some row may be hidden; reading the rows tells which.
        merged: ranges of merged cells; only the first cell of each has a value that people see.
        is_free_of_entities: whether its XML surely declares no entities (.xlsx).
    """

    may_hide_rows: bool = False
    merged: tuple[Range, ...] = ()
    is_free_of_entities: bool = False

    def merged_with(self, row_number: int, position: int) -> str:
        """Return the cell, such as ``A8``, that shows its value in place of this one; ``""`` for none."""
        for top, left, bottom, right in self.merged:
            is_inside = top <= row_number <= bottom and left <= position <= right
            if is_inside and (row_number, position) != (top, left):
                return f"{column_letters(left)}{top}"
        return ""


@dataclass(frozen=True, slots=True)
class Table:
    """One sheet of a workbook, or one way to read a CSV file, that can be read from its first row on.

    Attributes:
        name: the sheet's name; None for a CSV file.
        read_rows: starts over and yields the rows in file order, blank ones included.
        has_fixed_width: whether a row of another length than the header is broken (CSV).
        is_quick: whether reading the rows a second time costs little.
        is_visible: whether a person who opens the file can see the sheet.
        from_1904: whether the workbook counts days from 1904, as old Macs did.
        scan: tells of hidden rows and merged cells before the rows are read.
    """

    name: str | None
    read_rows: Callable[[], Iterator[Row]]
    has_fixed_width: bool = False
    is_quick: bool = False
    is_visible: bool = True
    from_1904: bool = False
    scan: Callable[[], SheetScan] = SheetScan


def column_letters(position: int) -> str:
    """Return Excel's letters of the column at ``position``, counted from 0: 0 is A, 26 is AA."""
    letters = ""
    position += 1
    while position:
        position, remainder = divmod(position - 1, 26)
        letters = chr(ord("A") + remainder) + letters
    return letters


def name_column(position: int) -> str:
    """Return what to call the column at ``position``, counted from 0; readers keep none beyond the limit apart."""
    if position < MAX_COLUMNS:
        return f"column {column_letters(position)}"
    return f"beyond column {column_letters(MAX_COLUMNS - 1)}"
