"""Reads the texts that the cells of a workbook share.

openpyxl builds an object for each of them, as if it were rich text, which takes a fifth of the time that the whole
workbook does. Nearly all are plain: one element with one text in it.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

from openpyxl.cell.text import Text
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.numbers import is_date_format, is_timedelta_format
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS
from openpyxl.xml.functions import iterparse as defused_iterparse

from dispatcher.loader.formats.archive import is_free_of_entities
from dispatcher.loader.formats.xlsx_formats import read_number_formats

_ITEM, _PLAIN = f"{{{SHEET_MAIN_NS}}}si", f"{{{SHEET_MAIN_NS}}}t"


class WorkbookReader(ExcelReader):
    """openpyxl's reader, with shared texts and styles read the short way; what no cell shows is left out."""

    def read(self) -> None:
        """Read everything but the worksheets' rows."""
        self.read_manifest()
        self.read_strings()
        self.read_workbook()
        self.read_formats()
        self.read_worksheets()

    def read_formats(self) -> None:
        """Read how numbers are shown, and which cell styles are dates and durations."""
        formats = read_number_formats(self.archive)
        workbook: Any = self.wb  # what follows is none of its public attributes
        workbook._number_formats = formats
        workbook._date_formats = {style for style, shown in enumerate(formats) if is_date_format(shown)}
        workbook._timedelta_formats = {style for style, shown in enumerate(formats) if is_timedelta_format(shown)}

    def read_strings(self) -> None:
        """Read the texts of the workbook, if it has a table of them."""
        content_type = self.package.find(SHARED_STRINGS)  # type: ignore[no-untyped-call]  # openpyxl's types end here
        if content_type is None:
            return
        part = content_type.PartName[1:]
        iterate = ET.iterparse if is_free_of_entities(self.archive, part) else defused_iterparse
        with self.archive.open(part) as source:
            self.shared_strings = list(_read_texts(iterate(source)))


def _read_texts(events: Iterator[tuple[str, Any]]) -> Iterator[str]:
    for _, element in events:
        if element.tag == _ITEM:
            is_plain = len(element) == 1 and element[0].tag == _PLAIN
            yield (element[0].text or "") if is_plain else read_rich_text(element)
            element.clear()


def read_rich_text(element: Any) -> str:
    """Return the text of an element without its formatting and its reading aids."""
    text = Text.from_tree(element)
    return text.content if text else ""
