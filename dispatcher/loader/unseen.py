"""What calamine does not tell about the rows of a sheet: which are hidden, and which cells it misreads."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from dispatcher.loader.formats.archive import ExcessError
from dispatcher.loader.formats.tables import MAX_CELLS, MAX_ROWS
from dispatcher.loader.values.cells import CellText

ERROR_NAMES = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}
"""What Excel shows for the codes of errors ([MS-XLS] 2.5.10 and [MS-XLSB] 2.5.97.2)."""


@dataclass(slots=True)
class Unseen:
    """What calamine does not tell about one sheet.

    Attributes:
        hidden: the rows that are hidden by hand, by a filter or with their group, as Excel numbers them.
        cells: what is to be read in place of what calamine reads, an error for example, by row as Excel numbers it
            and position from 0.
        from_1904: whether the workbook counts days from 1904, as old Macs did.
    """

    hidden: set[int] = field(default_factory=set)
    cells: dict[int, dict[int, CellText]] = field(default_factory=dict)
    from_1904: bool = False


class HiddenRow(NamedTuple):
    """A row that is hidden, from 0."""

    row: int


class Cell(NamedTuple):
    """A cell that is not empty: its row and position, both from 0, and what calamine does not tell of it."""

    row: int
    position: int
    told: CellText | None = None


def gather(sheets: Iterable[Iterator[Cell | HiddenRow]], *, from_1904: bool) -> list[Unseen]:
    """Return what the sheets hold that calamine does not tell, one for each.

    Raises:
        ExcessError: the cells lie so far apart that the empty ones between them would fill the memory.
        ValueError: a row beyond the last one of a sheet.
    """
    gathered, cell_count = list[Unseen](), 0
    for sheet in sheets:
        unseen, row_count, width = Unseen(from_1904=from_1904), 0, 0
        for item in sheet:
            if item.row >= MAX_ROWS:
                raise ValueError(f"row {item.row + 1}")
            if isinstance(item, HiddenRow):
                unseen.hidden.add(item.row + 1)
                continue
            row_count, width = max(row_count, item.row + 1), max(width, item.position + 1)
            if cell_count + row_count * width > MAX_CELLS:
                raise ExcessError(f"its sheets reach over more than {MAX_CELLS:,} cells")
            if item.told:
                unseen.cells.setdefault(item.row + 1, {})[item.position] = item.told
        cell_count += row_count * width
        gathered.append(unseen)
    return gathered
