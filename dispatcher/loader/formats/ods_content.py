"""Goes through the ``content.xml`` of an .ods once, and keeps the rows of each sheet in it.

A sheet repeats cells and rows by a number, so 800 bytes can stand for a gigabyte: what they come to is counted before
it is kept. Elements and attributes are known by their namespaces, whatever prefix a writer gives these.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO
from xml.parsers import expat

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]  # ships no types

from dispatcher.loader.formats.kept_rows import KeptRows
from dispatcher.loader.formats.ods_cells import OFFICE, TABLE, TEXT, ShownText, read_cell
from dispatcher.loader.formats.tables import MAX_CELLS, MAX_COLUMNS, MAX_LETTERS, MAX_MERGED, MAX_ROWS, Range, Row
from dispatcher.loader.formats.unreadable import ExcessError
from dispatcher.loader.values.cells import EMPTY, CellText

_STYLE = "urn:oasis:names:tc:opendocument:xmlns:style:1.0 "
_DRAWING = "urn:oasis:names:tc:opendocument:xmlns:drawing:1.0 "
# What is no part of the cell it stands in, or of any: remarks, readings, what was deleted, tables of other files.
_IGNORED = frozenset(
    (
        f"{OFFICE}annotation", f"{TEXT}note", f"{TEXT}ruby-text", f"{TABLE}tracked-changes", f"{TABLE}dde-links",
        f"{TABLE}shapes", f"{OFFICE}forms",
    )
)  # fmt: skip
_TABLE = f"{TABLE}table"
_ROWS_REPEATED, _COLUMNS_REPEATED = f"{TABLE}number-rows-repeated", f"{TABLE}number-columns-repeated"
_ROWS_SPANNED, _COLUMNS_SPANNED = f"{TABLE}number-rows-spanned", f"{TABLE}number-columns-spanned"
_BLOCK_BYTES = 1 << 16
_MAX_TAG_BYTES = 1 << 20  # expat keeps all of a tag at once
_MAX_TEXT = 250_000  # characters; a cell of Excel holds 32,767
_TOO_MANY_CELLS = f"its rows and columns repeat to more than {MAX_CELLS:,} cells"


@dataclass(slots=True)
class OdsSheet:
    """One sheet; rows that are empty are not kept, and hide nothing."""

    name: str
    is_visible: bool
    from_1904: bool
    rows: KeptRows = field(default_factory=KeptRows)
    merged: list[Range] = field(default_factory=list)
    hides_rows: bool = False


class OdsContent:
    """The pass over ``content.xml``; expat calls its methods.

    Args:
        is_calculated: whether an office program wrote the file, see ``read_cell``.

    Attributes:
        sheets: the sheets, in their order; complete after ``parse``.
    """

    def __init__(self, *, is_calculated: bool) -> None:
        self.sheets: list[OdsSheet] = []
        self._is_calculated = is_calculated
        self._ignored_depth = 0
        self._style, self._hidden_styles = "", set[str]()
        self._from_1904 = False
        self._groups: list[bool] = []
        self._row_number, self._row_repeats, self._row_is_hidden = 0, 1, False
        self._position, self._cells = 0, dict[int, CellText]()
        self._attributes: dict[str, str] | None = None
        self._is_covered = False
        self._shown = ShownText()
        self._cell_count, self._letter_count = 0, 0
        self._events = 0
        self._on_start: dict[str, Callable[[dict[str, str]], None]] = {
            f"{TABLE}table-cell": self._start_cell,
            f"{TABLE}covered-table-cell": self._start_covered_cell,
            f"{TEXT}p": self._start_paragraph,
            f"{TEXT}s": lambda attributes: self._add_kept(" " * min(int(attributes.get(f"{TEXT}c", 1)), _MAX_TEXT)),
            f"{TEXT}tab": lambda _: self._add_kept("\t"),
            f"{TEXT}line-break": lambda _: self._add_kept("\n"),
            f"{TABLE}table-row": self._start_row,
            f"{TABLE}table-row-group": lambda attributes: self._groups.append(
                attributes.get(f"{TABLE}display") == "false"
            ),
            _TABLE: self._start_table,
            f"{TABLE}null-date": self._start_null_date,
            f"{_STYLE}style": self._start_style,
            f"{_STYLE}table-properties": self._start_table_properties,
        }
        self._on_end: dict[str, Callable[[], object]] = {
            f"{TABLE}table-cell": self._end_cell,
            f"{TABLE}covered-table-cell": self._end_cell,
            f"{TEXT}p": lambda: self._shown.close_paragraph(),
            f"{TABLE}table-row": self._end_row,
            f"{TABLE}table-row-group": lambda: self._groups.pop(),
        }

    def parse(self, source: IO[bytes]) -> None:
        """Read all of ``content.xml``.

        Raises:
            ExcessError: its rows and cells repeat to more than a sheet of recipients can hold.
            DefusedXmlException: the XML has a document type.
            ExpatError, ValueError: it is damaged.
        """
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_document_type
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._add_text
        waiting_bytes = 0
        while block := source.read(_BLOCK_BYTES):
            events = self._events
            parser.Parse(block, False)
            waiting_bytes = 0 if self._events > events else waiting_bytes + len(block)
            if waiting_bytes > _MAX_TAG_BYTES:
                raise ExcessError("a tag or comment in its part content.xml is longer than 1 MB")
        parser.Parse(b"", True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._events += 1
        is_table_in_cell = name == _TABLE and self._attributes is not None
        if self._ignored_depth or name in _IGNORED or name.startswith(_DRAWING) or is_table_in_cell:
            self._ignored_depth += 1
        elif begin := self._on_start.get(name):
            begin(attributes)

    def _end(self, name: str) -> None:
        self._events += 1
        if self._ignored_depth:
            self._ignored_depth -= 1
        elif end := self._on_end.get(name):
            end()

    def _start_style(self, attributes: dict[str, str]) -> None:
        self._style = attributes.get(f"{_STYLE}name", "")

    def _start_table_properties(self, attributes: dict[str, str]) -> None:
        if attributes.get(f"{TABLE}display") == "false":
            self._hidden_styles.add(self._style)

    def _start_null_date(self, attributes: dict[str, str]) -> None:
        self._from_1904 = attributes.get(f"{TABLE}date-value", "").startswith("1904")

    def _start_table(self, attributes: dict[str, str]) -> None:
        is_visible = attributes.get(f"{TABLE}style-name") not in self._hidden_styles
        self.sheets.append(OdsSheet(attributes.get(f"{TABLE}name", ""), is_visible, self._from_1904))
        self._row_number, self._groups = 0, []

    def _start_row(self, attributes: dict[str, str]) -> None:
        self._row_repeats = _read_repeats(attributes, _ROWS_REPEATED)
        self._row_is_hidden = any(self._groups) or attributes.get(f"{TABLE}visibility") in ("collapse", "filter")
        self._position, self._cells = 0, {}

    def _start_cell(self, attributes: dict[str, str]) -> None:
        self._attributes, self._is_covered, self._shown = attributes, False, ShownText()

    def _start_covered_cell(self, attributes: dict[str, str]) -> None:
        """Begin a cell below a merged one; whatever it holds, nobody sees it."""
        self._start_cell(attributes)
        self._is_covered = True

    def _start_paragraph(self, _: dict[str, str]) -> None:
        if self._attributes is not None:
            self._shown.open_paragraph()

    def _add_kept(self, text: str) -> None:
        if self._shown.is_open:
            self._shown.add_kept(text)
            self._check_text()

    def _add_text(self, text: str) -> None:
        self._events += 1
        if self._shown.is_open and not self._ignored_depth:
            self._shown.add(text)
            self._check_text()

    def _check_text(self) -> None:
        if self._shown.length > _MAX_TEXT:
            raise ExcessError("a text in its part content.xml is longer than the 32,767 characters of a cell")

    def _end_cell(self) -> None:
        attributes = self._attributes or {}
        repeats = _read_repeats(attributes, _COLUMNS_REPEATED)
        cell = EMPTY if self._is_covered else read_cell(attributes, str(self._shown), is_calculated=self._is_calculated)
        if cell.text or cell.fault:
            # As in every format, whatever stands beyond the limit counts as standing just beyond it.
            first, last = min(self._position, MAX_COLUMNS), min(self._position + repeats - 1, MAX_COLUMNS)
            for position in range(first, last + 1):
                self._cells[position] = cell
        self._keep_merged(attributes)
        self._position += repeats
        self._attributes = None

    def _keep_merged(self, attributes: dict[str, str]) -> None:
        rows = _read_repeats(attributes, _ROWS_SPANNED)
        columns = _read_repeats(attributes, _COLUMNS_SPANNED)
        merged = self.sheets[-1].merged
        if rows * columns > 1 and len(merged) < MAX_MERGED:
            top, left = self._row_number + 1, self._position
            merged.append((top, left, top + rows - 1, left + columns - 1))

    def _end_row(self) -> None:
        first, self._row_number = self._row_number + 1, self._row_number + self._row_repeats
        if not self._cells:
            return
        width = max(self._cells) + 1
        self._count(width, sum(len(cell.text) for cell in self._cells.values()))
        if self._row_number > MAX_ROWS:
            raise ValueError(f"row {self._row_number}")
        sheet = self.sheets[-1]
        texts = [self._cells.get(position, EMPTY).text for position in range(width)]
        faults = {position: cell.fault for position, cell in self._cells.items() if cell.fault}
        notes = {position: cell.note for position, cell in self._cells.items() if cell.note}
        sheet.hides_rows = sheet.hides_rows or self._row_is_hidden
        for number in range(first, self._row_number + 1):
            sheet.rows.keep(Row(number, texts, faults, notes, self._row_is_hidden))

    def _count(self, width: int, letters: int) -> None:
        """Count what the present row comes to with all its repetitions.

        Raises:
            ExcessError: the file comes to more than a sheet of recipients can hold.
        """
        self._cell_count += width * self._row_repeats
        if self._cell_count > MAX_CELLS:
            raise ExcessError(_TOO_MANY_CELLS)
        self._letter_count += letters * self._row_repeats
        if self._letter_count > MAX_LETTERS:
            raise ExcessError(f"its cells repeat to more than {MAX_LETTERS:,} letters")


def _read_repeats(attributes: dict[str, str], name: str) -> int:
    return max(1, int(attributes[name])) if name in attributes else 1


def _refuse_document_type(*_: object) -> None:
    raise DefusedXmlException("content.xml")
