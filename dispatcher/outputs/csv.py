"""A table as CSV that Excel opens without changing a cell of it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import pandas as pd

Line = Sequence[str | int]

_BATCH = 5_000  # lines that pandas turns into text at a time; a frame of one line costs as much as one of hundreds
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_MISREAD_DIGITS = re.compile(r"0[0-9]+|[0-9]{12,}")


class CsvTable:
    """Writes lines to a CSV file as they come; use as a context manager."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._path = path
        self._batch: list[Line] = [columns]

    def __enter__(self) -> Self:
        self._file = self._path.open("w", encoding="utf-8-sig", newline="")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._file:
            if kind is None:
                self._write()

    def add(self, line: Line) -> None:
        """Write one more line."""
        self._batch.append(line)
        if len(self._batch) >= _BATCH:
            self._write()

    def _write(self) -> None:
        frame = pd.DataFrame(self._batch, dtype=object).map(_guard)
        frame.to_csv(self._file, index=False, header=False, lineterminator="\r\n")
        self._batch.clear()


def wrap(text: str) -> str:
    """Return a text as Excel shows it unchanged, whatever it looks like: ``="text"``; reading takes that off."""
    return '="' + text.replace('"', '""') + '"'


def _guard(value: object) -> object:
    """Wrap what Excel would change.

    It runs formulas, takes zeros off the front of digits, and shows twelve digits or more as ``4.477E+11``.
    """
    if not isinstance(value, str):
        return value
    return wrap(value) if value.startswith(_FORMULA_STARTS) or _MISREAD_DIGITS.fullmatch(value) else value
