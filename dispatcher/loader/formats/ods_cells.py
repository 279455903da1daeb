"""Turns a cell of an .ods, its attributes and the text it shows, into text.

Source: OpenDocument 1.3, part 3: 19.385 for the types of values, 6.1.2 to 6.1.5 for white space.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache

from dispatcher.loader.values.cells import (
    EMPTY,
    OUTSIDE_CALENDAR,
    UNCALCULATED,
    CellText,
    Note,
    read_bool,
    read_error,
    read_moment,
    read_number_cell,
)

# How expat names what is in a namespace.
OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0 "
TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0 "
TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0 "
_CALCEXT = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0 "
_VALUE_TYPE, _SPECIAL_TYPE, _VALUE = f"{OFFICE}value-type", f"{_CALCEXT}value-type", f"{OFFICE}value"
_STRING_VALUE, _FORMULA, _ERROR = f"{OFFICE}string-value", f"{TABLE}formula", f"{TABLE}error"

_NUMBERS = ("float", "percentage", "currency")
_ERROR_NAME = re.compile(r"#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NUM!|NULL!)|Err:\d{3}")
_DURATION = re.compile(r"(-?)P(?:(\d{1,6})D)?T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:[.,]\d+)?)S)?")
_SPACES = re.compile("[ \t\r\n]{2,}|[\t\r\n]")
_LAST_ZEROS = re.compile(r"[.,]0+\Z")
# What LibreOffice shows in its usual languages; the formula gives 1 or 0, and only its format makes a word of it.
_TRUE = re.compile(
    "TRUE|WAHR|VRAI|VERDADERO|VERDADEIRO|VERO|WAAR|PRAWDA|SANT|SAND|SANN|TOSI|PRAVDA|IGAZ|ISTINA|CERT"
    "|DO\u011eRU|ADEV\u0102RAT|\u0418\u0421\u0422\u0418\u041d\u0410|\u0406\u0421\u0422\u0418\u041d\u0410"
)
_FALSE = re.compile(
    "FALSE|FALSCH|FAUX|FALSO|ONWAAR|FALSKT|FALSK|USANN|NEPRAVDA|HAMIS|FALS"
    "|FA\u0141SZ|EP\u00c4TOSI|YANLI\u015e|LA\u017d|\u041b\u041e\u0416\u042c|\u0425\u0418\u0411\u041d\u0406\u0421\u0422\u042c"
)


class ShownText:
    """The text of the paragraphs of one cell, gathered as the parser comes to it.

    White space in the XML is one space at most, and none at the beginning of a paragraph; elements stand for more.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._has_paragraph, self._takes_space = False, False
        self.is_open = False
        self.length = 0

    def open_paragraph(self) -> None:
        """Begin a paragraph, on a line of its own."""
        if self._has_paragraph:
            self._pieces.append("\n")
        self._has_paragraph, self._takes_space, self.is_open = True, False, True

    def close_paragraph(self) -> None:
        """End the paragraph."""
        self.is_open = False

    def add(self, text: str) -> None:
        """Add what stands in the XML."""
        text = _SPACES.sub(" ", text)
        if text.startswith(" ") and not self._takes_space:
            text = text[1:]
        if text:
            self._takes_space = not text.endswith(" ")
            self._append(text)

    def add_kept(self, text: str) -> None:
        """Add spaces, a tab or a line break that an element stands for."""
        self._takes_space = True
        self._append(text)

    def _append(self, text: str) -> None:
        self.length += len(text)
        self._pieces.append(text)

    def __str__(self) -> str:
        return "".join(self._pieces)


def read_cell(attributes: Mapping[str, str], shown: str, *, is_calculated: bool) -> CellText:
    """Return what a cell holds.

    Args:
        attributes: those of its element, as expat names them.
        shown: the text that people see.
        is_calculated: whether an office program wrote the file; it leaves out the result of a formula only when
            it is an empty text.
    """
    kind = attributes.get(_VALUE_TYPE)
    if shown[:1] in ("#", "E") and _ERROR_NAME.fullmatch(shown):
        return read_error(shown)
    if attributes.get(_SPECIAL_TYPE) == "error" or _ERROR in attributes:
        return read_error("#?")
    if kind == "string":
        text = attributes.get(_STRING_VALUE, shown)
        return CellText(text) if text else EMPTY
    if kind is None and _FORMULA in attributes and not is_calculated:
        return UNCALCULATED
    if kind in _NUMBERS and _VALUE in attributes:
        return _read_number(attributes[_VALUE], kind, shown)
    if kind == "boolean":
        return read_bool(attributes.get(f"{OFFICE}boolean-value") == "true")
    if kind == "date":
        return _read_date(attributes.get(f"{OFFICE}date-value", ""))
    if kind == "time":
        return _read_duration(attributes.get(f"{OFFICE}time-value", ""))
    return CellText(shown) if shown else EMPTY


@lru_cache(maxsize=10_000)  # the same numbers come again and again
def _read_number(digits: str, kind: str, shown: str) -> CellText:
    number = float(digits)
    if number in (0, 1) and (_TRUE if number else _FALSE).fullmatch(shown.upper()):
        return read_bool(number == 1)
    cell = read_number_cell(number)
    if cell.fault:
        return cell
    if kind != "float":
        what = "a percentage" if kind == "percentage" else "an amount of money"
        return CellText(cell.text, note=Note(f"the sheet shows {what}; {cell.text} is what will be sent", once=True))
    return _compare_with_shown(cell.text, shown.strip())


def _compare_with_shown(text: str, shown: str) -> CellText:
    """Return a number as it is shown where that is certain, or with a note that it is shown otherwise.

    The number format itself stands in a style, in parts; what it makes of the number stands in the cell.
    """
    if shown in ("", text) or shown.replace(",", ".") == text:
        return CellText(text)
    if text.isdigit() and shown.isascii() and shown.isdigit() and shown.lstrip("0") == text.lstrip("0"):
        return CellText(shown)
    digits, shown_digits = _keep_digits(text), _keep_digits(_LAST_ZEROS.sub("", shown))
    adds_digits = len(shown_digits) > len(digits) and digits in shown_digits
    reason = f"the sheet shows the number in another form; {text} is what will be sent, not {shown}"
    return CellText(text, note=Note(reason, once=True, adds_digits=adds_digits))


def _keep_digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _read_date(value: str) -> CellText:
    try:
        return read_moment(datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value))
    except ValueError:
        return CellText(value, OUTSIDE_CALENDAR)


def _read_duration(value: str) -> CellText:
    match = _DURATION.fullmatch(value)
    if not match:
        return CellText(value, OUTSIDE_CALENDAR)
    sign, days, hours, minutes, seconds = (part or "0" for part in match.groups())
    length = timedelta(int(days), float(seconds.replace(",", ".")), hours=int(hours), minutes=int(minutes))
    return read_moment(-length if sign == "-" else length)
