"""Looks through the records of an .xls file for hidden rows, errors and the extent of its cells.

Source: Microsoft's [MS-XLS] 2.4 for the records, [MS-CFB] for the container.
"""

import struct
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

from dispatcher.errors import SheetError
from dispatcher.loader.formats.archive import PROTECTED, ExcessError
from dispatcher.loader.unseen import ERROR_NAMES, Cell, HiddenRow, Unseen, gather
from dispatcher.loader.values.cells import UNCALCULATED, CellText, read_error

_MAX_BYTES = 100 * 1000**2
_BEGIN, _END, _SHEET_OF_BOOK, _PASSWORD, _ROW = 0x0809, 0x000A, 0x0085, 0x002F, 0x0208
_DATE_MODE = 0x0022
_CALCULATED_BY = 0x01C1  # the program that calculated last; libraries that write formulas leave it out
_FORMULA, _BOOL_OR_ERROR, _NUMBERS = 0x0006, 0x0205, 0x00BD
_CELLS = frozenset({_FORMULA, _BOOL_OR_ERROR, _NUMBERS, 0x00D6, 0x00FD, 0x0203, 0x0204, 0x027E})
_FIRST_MARK = 0xFFFFFFFA  # sector numbers from here on end a chain
_SMALL_SECTOR_BYTES = 64
_SMALL_STREAM_BYTES = 4096


def look_through_xls(path: Path) -> list[Unseen]:
    """Return what calamine does not tell about the sheets, in the workbook's order.

    Raises:
        SheetError: the workbook is protected by a password.
        ExcessError: the file is too large, or see ``gather``.
        Exception: one of ``UNREADABLE``, the file is damaged.
    """
    if path.stat().st_size > _MAX_BYTES:
        raise ExcessError(f"is larger than {_MAX_BYTES // 1000**2} MB")
    stream = _read_workbook_stream(path.read_bytes())
    starts, is_calculated, from_1904 = list[int](), False, False
    for kind, content in _read_records(stream, 0, len(stream)):
        if kind == _PASSWORD:
            raise SheetError(f"{path.name}: {PROTECTED}")
        is_calculated = is_calculated or kind == _CALCULATED_BY
        from_1904 = from_1904 or (kind == _DATE_MODE and content[0] == 1)
        if kind == _SHEET_OF_BOOK:
            starts.append(_number_at(content, 0))
    if len(set(starts)) < len(starts):
        raise ValueError("two sheets that begin at one place")
    bounds = sorted({*starts, len(stream)})
    ends = dict(pairwise(bounds))  # so that no byte is looked at for two sheets
    sheets = (_read_sheet(stream, start, ends[start], is_calculated=is_calculated) for start in starts)
    return gather(sheets, from_1904=from_1904)


def _read_records(stream: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield the records from the beginning of a sheet, or of the workbook, to its end; not those of charts in it."""
    depth = 0
    while start + 4 <= end:
        kind, length = struct.unpack_from("<HH", stream, start)
        depth += (kind == _BEGIN) - (kind == _END)
        if depth == 1:
            yield kind, stream[start + 4 : start + 4 + length]
        elif depth < 1:
            return
        start += 4 + length


def _read_sheet(stream: bytes, start: int, end: int, *, is_calculated: bool) -> Iterator[Cell | HiddenRow]:
    for kind, content in _read_records(stream, start, end):
        if kind == _ROW:
            row, height, flags = struct.unpack_from("<H4xH4xB", content)
            if flags & 0x20 or not height & 0x7FFF:
                yield HiddenRow(row)
        elif kind in _CELLS:
            row, position = struct.unpack_from("<HH", content)
            if kind == _NUMBERS:
                (position,) = struct.unpack("<H", content[-2:])
            told = _find_told(kind, content)
            yield Cell(row, position, None if told is UNCALCULATED and is_calculated else told)


def _find_told(kind: int, content: bytes) -> CellText | None:
    """Return the error that a cell shows, as a value or as the result of a formula, or that it has no result.

    That looks like the result ``""`` of one that was calculated.
    """
    if kind == _BOOL_OR_ERROR and content[7] == 1:
        return read_error(ERROR_NAMES.get(content[6], "#?"))
    if kind == _FORMULA and content[12:14] == b"\xff\xff":
        if content[6] == 2:
            return read_error(ERROR_NAMES.get(content[8], "#?"))
        return UNCALCULATED if content[6] == 3 else None
    return None


def _read_workbook_stream(content: bytes) -> bytes:
    """Return the one stream of an OLE container that holds the workbook."""
    sector_bytes = 1 << struct.unpack_from("<H", content, 30)[0]
    sectors = [content[start : start + sector_bytes] for start in range(sector_bytes, len(content), sector_bytes)]
    numbers = islice(_find_table_sectors(content, sectors), len(sectors))
    table = _read_numbers(b"".join(sectors[number] for number in numbers))
    directory = _join(sectors, table, _number_at(content, 48))
    entries = [directory[start : start + 128] for start in range(0, len(directory) - 127, 128)]
    (workbook, *_) = (entry for entry in entries if _name_entry(entry) in ("workbook", "book"))
    start, size = struct.unpack_from("<II", workbook, 116)
    if size >= _SMALL_STREAM_BYTES:
        return _join(sectors, table, start)[:size]
    container = _join(sectors, table, _number_at(entries[0], 116))
    small = [container[place : place + _SMALL_SECTOR_BYTES] for place in range(0, len(container), _SMALL_SECTOR_BYTES)]
    small_table = _read_numbers(_join(sectors, table, _number_at(content, 60)))
    return _join(small, small_table, start)[:size]


def _find_table_sectors(content: bytes, sectors: list[bytes]) -> Iterator[int]:
    """Yield the sectors that hold the table of chains: 109 are named in the header, more in sectors of their own."""
    yield from (number for number in struct.unpack_from("<109I", content, 76) if number < _FIRST_MARK)
    following = _number_at(content, 68)
    for _ in sectors:
        if following >= _FIRST_MARK:
            return
        *numbers, following = _read_numbers(sectors[following])
        yield from (number for number in numbers if number < _FIRST_MARK)


def _join(sectors: list[bytes], table: tuple[int, ...], start: int) -> bytes:
    """Return the sectors of the chain that begins at ``start``; a chain without end is cut."""
    chain: list[bytes] = []
    while start < _FIRST_MARK and len(chain) < len(sectors):
        chain.append(sectors[start])
        start = table[start]
    return b"".join(chain)


def _name_entry(entry: bytes) -> str:
    return entry[: max(0, struct.unpack_from("<H", entry, 64)[0] - 2)].decode("utf-16-le", "replace").lower()


def _number_at(content: bytes, offset: int) -> int:
    (number,) = struct.unpack_from("<I", content, offset)
    return int(number)


def _read_numbers(content: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(content) // 4}I", content[: len(content) // 4 * 4])
