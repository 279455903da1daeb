"""Reads .xls, .ods and .xlsb through python-calamine, which says less about cells than openpyxl does.

It gives an error such as ``#N/A`` as an empty cell or 0, joins the text of a text box to that of its cell, and
tells no hidden rows. All that would send what nobody wants sent, so the file is looked through for it first
(``unseen``). And it keeps a whole sheet at once, with every empty or repeated cell, so the same look bounds its size.
A damaged file may still make it ask for more memory than there is, which ends its process at once; so that process
is not this one.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from dispatcher.loader.formats.archive import UNREADABLE, explain_unreadable
from dispatcher.loader.formats.ods import look_through_ods
from dispatcher.loader.formats.tables import Row, SheetScan, Table
from dispatcher.loader.unseen import Unseen
from dispatcher.loader.values.cells import CellText, read_bool, read_moment, read_number_cell, read_text
from dispatcher.loader.xls_records import look_through_xls
from dispatcher.loader.xlsb_records import look_through_xlsb
from dispatcher.models import Notice

Result = TypeVar("Result")

_CHILD = Path(__file__).with_name("calamine_child.py")
_MOMENTS: dict[str, Callable[[str], date | time]] = {
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "time": time.fromisoformat,
}
_ODS_DURATION = re.compile(r"(-?)PT(\d+)H(\d+)M(\d+(?:\.\d+)?)S")
_FORMATS_ARE_UNKNOWN = Notice(
    "how numbers are shown (percent, money, zeros in front) cannot be read from this format, so the bare numbers"
    " are what will be sent; an .xlsx has more"
)
_LOOK_THROUGH = {".xls": look_through_xls, ".xlsb": look_through_xlsb, ".ods": look_through_ods}
_NO_CELLS: Mapping[int, CellText] = {}


def open_other(path: Path) -> list[Table]:
    """Return a table for every sheet, in the workbook's order.

    Raises:
        SheetError: the file cannot be read.
    """
    unseen = _guard(path, partial(_LOOK_THROUGH[path.suffix.lower()], path))
    pairs = _guard(path, lambda: list(zip(_ask_calamine(path), unseen, strict=True)))
    return [
        Table(
            name,
            partial(_read_rows, path, name, found),
            is_visible=is_visible,
            scan=partial(SheetScan, may_hide_rows=bool(found.hidden)),
            notices=(_FORMATS_ARE_UNKNOWN,),
        )
        for (name, is_worksheet, is_visible), found in pairs
        if is_worksheet
    ]


def _guard(path: Path, work: Callable[[], Result]) -> Result:
    """Return what ``work`` returns; what fails in it is the file's fault."""
    try:
        return work()
    except UNREADABLE as error:
        raise explain_unreadable(path, error) from error


def _ask_calamine(path: Path, *sheet: str) -> Iterator[Any]:
    """Yield what ``calamine_child`` prints of a file or of a sheet in it.

    Raises:
        ValueError: calamine cannot read it.
    """
    command = [sys.executable, "-P", str(_CHILD), str(path.absolute()), *sheet]
    with subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # out of reach of Ctrl-C: this process decides when it ends
    ) as child:
        assert child.stdout is not None, "it was asked for"  # noqa: S101
        try:
            yield from map(json.loads, child.stdout)
        except BaseException:  # nobody reads any further
            child.kill()
            raise
    if child.returncode:
        raise ValueError(f"calamine ended with {child.returncode}")


def _read_rows(path: Path, name: str, unseen: Unseen) -> Iterator[Row]:
    try:
        number = 0
        for number, values in enumerate(_ask_calamine(path, name), start=1):
            yield _make_row(number, [_read_cell(value) for value in values], unseen)
        for last in sorted(row for row in unseen.cells if row > number):  # calamine took them for empty
            yield _make_row(last, [], unseen)
    except UNREADABLE as error:
        raise explain_unreadable(path, error) from error


def _make_row(number: int, cells: list[CellText], unseen: Unseen) -> Row:
    for position, cell in unseen.cells.get(number, _NO_CELLS).items():
        cells.extend([_EMPTY] * (position + 1 - len(cells)))
        cells[position] = cell
    faults = {position: cell.fault for position, cell in enumerate(cells) if cell.fault}
    return Row(
        number, [cell.text for cell in cells], faults, hidden=number in unseen.hidden, from_1904=unseen.from_1904
    )


_EMPTY = CellText("")
_UNREADABLE = CellText(
    "", "is in a row with a number that is formatted as a duration but too large for one: correct its number format"
)


def _read_cell(value: Any) -> CellText:
    if isinstance(value, str):
        duration = _ODS_DURATION.fullmatch(value)
        if duration:
            sign, hours, minutes, seconds = duration.groups()
            length = timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))
            return read_moment(-length if sign else length)
        return read_text(value) if value else _EMPTY
    if isinstance(value, bool):
        return read_bool(value)
    if isinstance(value, list):
        kind, told = value
        if kind == "unreadable":
            return _UNREADABLE
        return read_moment(timedelta(seconds=told) if kind == "timedelta" else _MOMENTS[kind](told))
    return read_number_cell(value)
