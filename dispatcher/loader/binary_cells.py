"""Looks through the cells of .xlsb and .xls files, before calamine reads them: for errors and for their extent.

Source: Microsoft's [MS-XLSB] 2.4 and [MS-XLS] 2.4 for the records, [MS-CFB] for the container of an .xls.
"""

import io
import struct
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from dispatcher.loader.archive import ExcessError
from dispatcher.loader.rows import MAX_CELLS, column_letters

_MAX_XLS_BYTES = 100 * 1000**2
_XLSB_ROW = 0
_XLSB_CELLS = frozenset({*range(2, 12), 62})
_XLSB_ERRORS = frozenset({3, 11})
_XLS_SHEET = 0x0809
_XLS_FORMULA, _XLS_BOOL_OR_ERROR, _XLS_NUMBERS = 0x0006, 0x0205, 0x00BD
_XLS_CELLS = frozenset({_XLS_FORMULA, _XLS_BOOL_OR_ERROR, _XLS_NUMBERS, 0x00D6, 0x00FD, 0x0203, 0x0204, 0x027E})
_FIRST_MARK = 0xFFFFFFFA  # sector numbers from here on end a chain
_SMALL_SECTOR_BYTES = 64
_SMALL_STREAM_BYTES = 4096


class Cell(NamedTuple):
    """A cell that is not empty: its row and position, both from 0, and whether it shows an error."""

    row: int
    position: int
    shows_error: bool


def find_error(sheets: Iterable[Iterator[Cell]]) -> str:
    """Return the first cell that shows an error, such as ``C7``; ``""`` for none.

    Raises:
        ExcessError: the cells lie so far apart that the empty ones between them would fill the memory.
    """
    error, cell_count = "", 0
    for cells in sheets:
        row_count, width = 0, 0
        for cell in cells:
            row_count, width = max(row_count, cell.row + 1), max(width, cell.position + 1)
            if cell.shows_error and not error:
                error = f"{column_letters(cell.position)}{cell.row + 1}"
        cell_count += row_count * width
        if cell_count > MAX_CELLS:
            raise ExcessError(f"its sheets reach over more than {MAX_CELLS:,} cells")
    return error


def read_xlsb_cells(archive: zipfile.ZipFile) -> Iterator[Iterator[Cell]]:
    """Yield the cells of every sheet of an .xlsb."""
    for name in archive.namelist():
        if name.startswith("xl/worksheets/") and name.endswith(".bin"):
            yield _read_xlsb_sheet(io.BytesIO(archive.read(name)))


def _read_xlsb_sheet(source: BinaryIO) -> Iterator[Cell]:
    row = 0
    while first := source.read(1):
        kind = first[0] if first[0] < 0x80 else first[0] & 0x7F | source.read(1)[0] << 7
        content = source.read(_read_length(source))
        if kind == _XLSB_ROW:
            (row,) = struct.unpack_from("<I", content)
        elif kind in _XLSB_CELLS:
            yield Cell(row, struct.unpack_from("<I", content)[0], kind in _XLSB_ERRORS)


def _read_length(source: BinaryIO) -> int:
    """Return a number of up to four bytes, seven bits in each, the lowest first."""
    length = 0
    for shift in range(0, 28, 7):
        (byte,) = source.read(1)
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    return length


def read_xls_cells(path: Path) -> Iterator[Iterator[Cell]]:
    """Yield the cells of every sheet of an .xls, those before the first sheet too, of which there are none."""
    if path.stat().st_size > _MAX_XLS_BYTES:
        raise ExcessError(f"is larger than {_MAX_XLS_BYTES // 1000**2} MB")
    stream = _read_workbook_stream(path.read_bytes())
    starts = [start for start, kind, _ in _read_records(stream) if kind == _XLS_SHEET]
    for start, end in zip(starts, [*starts[1:], len(stream)], strict=True):
        yield _read_xls_sheet(stream[start:end])


def _read_records(stream: bytes) -> Iterator[tuple[int, int, bytes]]:
    start = 0
    while start + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, start)
        yield start, kind, stream[start + 4 : start + 4 + length]
        start += 4 + length


def _read_xls_sheet(stream: bytes) -> Iterator[Cell]:
    for _, kind, content in _read_records(stream):
        if kind not in _XLS_CELLS:
            continue
        row, position = struct.unpack_from("<HH", content)
        if kind == _XLS_NUMBERS:
            (position,) = struct.unpack("<H", content[-2:])
        is_error = kind == _XLS_BOOL_OR_ERROR and content[7] == 1
        is_error_result = kind == _XLS_FORMULA and content[6] == 2 and content[12:14] == b"\xff\xff"
        yield Cell(row, position, is_error or is_error_result)


def _read_workbook_stream(content: bytes) -> bytes:
    """Return the one stream of an OLE container that holds the workbook."""
    sector_bytes = 1 << struct.unpack_from("<H", content, 30)[0]
    sectors = [content[start : start + sector_bytes] for start in range(sector_bytes, len(content), sector_bytes)]
    table = _read_numbers(b"".join(sectors[number] for number in _find_table_sectors(content, sectors)))
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
