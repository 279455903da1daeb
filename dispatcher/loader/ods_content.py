"""Looks through the content of an .ods file, before calamine unfolds it: for hidden rows, errors and its size."""

import zipfile
from typing import IO
from xml.parsers import expat

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]  # ships no types

from dispatcher.loader.archive import ExcessError
from dispatcher.loader.rows import MAX_CELLS, column_letters

_PART = "content.xml"
_ERROR_NAMES = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!"})
_ERROR_CODE = "Err:"
_LONGEST_ERROR = 10
_MAX_LETTERS = 50 * 1000**2
_CELLS = ("table:table-cell", "table:covered-table-cell")


class OdsContent:
    """What is to be known about all sheets of an .ods file; nothing of it is kept but this.

    The names of elements are compared with the prefixes that every writer uses, as calamine does.

    Attributes:
        hides_rows: whether some row that is not empty is hidden, by hand, by a filter or with its group.
        error_cell: the first cell that shows an error, such as ``C7 of sheet "October"``; empty for none.
    """

    def __init__(self) -> None:
        self.hides_rows = False
        self.error_cell = ""
        self._sheet = ""
        self._groups: list[bool] = []
        self._notes = 0
        self._row_count, self._last_row, self._width = 0, 0, 0
        self._row_repeats, self._row_is_hidden = 1, False
        self._row_width, self._position, self._cell_repeats = 0, 0, 1
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
        elif name == "text:p" and not self._notes:
            self._text = ""
        elif name == "table:table-row":
            self._row_repeats = int(attributes.get("table:number-rows-repeated", 1))
            self._row_is_hidden = any(self._groups) or attributes.get("table:visibility") in ("collapse", "filter")
            self._row_width, self._position = 0, 0
        elif name == "table:table":
            self._sheet = attributes.get("table:name", "")
            self._row_count, self._last_row, self._width = 0, 0, 0
        elif name == "table:table-row-group":
            self._groups.append(attributes.get("table:display") == "false")
        elif name == "office:annotation":
            self._notes += 1

    def _start_cell(self, attributes: dict[str, str]) -> None:
        self._cell_repeats = int(attributes.get("table:number-columns-repeated", 1))
        self._position += self._cell_repeats
        if "office:value-type" in attributes:
            self._row_width = self._position
            self._count_text(len(attributes.get("office:string-value", "")))
        if attributes.get("calcext:value-type") == "error" or "table:error" in attributes:
            self._keep_error()

    def _keep_error(self) -> None:
        if not self.error_cell:
            letters = column_letters(self._position - self._cell_repeats)
            self.error_cell = f'{letters}{self._row_count + 1} of sheet "{self._sheet}"'

    def _add_text(self, text: str) -> None:
        if self._text is not None:
            self._row_width = self._position
            self._text = (self._text + text)[: _LONGEST_ERROR + 1]
            self._count_text(len(text))

    def _count_text(self, length: int) -> None:
        self._text_length += length * self._cell_repeats * self._row_repeats
        if self._text_length > _MAX_LETTERS:
            raise ExcessError(f"its cells repeat to more than {_MAX_LETTERS:,} letters")

    def _end(self, name: str) -> None:
        if name == "text:p" and self._text is not None:
            if self._text in _ERROR_NAMES or self._text.startswith(_ERROR_CODE):
                self._keep_error()
            self._text = None
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
        self.hides_rows = self.hides_rows or self._row_is_hidden
        self._last_row = self._row_count
        self._width = max(self._width, self._row_width)
        if self._cell_count + self._last_row * self._width > MAX_CELLS:
            raise ExcessError(f"its rows and columns repeat to more than {MAX_CELLS:,} cells")


def _refuse_document_type(*_: object) -> None:
    raise DefusedXmlException(_PART)


def scan_content(archive: zipfile.ZipFile) -> OdsContent:
    """Return what the content of an .ods file holds, see :class:`OdsContent` also for what it raises."""
    content = OdsContent()
    with archive.open(_PART) as source:
        content.parse(source)
    return content
