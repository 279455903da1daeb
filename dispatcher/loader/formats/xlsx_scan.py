"""Looks through the raw XML of an .xlsx before it is parsed: entities, hidden rows, merged cells, what fills memory."""

import re
import zipfile
from collections.abc import Iterator
from itertools import islice

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]  # ships no types
from openpyxl.utils import range_boundaries

from dispatcher.loader.formats.tables import MAX_MERGED, Range, SheetScan
from dispatcher.loader.formats.unreadable import ExcessError

_MAX_TEXT_BYTES = 250_000  # Excel's 32,767 characters of a cell, each written as a reference such as &#8364;
_MAX_ROW_BYTES = 5 * 1000**2
_BLOCK_BYTES = 1 << 20
_HIDDEN_ROW = re.compile(rb"<(?:\w+:)?row\s[^<>]*(?:hidden\s*=\s*[\"'](?:1|true)|\sht\s*=\s*[\"'][0.]+[\"'])")
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^<>]*ref\s*=\s*[\"']([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})[\"']")
# In any other encoding a document type could be spelt in bytes nobody looks for.
_UTF_8_START = re.compile(
    rb"(?i)(?:\xef\xbb\xbf)?\s*(?:<\?xml(?![^>]*encoding)|<\?xml[^>]*encoding=[\"']utf-8[\"']|<[a-z])"
)
_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)")


def scan_sheet(archive: zipfile.ZipFile, part: str) -> SheetScan:
    """Look through the raw XML of a worksheet for hidden rows, merged cells and entities, without parsing it.

    Raises:
        DefusedXmlException: the XML declares entities.
        ExcessError: it holds a text or a row that would fill the memory.
    """
    is_utf_8, may_hide_rows, merged = _begins_as_utf_8(archive, part), False, list[bytes]()
    for block in _read_safe_blocks(archive, part, b"row"):
        may_hide_rows = may_hide_rows or _HIDDEN_ROW.search(block) is not None
        if len(merged) < MAX_MERGED:
            merged += (match[1] for match in islice(_MERGED.finditer(block), MAX_MERGED - len(merged)))
    ranges = tuple(_read_range(reference.decode()) for reference in merged)
    return SheetScan(may_hide_rows, ranges, is_free_of_entities=is_utf_8)


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


def _read_range(reference: str) -> Range:
    """Return the first row and position and the last row and position of a range such as ``A8:B9``."""
    left, top, right, bottom = (edge or 0 for edge in range_boundaries(reference))
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
