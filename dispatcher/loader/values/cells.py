"""Turns what a cell of a workbook holds into text, the way Excel shows it wherever that is certain."""

import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

_MAX_EXACT = 10**15  # Excel keeps 15 digits
_FIRST_YEAR = 1900
_EPOCH, _EPOCH_OF_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001 - a cell has no zone
_CURRENCY = re.compile(r"\[\$|[$€£¥₹]")
_ZEROS = re.compile(r"0{2,20}")
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.')
_PADDING = re.compile(r"_.|\*.")
_DECIMALS = re.compile(r"0\.(0+)")
_MOMENT = re.compile("[dmhysDMHYS]")
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_BRACKETED = re.compile(r"\[[^\]]*\]")
_ESCAPED = re.compile(r"_x00(0[9ADad]|5[Ff])_")


class Note(NamedTuple):
    """What was changed in a cell, or how Excel shows it.

    Attributes:
        reason: in words.
        once: say it once per column, not per row.
        adds_digits: Excel shows digits that the cell does not hold, such as a country code.
    """

    reason: str
    once: bool = False
    adds_digits: bool = False


class CellText(NamedTuple):
    """A cell as text, with why it cannot be used (a fault) or what a person should know (a note)."""

    text: str
    fault: str = ""
    note: Note | None = None


EMPTY = CellText("")
UNCALCULATED = CellText(  # it must look like an error, for an export keeps nothing else of it
    "#CALC!", "holds a formula that was never calculated: open the file in Excel or LibreOffice, save it, try again"
)
OUTSIDE_CALENDAR = "is formatted as a date but lies outside Excel's calendar: correct it"

EAST_ASIAN_FORMATS = dict.fromkeys([*range(27, 37), *range(50, 59)], "yyyy-mm-dd") | {32: "h:mm", 33: "h:mm:ss"}
"""Number formats that no file defines: in East Asia these are dates and times; how they look does not matter here.

Source: ECMA-376, 18.8.30.
"""


def read_error(name: str) -> CellText:
    """Return the text of an error cell such as ``#N/A``."""
    return CellText(name, f"shows the error {name}: correct its formula or type the value")


def read_text(text: str) -> CellText:
    """Return a text cell; Excel writes a line break or tab as ``_x000D_``, and that very text with ``_x005F_``."""
    if "_x00" in text:
        text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    return CellText(text)


def read_bool(value: bool) -> CellText:
    """Return ``TRUE`` or ``FALSE``, as Excel shows them."""
    return CellText("TRUE" if value else "FALSE")


def read_number_cell(value: float, number_format: str = "General") -> CellText:
    """Return a number with all its digits: ``15551234567``, ``1.5``, never ``.0`` or ``E+10``.

    A format of zeros (``00000``) pads it, as Excel shows it. A number of more than 15 digits is a fault,
    because Excel has replaced the rest of its digits by zeros.
    """
    if not math.isfinite(value):
        return read_error("#NUM!")
    if abs(value) >= _MAX_EXACT:
        return CellText(
            format_number(value),
            "has more digits than the 15 Excel keeps, so its last digits are wrong:"
            " format the column as Text and enter the number again",
        )
    text = format_number(value)
    if number_format == "General":
        return CellText(text)
    if _ZEROS.fullmatch(number_format) and text.isdigit():
        return CellText(text.zfill(len(number_format)))
    return CellText(text, note=_describe_format(number_format, text))


def format_number(value: float) -> str:
    """Return the 15 digits Excel keeps of ``value``, without an exponent."""
    if value == int(value):
        return str(int(value))
    return format(Decimal(format(value, ".15g")), "f")


def _describe_format(number_format: str, text: str) -> Note | None:
    bare = _LITERAL.sub("", number_format)
    if "%" in bare:
        return Note(f"Excel shows a percentage; {text} is what will be sent", once=True)
    if _CURRENCY.search(number_format):
        return Note(f"Excel shows an amount of money; {text} is what will be sent", once=True)
    if _is_shown_as_is(number_format, text):
        return None
    adds_digits = any(character.isdigit() for literal in _LITERAL.findall(number_format) for character in literal)
    reason = f"Excel shows the number in the format {number_format}; {text} is what will be sent"
    return Note(reason, once=True, adds_digits=adds_digits)


def _is_shown_as_is(number_format: str, text: str) -> bool:
    """Return whether Excel surely shows ``text`` and nothing else, so far as simple formats go."""
    shown, _, negative = _PADDING.sub("", number_format).partition(";")
    whole, _, decimals = text.partition(".")
    if text.startswith("-") and negative:
        return False
    if len(whole.lstrip("-")) <= 3:
        shown = shown.removeprefix("#,##")
    if shown in ("0", "#"):
        return not decimals
    match = _DECIMALS.fullmatch(shown)
    return shown in ("General", "@") or (match is not None and len(match[1]) == len(decimals))


def shows_moment(number_format: str) -> bool:
    """Return whether a number format makes a date, a time or a duration of a number."""
    return _MOMENT.search(_LITERAL.sub("", _BRACKETED.sub(_keep_elapsed, number_format.partition(";")[0]))) is not None


def shows_duration(number_format: str) -> bool:
    """Return whether a number format counts hours beyond 24, or minutes beyond 60: ``[h]:mm``."""
    return _ELAPSED.search(_LITERAL.sub("", number_format.partition(";")[0])) is not None


def _keep_elapsed(bracketed: re.Match[str]) -> str:
    return bracketed[0] if _ELAPSED.fullmatch(bracketed[0]) else ""


def read_serial(value: float, number_format: str, *, is_duration: bool, from_1904: bool) -> CellText:
    """Return the date, time or duration that Excel shows of a number, see ``read_moment``.

    Args:
        value: days, of a duration or since the day before the calendar begins.
        number_format: how Excel shows it.
        is_duration: whether that is as a duration.
        from_1904: whether the workbook counts days from 1904.
    """
    try:
        if value < 0 or not (is_duration or is_in_calendar(value, number_format)):
            raise ValueError
        if is_duration:
            return read_moment(timedelta(days=value))
        if value < 1:
            return read_moment((_EPOCH + timedelta(days=value)).time())
        # Before 29 February 1900, which Excel believes in, its days are one less than they should be.
        epoch = _EPOCH_OF_1904 if from_1904 else _EPOCH if value >= 60 else _EPOCH + timedelta(days=1)
        return read_moment(epoch + timedelta(days=value))
    except (OverflowError, ValueError):
        return CellText(format_number(value) if math.isfinite(value) else str(value), OUTSIDE_CALENDAR)


def is_in_calendar(serial: float, date_format: str) -> bool:
    """Return whether ``serial``, from 0, is a moment that exists.

    Below 1 it is a time of day, if the format shows nothing but times; else Excel shows a day 0. On day 60
    Excel shows 29 February 1900.
    """
    if serial >= 1:
        return not 60 <= serial < 61
    shown = _BRACKETED.sub("", _LITERAL.sub("", date_format)).lower()
    return ("h" in shown or "s" in shown) and "d" not in shown and "y" not in shown


def read_moment(value: datetime | date | time | timedelta) -> CellText:
    """Return a date, time or duration: ``2026-12-31``, ``2026-12-31 14:30``, ``14:30``, ``26:30``.

    What Excel shows as ``####`` is a fault: a day before 1900, a negative duration.
    """
    if isinstance(value, timedelta):
        duration = format_duration(value)
        return CellText(duration, OUTSIDE_CALENDAR if duration.startswith("-") else "")
    if isinstance(value, time):
        return CellText(format_time(_round_time(value)))
    if not isinstance(value, datetime):
        return CellText(value.isoformat(), OUTSIDE_CALENDAR if value.year < _FIRST_YEAR else "")
    rounded = (value + timedelta(milliseconds=500)).replace(microsecond=0)
    if rounded.year < _FIRST_YEAR:
        return CellText(str(value), OUTSIDE_CALENDAR)
    day = rounded.date().isoformat()
    return CellText(day if rounded.time() == time() else f"{day} {format_time(rounded.time())}")


def _round_time(value: time) -> time:
    moment = datetime.combine(date(2000, 1, 1), value) + timedelta(milliseconds=500)
    return time(23, 59, 59) if moment.day > 1 else moment.time().replace(microsecond=0)


def format_time(value: time) -> str:
    """Return ``14:30``, with seconds only where there are some."""
    return value.isoformat("seconds" if value.second else "minutes")


def format_duration(value: timedelta) -> str:
    """Return hours and minutes, hours beyond 24 included: ``26:30``."""
    seconds = round(value.total_seconds())
    sign = "-" if seconds < 0 else ""
    minutes, seconds = divmod(abs(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours:02d}:{minutes:02d}" + (f":{seconds:02d}" if seconds else "")
