"""What every reader hands on: rows of text, and what is wrong with single cells of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from dispatcher.models import Notice

HEADER_SEARCH_ROWS = 20
MAX_COLUMNS = 500
MAX_ROWS = 1_048_576  # what one Excel sheet can hold
MAX_CELLS = 1_500_000  # calamine keeps all of a sheet at once, 130 bytes for each cell


class Note(NamedTuple):
    """What was changed in a cell, or how Excel shows it.

    Attributes:
        reason: in words.
        once: say it once per column, not per row.
        adds_digits: Excel shows digits that the cell does not hold, such as a country code.
    """

    reason: str
    once: bool = False
    adds_digits: bool = False


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
        from_1904: whether the workbook counts days from 1904, as old Macs did.
    """

    number: int
    texts: Sequence[str]
    faults: Mapping[int, str] = NO_FAULTS
    notes: Mapping[int, Note] = NO_NOTES
    hidden: bool = False
    from_1904: bool = False

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
        is_free_of_entities: whether its XML surely declares no entities.
        merged: ranges of merged cells: first row, first position, last row, last position.
    """

    may_hide_rows: bool = False
    is_free_of_entities: bool = False
    merged: tuple[tuple[int, int, int, int], ...] = ()

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
        is_visible: whether a person who opens the file can see the sheet.
        scan: looks through the sheet for hidden rows and merged cells.
        notices: what a person should know about the whole file.
    """

    name: str | None
    read_rows: Callable[[], Iterator[Row]]
    has_fixed_width: bool = False
    is_visible: bool = True
    scan: Callable[[], SheetScan] = SheetScan
    notices: tuple[Notice, ...] = ()


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
