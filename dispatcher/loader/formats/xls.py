"""Reads .xls, the workbooks of Excel 5 to 2003, through xlrd in a process of its own.

xlrd is written in Python and believes what a file says of itself: a few bytes can make it go in circles, or keep a
text a million times. So it runs in ``xls_child``, which may take so much time and memory and no more, and which this
process can end at any moment. The child reads the file once; what it prints is kept.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import dispatcher
from dispatcher.errors import SheetError
from dispatcher.loader.formats.file_start import FileStart
from dispatcher.loader.formats.kept_rows import KeptRows
from dispatcher.loader.formats.tables import SheetScan, Table
from dispatcher.loader.formats.unreadable import PROTECTED, UNREADABLE, ExcessError, explain_damage, explain_unreadable

_MAX_BYTES = 100 * 1000**2
_CHILD = "dispatcher.loader.formats.xls_child"


def claims(file: FileStart) -> bool:
    """Return whether the file is an OLE container, as all that Excel wrote before 2007."""
    return file.is_ole


def open_tables(file: FileStart, encoding: str | None) -> list[Table]:
    """Return a table for every worksheet, in the workbook's order; all of the file is read here.

    Raises:
        SheetError: the file is no workbook, protected by a password, or could exhaust the machine.
    """
    if file.ending != ".xls":
        raise SheetError(f"{file.path.name}: is an old Excel file (.xls); open it in Excel and save it as .xlsx")
    try:
        if file.path.stat().st_size > _MAX_BYTES:
            raise ExcessError(f"is larger than {_MAX_BYTES // 1000**2} MB")
        return _make_tables(file.path)
    except UNREADABLE as error:
        raise explain_unreadable(file.path, error) from error


def _make_tables(path: Path) -> list[Table]:
    tables: list[Table] = []
    rows = KeptRows()
    for line in _ask_child(path):
        if line.startswith(b"["):
            rows.keep_line(line)
            continue
        told = json.loads(line)
        if "protected" in told:
            raise SheetError(f"{path.name}: {PROTECTED}")
        if "excess" in told:
            raise ExcessError(told["excess"])
        if "damage" in told:
            raise explain_damage(path, told["damage"])
        rows = KeptRows()
        merged = tuple((top, left, bottom, right) for top, left, bottom, right in told["merged"])
        tables.append(
            Table(
                told["sheet"],
                rows.read,
                is_quick=True,
                is_visible=told["visible"],
                from_1904=told["from_1904"],
                scan=partial(SheetScan, told["hides_rows"], merged),
            )
        )
    return tables


def _ask_child(path: Path) -> Iterator[bytes]:
    """Yield what ``xls_child`` prints of a file.

    Raises:
        ExcessError: it was ended, for it took more than it may.
    """
    command = [sys.executable, "-P", "-m", _CHILD, str(path.absolute())]
    with subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": str(Path(dispatcher.__file__).parents[1])},  # and nothing of what this process knows
        start_new_session=True,  # out of reach of Ctrl-C: this process decides when it ends
    ) as child:
        assert child.stdout is not None, "it was asked for"  # noqa: S101
        try:
            yield from child.stdout
        except BaseException:  # nobody reads any further
            child.kill()
            raise
    if child.returncode:
        raise ExcessError("takes more time or memory to read than a sheet of recipients does")
