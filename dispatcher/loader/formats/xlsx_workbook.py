"""Opens a workbook of Excel: its sheets, the texts their cells share, how their numbers are shown.

openpyxl reads far more, and gives up at a colour or a pattern that some program has written wrong. It also builds an
object for each shared text, as if it were rich text; nearly all are plain: one element with one text in it.
"""

import re
import warnings
import weakref
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.utils.datetime import MAC_EPOCH
from openpyxl.workbook.properties import CalcProperties
from openpyxl.xml.constants import ARC_STYLE, SHARED_STRINGS, SHEET_MAIN_NS
from openpyxl.xml.functions import fromstring
from openpyxl.xml.functions import iterparse as defused_iterparse

from dispatcher.errors import SheetError
from dispatcher.loader.formats.archive import check_archive
from dispatcher.loader.formats.tables import SheetScan, Table
from dispatcher.loader.formats.unreadable import UNREADABLE, explain_unreadable
from dispatcher.loader.formats.xlsx_scan import is_free_of_entities, scan_sheet
from dispatcher.loader.formats.xlsx_sheet import read_rich_text, read_rows
from dispatcher.loader.values.cells import EAST_ASIAN_FORMATS, shows_duration, shows_moment

_STRICT = b"http://purl.oclc.org/ooxml/spreadsheetml/main"  # ISO/IEC 29500-1, annex A
_AWAITS_CALCULATION = re.compile(rb"fullCalcOnLoad\s*=\s*[\"'](?:1|true)")
_ITEM, _PLAIN = f"{{{SHEET_MAIN_NS}}}si", f"{{{SHEET_MAIN_NS}}}t"
_NUMBER_FORMAT = f".//{{{SHEET_MAIN_NS}}}numFmts/{{{SHEET_MAIN_NS}}}numFmt"
_CELL_STYLE = f"./{{{SHEET_MAIN_NS}}}cellXfs/{{{SHEET_MAIN_NS}}}xf"


class _WorkbookReader(ExcelReader):
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
        formats = _read_number_formats(self.archive)
        workbook: Any = self.wb  # what follows is none of its public attributes
        workbook._number_formats = formats
        workbook._date_formats = {style for style, shown in enumerate(formats) if shows_moment(shown)}
        workbook._timedelta_formats = {style for style, shown in enumerate(formats) if shows_duration(shown)}

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


def _read_number_formats(archive: zipfile.ZipFile) -> list[str]:
    """Return the number format of every cell style, such as ``#,##0.00``, in the order cells refer to them."""
    if ARC_STYLE not in archive.namelist():
        return []
    styles = fromstring(archive.read(ARC_STYLE))
    formats = EAST_ASIAN_FORMATS | BUILTIN_FORMATS
    for found in styles.iterfind(_NUMBER_FORMAT):
        formats[int(found.attrib["numFmtId"])] = found.attrib["formatCode"]
    return [formats.get(int(style.get("numFmtId", "0")), "General") for style in styles.iterfind(_CELL_STYLE)]


def open_workbook(path: Path) -> list[Table]:
    """Return a table for every worksheet a person can see, in the workbook's order.

    Raises:
        SheetError: the file is no workbook, or one that could exhaust the machine.
    """
    if not openpyxl.DEFUSEDXML:
        raise SheetError("defusedxml is not in use, and without it no workbook is opened; install it again")
    check_archive(path)
    file = path.open("rb")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of parts it leaves out, such as drawings
            reader = _WorkbookReader(file, read_only=True, data_only=True, keep_links=False)
            reader.read()
        workbook = reader.wb
        workbook.calculation = _read_calculation(reader)
        tables = [_make_table(path, workbook, sheet) for sheet in workbook.worksheets]
    except UNREADABLE as error:
        file.close()
        raise explain_unreadable(path, error) from error
    weakref.finalize(workbook, file.close)
    _refuse_strict(path, reader)
    return tables


def _refuse_strict(path: Path, reader: _WorkbookReader) -> None:
    """Refuse the one kind of .xlsx that openpyxl finds no sheets in."""
    if _STRICT in reader.archive.read(reader.parser.workbook_part_name):
        raise SheetError(
            f'{path.name}: is saved as "Strict Open XML"; save it in Excel as an ordinary Excel Workbook (.xlsx)'
        )


def _read_calculation(reader: _WorkbookReader) -> CalcProperties:
    """Return whether results are still to be calculated; openpyxl assumes so where the file says nothing."""
    content = reader.archive.read(reader.parser.workbook_part_name)
    return CalcProperties(fullCalcOnLoad=_AWAITS_CALCULATION.search(content) is not None)


def _make_table(path: Path, workbook: Any, sheet: Any) -> Table:
    scan = cache(lambda: _scan(path, workbook, sheet))
    return Table(
        sheet.title,
        lambda: read_rows(path, workbook, sheet, is_free_of_entities=scan().is_free_of_entities),
        is_visible=sheet.sheet_state == "visible",
        from_1904=workbook.epoch == MAC_EPOCH,
        scan=scan,
    )


def _scan(path: Path, workbook: Any, sheet: Any) -> SheetScan:
    try:
        return scan_sheet(workbook._archive, sheet._worksheet_path)
    except UNREADABLE as error:
        raise explain_unreadable(path, error) from error
