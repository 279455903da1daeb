"""Looks through the records of an .xlsb file for hidden rows, errors and the extent of its cells.

Source: Microsoft's [MS-XLSB] 2.1.4 for the framing of records, 2.4 for what they hold.
"""

import io
import struct
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]  # ships no types

from dispatcher.loader.formats.archive import check_archive
from dispatcher.loader.unseen import ERROR_NAMES, Cell, HiddenRow, Unseen, gather
from dispatcher.loader.values.cells import read_error

_SHEET_OF_BOOK, _BOOK_OPTIONS = 156, 153
_ROW, _ERROR, _ERROR_RESULT = 0, 3, 11
_CELLS = frozenset({*range(2, 12), 62})
_BOOK = "xl/workbook.bin"
_NO_PART = 0xFFFFFFFF


def look_through_xlsb(path: Path) -> list[Unseen]:
    """Return what calamine does not tell about the sheets, in the workbook's order.

    Raises:
        SheetError: see ``check_archive``.
        ExcessError: see ``gather``.
        Exception: one of ``UNREADABLE``, the file is damaged.
    """
    check_archive(path)
    with zipfile.ZipFile(path) as archive:
        parts = list(_find_parts(archive))
        if len(set(parts)) < len(parts):
            raise ValueError("two sheets in one part")
        sheets = (_read_sheet(io.BytesIO(archive.read(part))) for part in parts)
        return gather(sheets, from_1904=_counts_from_1904(archive))


def _counts_from_1904(archive: zipfile.ZipFile) -> bool:
    """Return whether the workbook counts days from 1904, as old Macs did."""
    records = _read_records(io.BytesIO(archive.read(_BOOK)))
    return any(kind == _BOOK_OPTIONS and content[0] & 1 for kind, content in records)


def _find_parts(archive: zipfile.ZipFile) -> Iterator[str]:
    """Yield the part of every sheet."""
    targets = _read_targets(archive)
    for kind, content in _read_records(io.BytesIO(archive.read(_BOOK))):
        if kind != _SHEET_OF_BOOK:
            continue
        (length,) = struct.unpack_from("<I", content, 8)
        if length != _NO_PART:
            yield targets[content[12 : 12 + 2 * length].decode("utf-16-le")]


def _read_targets(archive: zipfile.ZipFile) -> dict[str, str]:
    root: ET.Element = fromstring(archive.read("xl/_rels/workbook.bin.rels"))
    return {relation.attrib["Id"]: f"xl/{relation.attrib['Target']}" for relation in root}


def _read_sheet(source: BinaryIO) -> Iterator[Cell | HiddenRow]:
    row = 0
    for kind, content in _read_records(source):
        if kind == _ROW:
            row, height, flags = struct.unpack_from("<I4xHxB", content)
            if flags & 0x10 or not height:
                yield HiddenRow(row)
        elif kind in _CELLS:
            (position,) = struct.unpack_from("<I", content)
            shows_error = kind in (_ERROR, _ERROR_RESULT)
            yield Cell(row, position, read_error(ERROR_NAMES.get(content[8], "#?")) if shows_error else None)


def _read_records(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    while first := source.read(1):
        kind = first[0] if first[0] < 0x80 else first[0] & 0x7F | source.read(1)[0] << 7
        yield kind, source.read(_read_length(source))


def _read_length(source: BinaryIO) -> int:
    """Return a number of up to four bytes, seven bits in each, the lowest first."""
    length = 0
    for shift in range(0, 28, 7):
        (byte,) = source.read(1)
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    return length
