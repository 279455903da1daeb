"""Prints what calamine reads, as JSON lines; a program of its own, which ``other_formats`` starts and limits.

``calamine_child.py PATH`` prints each sheet: its name, whether it is a worksheet and whether it is visible.
``calamine_child.py PATH SHEET`` prints each row from the first on: its values from column A on. A moment is
printed as the name of its type and its ISO form, a duration as its seconds. Every cell of a row with a duration
longer than Python's is printed as ``["unreadable", ""]``, for calamine gives none of them.
"""

import contextlib
import json
import resource
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

_LIMITS = {
    resource.RLIMIT_AS: 1 << 30,  # bytes; a sheet of 1.5 million cells takes a third of it
    resource.RLIMIT_CPU: 120,  # seconds; it takes two
    resource.RLIMIT_CORE: 0,
}


def _print(value: Any) -> None:
    print(json.dumps(value, default=_encode))  # noqa: T201 - this is how it answers


def _encode(value: Any) -> tuple[str, Any]:
    name = type(value).__name__
    return name, value.total_seconds() if isinstance(value, timedelta) else value.isoformat()


def _print_sheets(workbook: CalamineWorkbook) -> None:
    for sheet in workbook.sheets_metadata:
        is_visible = sheet.visible == SheetVisibleEnum.Visible
        _print((sheet.name, sheet.typ == SheetTypeEnum.WorkSheet, is_visible))


def _print_rows(workbook: CalamineWorkbook, name: str) -> None:
    sheet = workbook.get_sheet_by_name(name)
    left = [""] * (sheet.start[1] if sheet.start else 0)
    rows: Iterator[list[Any]] = iter(sheet.iter_rows())
    while True:
        try:
            values = next(rows)
        except StopIteration:
            return
        except OverflowError:
            values = [("unreadable", "")] * sheet.width
        _print(left + values)


if __name__ == "__main__":
    for kind, most in _LIMITS.items():
        with contextlib.suppress(ValueError, OSError):  # a stricter limit holds already
            resource.setrlimit(kind, (most, most))
    path, *names = sys.argv[1:]
    opened = CalamineWorkbook.from_path(path)
    if names:
        _print_rows(opened, *names)
    else:
        _print_sheets(opened)
