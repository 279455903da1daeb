"""A table as an Excel workbook: text stays text, states have colours, the header stays in sight."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import pandas as pd

from dispatcher.errors import UsageError
from dispatcher.models import State
from dispatcher.outputs.csv import Line, wrap

# Light fills: green is done, yellow waits, red wants a person, grey is left out.
_FILLS = {
    State.ACCEPTED: "#C6EFCE",
    State.PENDING: "#FFEB9C",
    State.RETRYABLE: "#FFEB9C",
    State.SENDING: "#FFEB9C",
    State.FAILED: "#FFC7CE",
    State.REFUSED: "#FFC7CE",
    State.IN_DOUBT: "#F4B084",
    State.SKIPPED: "#D9D9D9",
    State.WITHDRAWN: "#D9D9D9",
    State.EXPIRED: "#D9D9D9",
}
_ROWS_MAX = 1_048_575  # beside the header
_CELL_MAX = 32_767  # characters; beyond them XlsxWriter leaves out the rest without a word
_CUT = " [cut here: an Excel cell holds no more]"
_WRAPPED = re.compile(r'="(?:[^"]|"")*"', re.DOTALL)
_OPTIONS = {
    "constant_memory": True,  # row by row to the disk, which wants them in order
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


class XlsxTable:
    """Writes lines to a workbook as they come; use as a context manager.

    Args:
        path: where to.
        columns: the header.
        state_column: the position of the column whose cells are coloured by state, None for none.
    """

    def __init__(self, path: Path, columns: Sequence[str], state_column: int | None) -> None:
        self._path = path
        self._columns = columns
        self._state_column = state_column
        self._count = 0

    def __enter__(self) -> Self:
        self._writer = pd.ExcelWriter(self._path, engine="xlsxwriter", engine_kwargs={"options": _OPTIONS})
        book: Any = self._writer.book
        self._sheet = book.add_worksheet("Rows")
        self._sheet.freeze_panes(1, 0)
        self._sheet.set_column(0, len(self._columns) - 1, 18, book.add_format({"num_format": "@"}))
        self._sheet.write_row(0, 0, self._columns, book.add_format({"bold": True, "num_format": "@"}))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._sheet.autofilter(0, 0, max(self._count, 1), len(self._columns) - 1)
            if self._state_column is not None:
                self._colour_states(self._state_column)
        self._writer.close()

    def add(self, line: Line) -> None:
        """Write one more line.

        Raises:
            UsageError: the sheet is full.
        """
        self._count += 1
        if self._count > _ROWS_MAX:
            raise UsageError(f"more than {_ROWS_MAX:,} rows do not fit into an Excel sheet; write to a .csv")
        self._sheet.write_row(self._count, 0, map(_fit_into_cell, line))

    def _colour_states(self, column: int) -> None:
        book: Any = self._writer.book
        for state, colour in _FILLS.items():
            rule = {"type": "cell", "criteria": "==", "value": f'"{state}"'}
            fill = book.add_format({"bg_color": colour})
            self._sheet.conditional_format(1, column, max(self._count, 1), column, rule | {"format": fill})


def _fit_into_cell(value: object) -> object:
    """Wrap once more what looks wrapped already, for reading takes one wrapping off; cut what Excel cannot hold."""
    if not isinstance(value, str):
        return value
    text = wrap(value) if _WRAPPED.fullmatch(value) else value
    return text if len(text) <= _CELL_MAX else text[: _CELL_MAX - len(_CUT)] + _CUT
