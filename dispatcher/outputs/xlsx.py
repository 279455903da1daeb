"""Tables as .xlsx: every cell is the text it was, and what became of a row has its colour."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import pandas as pd
import xlsxwriter
from xlsxwriter.exceptions import FileCreateError

from dispatcher.errors import UsageError
from dispatcher.models import State
from dispatcher.outputs.cells import to_rows, wrap

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
_CELL_MAX = 32_767  # UTF-16 units; beyond them XlsxWriter leaves out the rest without a word
_CUT = " [cut here: an Excel cell holds no more]"
_WRAPPED = re.compile(r'="(?:[^"]|"")*"', re.DOTALL)
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


class XlsxTable:
    """A .xlsx that is being written, row by row: XlsxWriter's constant memory wants them in order."""

    def __init__(self, workbook: xlsxwriter.Workbook, columns: Sequence[str]) -> None:
        self._workbook, self._sheet = workbook, workbook.add_worksheet("Rows")
        self._width, self._count = len(columns), 0
        self._sheet.freeze_panes(1, 0)
        self._sheet.set_column(0, self._width - 1, 18, workbook.add_format({"num_format": "@"}))
        self._sheet.write_row(0, 0, map(_fit, columns), workbook.add_format({"bold": True, "num_format": "@"}))

    def write(self, frame: pd.DataFrame) -> None:
        """Add the rows of a frame; times as the clock on the wall shows them, for people.

        Raises:
            UsageError: a sheet of Excel holds no more rows; the others would be missing without a word.
        """
        for cells in to_rows(frame, fit=_fit, write_time=_wall_time):
            self._count += 1
            if self._count > _ROWS_MAX:
                raise UsageError(f"more than {_ROWS_MAX:,} rows do not fit into an Excel sheet; write to a .csv")
            self._sheet.write_row(self._count, 0, cells)

    def finish(self, state_column: int | None) -> None:
        """Let people filter the rows, colour them by the state in a column, and put the workbook together."""
        last_row = max(self._count, 1)
        self._sheet.autofilter(0, 0, last_row, self._width - 1)
        for state, colour in _FILLS.items() if state_column is not None else ():
            fill = self._workbook.add_format({"bg_color": colour})
            rule = {"type": "cell", "criteria": "==", "value": f'"{state}"', "format": fill}
            self._sheet.conditional_format(1, state_column, last_row, state_column, rule)
        self._workbook.close()

    def abandon(self) -> None:
        """Let the rows go that wait on the disk to be put together."""
        with suppress(OSError):  # whoever abandons has better trouble to tell
            self._sheet.row_data_fh.close()


@contextmanager
def create_xlsx(path: Path, columns: Sequence[str], state_column: int | None) -> Iterator[XlsxTable]:
    """Open a new table; it is complete at the end of the block.

    Args:
        path: where to.
        columns: the header.
        state_column: which column, from 0, tells the states that are coloured; None for none.
    """
    # A folder of its own: XlsxWriter forgets its working files, which hold the rows, when it fails.
    with tempfile.TemporaryDirectory(prefix="dispatcher-") as folder:
        table = XlsxTable(xlsxwriter.Workbook(path, _OPTIONS | {"tmpdir": folder}), columns)
        try:
            yield table
            table.finish(state_column)
        except FileCreateError as error:  # wraps what the operating system said
            raise error.args[0] from None
        finally:
            table.abandon()


def _fit(text: str) -> str:
    """Wrap once more what looks wrapped already, for reading takes one wrapping off; cut what Excel cannot hold."""
    # XlsxWriter takes a text between these marks for markup of its own, and writes it as it is.
    is_markup = text.startswith("<r>") and text.endswith("</r>")
    fitted = wrap(text) if is_markup or _WRAPPED.fullmatch(text) else text
    if len(fitted) <= _CELL_MAX // 2:  # whatever it holds: a character is one unit or two
        return fitted
    units = fitted.encode("utf-16-le")
    if len(units) <= 2 * _CELL_MAX:
        return fitted
    return units[: 2 * (_CELL_MAX - len(_CUT))].decode("utf-16-le", "ignore") + _CUT


def _wall_time(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(" ", timespec="seconds")
