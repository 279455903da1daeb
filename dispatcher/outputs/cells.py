"""From the typed columns of a DataFrame to the cells of a file: texts and whole numbers, row by row."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pandas as pd

Cell = str | int


def to_rows(
    frame: pd.DataFrame, *, fit: Callable[[str], str], write_time: Callable[[datetime], str]
) -> Iterator[tuple[Cell, ...]]:
    """Yield the rows of a frame as a file holds them; what is missing is an empty text.

    Args:
        frame: columns of texts, whole numbers and aware times.
        fit: what the format makes of a text so that people see it as it is.
        write_time: what the format makes of a moment, which it is given by the clock on the wall.
    """
    return zip(*(_to_cells(column, fit, write_time) for _, column in frame.items()), strict=True)


def _to_cells(column: "pd.Series[Any]", fit: Callable[[str], str], write_time: Callable[[datetime], str]) -> list[Cell]:
    if pd.api.types.is_integer_dtype(column.dtype):
        return column.tolist()
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        moments = pd.DatetimeIndex(column).to_pydatetime()
        return ["" if moment is pd.NaT else write_time(moment.astimezone()) for moment in moments]
    return ["" if text is pd.NA else fit(text) for text in column.tolist()]


def wrap(text: str) -> str:
    """Write a text as the formula that yields it; who reads the sheet again takes that off."""
    return '="' + text.replace('"', '""') + '"'
