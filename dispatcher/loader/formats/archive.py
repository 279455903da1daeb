"""Looks at a workbook as the ZIP archive it is, before any of it is parsed."""

import re
import struct
import xml.etree.ElementTree as ET
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from xml.parsers import expat

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]  # ships no types
from openpyxl.utils import range_boundaries

from dispatcher.errors import SheetError
from dispatcher.loader.formats.tables import SheetScan

_MAX_TOTAL_BYTES = 200 * 1000**2
_MAX_STRINGS_BYTES = 100 * 1000**2
_MAX_STYLES_BYTES = 10 * 1000**2
_MAX_PARTS = 1000
_MAX_RATIO = 100
_SMALL_PART_BYTES = 10 * 1000**2
_MAX_MERGED = 10_000
_MAX_TEXT_BYTES = 250_000  # Excel's 32,767 characters of a cell, each written as a reference such as &#8364;
_MAX_ROW_BYTES = 5 * 1000**2
_BLOCK_BYTES = 1 << 20
_HIDDEN_ROW = re.compile(rb"<(?:\w+:)?row\s[^>]*(?:hidden\s*=\s*[\"'](?:1|true)|\sht\s*=\s*[\"'][0.]+[\"'])")
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*ref\s*=\s*[\"']([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})[\"']")
# In any other encoding a document type could be spelt in bytes nobody looks for.
_UTF_8_START = re.compile(
    rb"(?i)(?:\xef\xbb\xbf)?\s*(?:<\?xml(?![^>]*encoding)|<\?xml[^>]*encoding=[\"']utf-8[\"']|<[a-z])"
)
_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)")

# What openpyxl and the libraries below it raise when they meet a file nobody's Excel has written.
UNREADABLE = (
    zipfile.BadZipFile, zlib.error, struct.error, DefusedXmlException, ET.ParseError, expat.ExpatError, OSError,
    EOFError, MemoryError, NotImplementedError, ValueError, TypeError, LookupError, AttributeError,
    ArithmeticError, RuntimeError, AssertionError,
)  # fmt: skip

PROTECTED = "is protected by a password; save it without one and try again"


class ExcessError(RuntimeError):
    """A workbook holds more than a sheet of recipients can; the text says what, without the file's name."""


def explain_unreadable(path: Path, error: BaseException) -> SheetError:
    """Return what to tell a person about a workbook that cannot be parsed."""
    if isinstance(error, SheetError):
        return error
    if isinstance(error, ExcessError):
        return _explain_excess(path.name, str(error))
    if isinstance(error, DefusedXmlException) or isinstance(error.__cause__, DefusedXmlException):
        return SheetError(f"{path.name}: contains XML entities, which no spreadsheet program writes; it is not read")
    return SheetError(
        f"{path.name}: is damaged or not a workbook ({type(error).__name__});"
        " open it in Excel or LibreOffice, save it as .xlsx and try again"
    )


def check_archive(path: Path) -> None:
    """Refuse an archive that unpacks to more than a sheet of recipients can hold.

    Python never unpacks more of a part than the archive declares, so the declared sizes bound the real ones.

    Raises:
        SheetError: no ZIP archive, or one beyond the limits.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except UNREADABLE as error:
        raise explain_unreadable(path, error) from error
    reason = _find_excess(parts)
    if reason:
        raise _explain_excess(path.name, reason)


def _explain_excess(name: str, reason: str) -> SheetError:
    return SheetError(f"{name}: {reason}; copy the rows into a new workbook or save them as CSV UTF-8")


def _find_excess(parts: list[zipfile.ZipInfo]) -> str:
    if len(parts) > _MAX_PARTS:
        return f"consists of {len(parts):,} parts, more than {_MAX_PARTS:,}"
    total = sum(part.file_size for part in parts)
    if total > _MAX_TOTAL_BYTES:
        return f"unpacks to {total // 1000**2:,} MB, more than {_MAX_TOTAL_BYTES // 1000**2} MB"
    for part in parts:
        limit = _find_limit(part.filename)
        if part.file_size > limit:
            return f"its part {part.filename} unpacks to more than {limit // 1000**2} MB"
        if part.file_size > _SMALL_PART_BYTES and part.file_size > _MAX_RATIO * part.compress_size:
            return f"its part {part.filename} is packed more than {_MAX_RATIO} times over"
    return ""


def _find_limit(name: str) -> int:
    if name.endswith("sharedStrings.xml"):
        return _MAX_STRINGS_BYTES
    return _MAX_STYLES_BYTES if name.endswith(("styles.xml", "workbook.xml")) else _MAX_TOTAL_BYTES


def scan_sheet(archive: zipfile.ZipFile, part: str) -> SheetScan:
    """Look through the raw XML of a worksheet for hidden rows, merged cells and entities, without parsing it.

    Raises:
        DefusedXmlException: the XML declares entities.
        ExcessError: it holds a text or a row that would fill the memory.
    """
    is_utf_8, may_hide_rows, merged = _begins_as_utf_8(archive, part), False, list[bytes]()
    for block in _read_safe_blocks(archive, part, b"row"):
        may_hide_rows = may_hide_rows or _HIDDEN_ROW.search(block) is not None
        if len(merged) < _MAX_MERGED:
            merged += (match[1] for match in islice(_MERGED.finditer(block), _MAX_MERGED - len(merged)))
    return SheetScan(may_hide_rows, is_utf_8, tuple(_read_range(place.decode()) for place in merged))


def is_free_of_entities(archive: zipfile.ZipFile, part: str) -> bool:
    """Return whether the shared texts surely declare no entities, so that any XML parser may read them.

    Raises:
        DefusedXmlException: the XML declares entities.
        ExcessError: it holds a text that would fill the memory.
    """
    for _ in _read_safe_blocks(archive, part, b"si"):
        pass
    return _begins_as_utf_8(archive, part)


def _read_safe_blocks(archive: zipfile.ZipFile, part: str, item: bytes) -> Iterator[bytes]:
    """Yield the part in blocks after a look at each; the elements called ``item`` are what parsers clear away.

    A parser keeps all of a text and of an item at once, so neither may be larger than people make them.
    """
    item_bytes = 0
    for block in _read_blocks(archive, part):
        if _DECLARATION.search(block):
            raise DefusedXmlException(part)
        for start in range(0, len(block) - _MAX_TEXT_BYTES, _MAX_TEXT_BYTES):
            if block.find(b"<", start, start + _MAX_TEXT_BYTES) < 0:
                raise ExcessError(f"a text in its part {part} is longer than the 32,767 characters of a cell")
        last = max(block.rfind(b"<" + item), block.rfind(b":" + item))
        item_bytes = len(block) - last if last >= 0 else item_bytes + len(block)
        if item_bytes > _MAX_ROW_BYTES:
            limit = f"{_MAX_ROW_BYTES // 1000**2} MB"
            raise ExcessError(f"its part {part} holds more than {limit} within one row or below the last")
        yield block


def _begins_as_utf_8(archive: zipfile.ZipFile, part: str) -> bool:
    with archive.open(part) as source:
        return _UTF_8_START.match(source.read(_BLOCK_BYTES)) is not None


def _read_range(place: str) -> tuple[int, int, int, int]:
    """Return the first row and position and the last row and position of a range such as ``A8:B9``."""
    left, top, right, bottom = (edge or 0 for edge in range_boundaries(place))
    return top, left - 1, bottom, right - 1


def _read_blocks(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """Yield the part in blocks that never end inside a tag."""
    rest = b""
    with archive.open(part) as source:
        while block := source.read(_BLOCK_BYTES):
            block = rest + block
            cut = block.rfind(b"<")
            rest = block[cut:] if cut >= 0 and len(block) - cut < _BLOCK_BYTES else b""
            yield block[: len(block) - len(rest)]
    yield rest
