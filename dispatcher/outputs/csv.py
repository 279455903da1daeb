"""Tables as .csv: a spreadsheet program that opens one calculates nothing and misreads nothing."""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

import pandas as pd

from dispatcher.outputs.cells import to_rows, wrap

_CHANGED_BY_EXCEL = re.compile(r"[=+\-@\t\r].*|0[0-9]+|[0-9]{12,}", re.DOTALL)


class CsvTable:
    """A .csv that is being written."""

    def __init__(self, file: TextIO, columns: Sequence[str]) -> None:
        self._lines = csv.writer(file, lineterminator="\r\n")
        self._lines.writerow(map(_guard, columns))

    def write(self, frame: pd.DataFrame) -> None:
        """Add the rows of a frame; times with their offset, for programs."""
        self._lines.writerows(to_rows(frame, fit=_guard, write_time=_iso_time))


@contextmanager
def create_csv(path: Path, columns: Sequence[str]) -> Iterator[CsvTable]:
    """Open a new table; it is complete at the end of the block."""
    file = path.open("w", encoding="utf-8-sig", newline="")  # the mark tells Excel that it is UTF-8
    try:
        yield CsvTable(file, columns)
        file.close()
    finally:
        with suppress(OSError):  # the rest does not go where the beginning did not, and that was said already
            file.close()


def _guard(text: str) -> str:
    """Write what Excel would change as ``="..."``: it shows the text as it is, and reading it takes that off.

    Excel runs formulas, takes zeros off the front of digits, and shows twelve digits or more as ``4.477E+11``.
    """
    return wrap(text) if _CHANGED_BY_EXCEL.fullmatch(text) else text


def _iso_time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
