"""Reads the texts of columns that the campaign formats as dates or times into ISO form."""

import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from dispatcher.loader.values.cells import Note, format_time
from dispatcher.placeholders import Text

_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?|\d\d:\d\d(?::\d\d)?")
_SERIAL = re.compile(r"(?P<days>[2-7]\d{4})(?:\.(?P<fraction>\d+))?")
_FRACTION = re.compile(r"0\.\d+")
_NUMERIC = re.compile(r"(\d{1,4})\s*([./-])\s*(\d{1,2})\s*\2\s*(\d{1,4})(?:,?\s+(?P<time>.+))?")
_TIME = re.compile(r"(?i)(\d{1,2})[:.](\d\d)(?::(\d\d))?\s*([ap])?\.?(?:m\.?)?")
_EPOCH, _EPOCH_OF_1904 = date(1899, 12, 30), date(1904, 1, 1)


class DateText(NamedTuple):
    """A text in ISO form, with what was changed (a note) or why it is no date (a fault)."""

    text: str
    note: Note | None = None
    fault: str = ""


def find_date_columns(texts: Iterable[Text]) -> frozenset[str]:
    """Return the folded names of the columns that some placeholder formats, as in ``{date:%d %B}``."""
    return frozenset(placeholder.key for text in texts for placeholder in text.placeholders if placeholder.format)


@lru_cache(maxsize=4096)  # the same days and times come again and again
def is_iso(text: str) -> bool:
    """Return whether ``text`` needs no reading: an ISO date or time, or nothing."""
    if not text:
        return True
    if not _ISO.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text if "-" in text else f"2000-01-01 {text}")
    except ValueError:
        return False
    return True


def read_date(text: str, *, day_first: bool | None = None, from_1904: bool = False) -> DateText:
    """Read ``text`` as a date or time of day; ISO texts, which date cells have, stay as they are.

    A date such as 03/12/2026 can be read in two ways, and is a fault unless ``day_first`` decides. A date that
    can be read only the other way is a fault too: it proves that the column is not written as stated.
    Serial numbers are Excel dates whose cells lost their format (20000 is in 1954, 80000 in 2119); old Mac
    workbooks count them ``from_1904``.
    """
    if is_iso(text):
        return DateText(text)
    serial = _SERIAL.fullmatch(text)
    if serial:
        return _read_serial(text, _EPOCH_OF_1904 if from_1904 else _EPOCH)
    if _FRACTION.fullmatch(text):
        moment = _time_of(min(round(float(text) * 86400), 86399))
        return DateText(moment, Note(f"the number {text} was read as {moment}"))
    numeric = _NUMERIC.fullmatch(text)
    if numeric:
        return _read_numeric(text, numeric, day_first)
    time_of_day = _read_time(text)
    if time_of_day:
        return DateText(time_of_day)
    return DateText(text, fault="is no date or time that can be read: write it as 2026-12-31 or 14:30")


def _read_serial(text: str, epoch: date) -> DateText:
    days, seconds = divmod(round(float(text) * 86400), 86400)
    iso = (epoch + timedelta(days=days)).isoformat()
    if seconds:
        iso += " " + _time_of(seconds)
    return DateText(iso, Note(f"the number {text} was read as the date {iso}"))


def _time_of(seconds: int) -> str:
    return format_time(time(seconds // 3600, seconds // 60 % 60, seconds % 60))


def _read_numeric(text: str, match: re.Match[str], day_first: bool | None) -> DateText:
    """Read a date of three numbers; the year is first or last, and dots mean that the day comes first."""
    first, separator, second, third = match.group(1, 2, 3, 4)
    moment = _read_time(match["time"] or "00:00")
    if moment is None:
        return DateText(text, fault="is no date or time that can be read: write it as 2026-12-31 14:30")
    if len(first) == 4:
        return _make_date(text, int(first), int(second), int(third), moment)
    if len(third) != 4:
        return DateText(text, fault="has no year of four digits: write it as 2026-12-31")
    is_certain = first == second or int(first) > 12 or int(second) > 12 or separator == "."
    if not is_certain and day_first is None:
        return DateText(text, fault=_explain_ambiguity(int(first), int(second), int(third)))
    if (day_first is True and int(second) > 12) or (day_first is False and int(first) > 12 and separator != "."):
        return DateText(text, fault=_explain_other_order(is_day_first=day_first))
    starts_with_day = int(first) > 12 or (int(second) <= 12 and (separator == "." or day_first is True))
    day, month = (first, second) if starts_with_day else (second, first)
    return _make_date(text, int(third), int(month), int(day), moment)


def _explain_ambiguity(first: int, second: int, year: int) -> str:
    return (
        f"can be read as {year}-{second:02d}-{first:02d} and as {year}-{first:02d}-{second:02d}:"
        ' write it as 2026-12-31, make it a date cell, or set text_dates = "day_first" or "month_first"'
        " under [sheet] in the campaign file"
    )


def _explain_other_order(*, is_day_first: bool) -> str:
    written, stated = ("month", "day_first") if is_day_first else ("day", "month_first")
    return (
        f'has the {written} first, but the campaign file says text_dates = "{stated}": write it as 2026-12-31, and'
        " check the other dates of the column"
    )


def _make_date(text: str, year: int, month: int, day: int, moment: str) -> DateText:
    try:
        iso = date(year, month, day).isoformat()
    except ValueError:
        return DateText(text, fault="is a date that does not exist: correct it")
    result = iso if moment == "00:00" else f"{iso} {moment}"
    return DateText(result, Note(f"{text} was read as {result}"))


def _read_time(text: str) -> str | None:
    """Return a time of day such as ``9:30``, ``2:30 pm`` in ISO form, or None."""
    match = _TIME.fullmatch(text.strip())
    if not match:
        return None
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    if match[4]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[4].lower() == "p" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    return format_time(time(hour, minute, second))
