"""Looks through the content of an .ods file, before calamine unfolds it: hidden rows, misread cells, size."""

import re
import zipfile
from pathlib import Path
from typing import IO
from xml.parsers import expat

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]  # ships no types

from dispatcher.errors import SheetError
from dispatcher.loader.formats.archive import PROTECTED, ExcessError, check_archive
from dispatcher.loader.formats.tables import MAX_CELLS
from dispatcher.loader.unseen import Unseen
from dispatcher.loader.values.cells import UNCALCULATED, CellText, read_bool, read_error

_PART, _MANIFEST, _META = "content.xml", "META-INF/manifest.xml", "meta.xml"
# LibreOffice/24.8, MicrosoftOffice/15.0, ONLYOFFICE/8.1 and so on; libraries that write formulas name themselves.
_CALCULATING = re.compile(rb"(?i)<meta:generator>[^<]*(?:office|gnumeric)")
_ENCRYPTED = b"encryption-data"  # an element of the manifest, see ODF 1.3, part 2
_ERROR_NAME = re.compile(r"#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NUM!|NULL!)|Err:\d{3}")
_LONGEST_WORD = 10
# What LibreOffice shows in its usual languages; the formula gives 1 or 0, and only its format makes a word of it.
_TRUE = re.compile(
    "TRUE|WAHR|VRAI|VERDADERO|VERDADEIRO|VERO|WAAR|PRAWDA|SANT|SAND|SANN|TOSI|PRAVDA|IGAZ|ISTINA|CERT"
    "|DO\u011eRU|ADEV\u0102RAT|\u0418\u0421\u0422\u0418\u041d\u0410|\u0406\u0421\u0422\u0418\u041d\u0410"
)
_FALSE = re.compile(
    "FALSE|FALSCH|FAUX|FALSO|ONWAAR|FALSKT|FALSK|USANN|NEPRAVDA|HAMIS|FALS"
    "|FA\u0141SZ|EP\u00c4TOSI|YANLI\u015e|LA\u017d|\u041b\u041e\u0416\u042c|\u0425\u0418\u0411\u041d\u0406\u0421\u0422\u042c"
)
_DRAWN_OVER = CellText(
    "", "holds a drawing or text box, whose text would be read as the cell's: remove it or save the file as .xlsx"
)
_MAX_LETTERS = 50 * 1000**2
_TOO_MANY_CELLS = f"its rows and columns repeat to more than {MAX_CELLS:,} cells"
_CELLS = ("table:table-cell", "table:covered-table-cell")


class OdsContent:
    """What is to be known about all sheets of an .ods file; nothing of it is kept but this.

    The names of elements are compared with the prefixes that every writer uses, as calamine does.

    Args:
        is_calculated: whether an office program wrote the file; it leaves out the result of a formula only when
            it is an empty text.

    Attributes:
        sheets: what calamine does not tell about each sheet, in their order; rows that are empty hide nothing.
    """

    def __init__(self, *, is_calculated: bool) -> None:
        self.sheets: list[Unseen] = []
        self._is_calculated = is_calculated
        self._from_1904 = False
        self._groups: list[bool] = []
        self._notes = 0
        self._row_count, self._last_row, self._width = 0, 0, 0
        self._row_repeats, self._row_is_hidden = 1, False
        self._row_width, self._position, self._cell_repeats = 0, 0, 1
        self._row_cells: dict[int, CellText] = {}
        self._attributes: dict[str, str] = {}
        self._drawings, self._is_drawn_over = 0, False
        self._error, self._shown = "", ""
        self._text: str | None = None
        self._cell_count, self._text_length = 0, 0

    def parse(self, source: IO[bytes]) -> None:
        """Read all of ``content.xml``.

        Raises:
            ExcessError: its rows and cells repeat to more than a sheet of recipients can hold.
            DefusedXmlException: the XML has a document type.
        """
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_document_type
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._add_text
        parser.ParseFile(source)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name in _CELLS:
            self._start_cell(attributes)
        elif name.startswith("draw:"):
            self._drawings += 1
        elif name == "text:p" and not self._notes and not self._drawings:
            self._text = ""
        elif name == "table:table-row":
            self._row_repeats = int(attributes.get("table:number-rows-repeated", 1))
            self._row_is_hidden = any(self._groups) or attributes.get("table:visibility") in ("collapse", "filter")
            self._row_width, self._position, self._row_cells = 0, 0, {}
        elif name == "table:table":
            self.sheets.append(Unseen(from_1904=self._from_1904))
            self._row_count, self._last_row, self._width = 0, 0, 0
        elif name == "table:table-row-group":
            self._groups.append(attributes.get("table:display") == "false")
        elif name == "office:annotation":
            self._notes += 1
        elif name == "table:null-date":
            self._from_1904 = attributes.get("table:date-value", "").startswith("1904")

    def _start_cell(self, attributes: dict[str, str]) -> None:
        self._cell_repeats = int(attributes.get("table:number-columns-repeated", 1))
        self._position += self._cell_repeats
        self._attributes, self._shown, self._is_drawn_over = attributes, "", False
        if "office:value-type" in attributes:
            self._row_width = self._position
            self._count_text(len(attributes.get("office:string-value", "")))
        is_error = attributes.get("calcext:value-type") == "error" or "table:error" in attributes
        self._error = "#?" if is_error else ""  # its text comes later than that it is one

    def _end_cell(self) -> None:
        told = self._judge_cell()
        if told:
            self._keep(told)

    def _judge_cell(self) -> CellText | None:
        """Return what is to be read in place of what calamine reads in the cell that ends here."""
        if self._error:
            return read_error(self._error)
        kind = self._attributes.get("office:value-type")
        if kind is None and "table:formula" in self._attributes and not self._is_calculated:
            return UNCALCULATED
        if self._is_drawn_over and kind == "string" and "office:string-value" not in self._attributes:
            return _DRAWN_OVER
        return self._find_boolean()

    def _find_boolean(self) -> CellText | None:
        """Return TRUE or FALSE for a number that is shown as one."""
        if self._attributes.get("office:value-type") != "float":
            return None
        number, shown = self._attributes.get("office:value", ""), self._shown.upper()
        words = {"1": _TRUE, "0": _FALSE}.get(number)
        return read_bool(number == "1") if words and words.fullmatch(shown) else None

    def _keep(self, told: CellText) -> None:
        """Note what is told of all cells that repeat the present one."""
        self._row_width = self._position
        if self._position > MAX_CELLS:
            raise ExcessError(_TOO_MANY_CELLS)
        self._row_cells |= dict.fromkeys(range(self._position - self._cell_repeats, self._position), told)

    def _add_text(self, text: str) -> None:
        if self._drawings and not self._notes:
            self._is_drawn_over = self._is_drawn_over or not text.isspace()
            self._count_text(len(text))
        elif self._text is not None:
            self._row_width = self._position
            self._text = (self._text + text)[: _LONGEST_WORD + 1]
            self._count_text(len(text))

    def _count_text(self, length: int) -> None:
        self._text_length += length * self._cell_repeats * self._row_repeats
        if self._text_length > _MAX_LETTERS:
            raise ExcessError(f"its cells repeat to more than {_MAX_LETTERS:,} letters")

    def _end(self, name: str) -> None:
        if name == "text:p" and self._text is not None and not self._drawings:
            self._shown, self._text = self._text, None
            if _ERROR_NAME.fullmatch(self._shown):
                self._error = self._shown
        elif name in _CELLS:
            self._end_cell()
        elif name.startswith("draw:"):
            self._drawings -= 1
        elif name == "table:table-row":
            self._end_row()
        elif name == "table:table":
            self._cell_count += self._last_row * self._width
        elif name == "table:table-row-group":
            self._groups.pop()
        elif name == "office:annotation":
            self._notes -= 1

    def _end_row(self) -> None:
        self._row_count += self._row_repeats
        if not self._row_width:
            return
        first, self._last_row = self._row_count - self._row_repeats + 1, self._row_count
        self._width = max(self._width, self._row_width)
        if self._cell_count + self._last_row * self._width > MAX_CELLS:
            raise ExcessError(_TOO_MANY_CELLS)
        rows = range(first, self._last_row + 1)
        if self._row_is_hidden:
            self.sheets[-1].hidden.update(rows)
        if self._row_cells:
            self.sheets[-1].cells.update(dict.fromkeys(rows, self._row_cells))


def _refuse_document_type(*_: object) -> None:
    raise DefusedXmlException(_PART)


def look_through_ods(path: Path) -> list[Unseen]:
    """Return what calamine does not tell about the sheets, in the workbook's order.

    Raises:
        SheetError: the file is protected by a password, or see ``check_archive``.
        ExcessError: the rows and cells repeat to more than a sheet of recipients can hold.
        Exception: one of ``UNREADABLE``, the file is damaged or its XML has a document type.
    """
    check_archive(path)
    with zipfile.ZipFile(path) as archive:
        parts = archive.namelist()
        if _MANIFEST in parts and _ENCRYPTED in archive.read(_MANIFEST):
            raise SheetError(f"{path.name}: {PROTECTED}")
        is_calculated = _META in parts and _CALCULATING.search(archive.read(_META)) is not None
        content = OdsContent(is_calculated=is_calculated)
        with archive.open(_PART) as source:
            content.parse(source)
    return content.sheets
