"""Texts with ``{column}`` placeholders: parsed once, filled in for every row.

There is no evaluation and no attribute access, and what a cell holds is never expanded again.
"""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache, lru_cache

# The directives whose meaning does not depend on the platform; `%-d` drops a leading zero.
_DIRECTIVES = re.compile(r"%(-?[dmHIMSjy]|[aAbBpY%])|%")
_ISO_VALUE = re.compile(r"(?P<date>\d{4}-\d\d-\d\d)?(?:(?:^|[ T])(?P<time>\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?", re.ASCII)
_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<inside>[^{}]*)\}|[{}]")
_DATE_DIRECTIVES = set("dmjyaAbBY")
_TIME_DIRECTIVES = set("HIMSp")
_NAME_DIRECTIVES = {
    "a": ("days", "abbreviated"),
    "A": ("days", "wide"),
    "b": ("months", "abbreviated"),
    "B": ("months", "wide"),
}
_ROOT_NAMES = frozenset({"M01", "Mon"})  # what stands in for the names of a language that has none on record


def fold(name: str) -> str:
    """Return a column name as it is compared: no surplus white space, no difference of case."""
    return " ".join(name.split()).casefold()


class UnfitValueError(ValueError):
    """A value is not what its placeholder's format needs; the text goes on where the value ends."""

    def __init__(self, placeholder: "Placeholder", value: str, reason: str) -> None:
        super().__init__(reason)
        self.placeholder, self.value = placeholder, value


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One ``{column}`` or ``{column:format}``; ``column`` is as written, ``key`` as compared."""

    column: str
    key: str
    format: str = ""

    def fill(self, value: str, locale: str) -> str:
        """Return the value as the format asks, with month and day names as in ``locale``.

        Raises:
            UnfitValueError: the value is not what the format needs.
        """
        if not self.format:
            return value
        try:
            return format_value(value, self.format, locale)
        except ValueError as error:
            raise UnfitValueError(self, value, str(error)) from None


@dataclass(frozen=True, slots=True)
class Text:
    """A text with placeholders, such as ``"Dear {first_name}"``."""

    source: str
    parts: tuple[str | Placeholder, ...]

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """The placeholders in the order they stand in the text."""
        return tuple(part for part in self.parts if isinstance(part, Placeholder))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns they name, as written."""
        return tuple(placeholder.column for placeholder in self.placeholders)

    def fill(self, values: Mapping[str, str], locale: str = "en") -> str:
        """Return the text with every placeholder replaced by its value.

        Args:
            values: the row's cells by folded column name, built-ins included.
            locale: the language of month and day names, such as ``de`` or ``pt_BR``.

        Raises:
            KeyError: a column is missing (its ``args[0]`` is the folded name).
            UnfitValueError: a format was asked for and the value is no ISO date or time.
        """
        parts = self.parts
        if len(parts) == 1 and isinstance(parts[0], Placeholder):  # by far the most texts; reading sheets lives on it
            return parts[0].fill(values[parts[0].key], locale)
        return "".join(part if isinstance(part, str) else part.fill(values[part.key], locale) for part in parts)


def close_gaps(text: str) -> str:
    """Return a filled text without the spaces that blank values leave behind: at both ends, and of several in a row."""
    text = text.strip(" ")
    return _SPACES.sub(" ", text) if "  " in text else text


_SPACES = re.compile("  +")


def parse_text(source: str) -> Text:
    """Split ``source`` into literal text and placeholders.

    Raises:
        ValueError: a brace without its partner, an empty name, or an unknown date directive; the message
            says what to write instead.
    """
    parts: list[str | Placeholder] = []
    literal, position = "", 0
    for match in _TOKEN.finditer(source):
        literal += source[position : match.start()]
        position = match.end()
        token = match.group()
        if token in ("{{", "}}"):
            literal += token[0]
        elif match["inside"] is None:
            raise ValueError(f"holds a single {token}; write {{column}} for a value, {token * 2} for the brace itself")
        else:
            parts += [literal, _parse_placeholder(match["inside"])]
            literal = ""
    parts.append(literal + source[position:])
    return Text(source, tuple(part for part in parts if part != ""))


def _parse_placeholder(inside: str) -> Placeholder:
    column, colon, form = inside.partition(":")
    if not column.strip():
        raise ValueError(f"names no column in {{{inside}}}; write one, such as {{phone}}")
    column = " ".join(column.split())
    if colon and "%" not in form:
        advice = f"write one such as {{{column}:%d %B}}, or rename a column that has a colon in its header"
        raise ValueError(f"has no date format after the colon in {{{inside}}}; {advice}")
    for directive in _DIRECTIVES.finditer(form):
        if directive.group() == "%":
            unknown = re.match(r"%-?[^-]?", form[directive.start() :])
            raise ValueError(
                f"holds {unknown[0] if unknown else '%'}, which is no date directive;"
                " write for example %d %B %Y, %H:%M, or %% for a per cent sign"
            )
    return Placeholder(column, fold(column), form)


@lru_cache(maxsize=4096)  # the rows of a sheet share their dates
def format_value(value: str, form: str, locale: str = "en") -> str:
    """Return ``value`` as ``form`` asks; without a form the value stays as it is.

    Args:
        value: an ISO date, time, or both.
        form: date directives, as in ``%-d %B``; empty for none.
        locale: the language of ``%a``, ``%A``, ``%b`` and ``%B``; all else is the same everywhere.

    Raises:
        ValueError: the value is no ISO date or time, lacks the part the form shows, or the names of the
            locale are not known.
    """
    if not form:
        return value
    moment = _read_moment(value, {directive.group()[-1] for directive in _DIRECTIVES.finditer(form)})
    # Beside a day many languages bend the month's name: "3 грудня", but "грудень 2026".
    context = "format" if re.search("%-?d", form) else "stand-alone"
    return _DIRECTIVES.sub(lambda match: _format_part(moment, match.group(), locale, context), form)


def _read_moment(value: str, used: set[str]) -> datetime:
    if not value.strip():
        raise ValueError("is empty, and the message shows it as a date or time; fill in the cell")
    match = _ISO_VALUE.fullmatch(value.strip())
    if not match:
        raise ValueError("is no date or time that can be read; write it as 2026-12-31 or 14:30")
    if used & _DATE_DIRECTIVES and not match["date"]:
        raise ValueError("holds no date; write it as 2026-12-31")
    if used & _TIME_DIRECTIVES and not match["time"]:
        raise ValueError("holds no time of day; write it as 14:30, after a date as 2026-12-31 14:30")
    try:
        day = date.fromisoformat(match["date"] or "1900-01-01")
        return datetime.combine(day, time.fromisoformat(match["time"] or "00:00"))
    except ValueError:
        raise ValueError("is a date or time that does not exist; correct it") from None


def _format_part(moment: datetime, directive: str, locale: str, context: str) -> str:
    letter = directive[-1]
    if letter == "Y":
        return f"{moment.year:04}"  # strftime pads the year on some platforms only
    if letter in _NAME_DIRECTIVES and locale.partition("_")[0] != "en":
        kind, width = _NAME_DIRECTIVES[letter]
        return _read_names(locale)[kind, width, context][moment.month if kind == "months" else moment.weekday()]
    text = moment.strftime(f"%{letter}")
    return (text.lstrip("0") or "0") if directive.startswith("%-") else text


@cache
def _read_names(locale: str) -> Mapping[tuple[str, str, str], Mapping[int, str]]:
    """Return the names of months (from 1) and days (Monday is 0) by kind, width and context.

    Raises:
        ValueError: the names of the locale are not known.
    """
    from babel import Locale, UnknownLocaleError, localedata  # costs 80 ms, only for messages with such names

    for name in (locale, locale.partition("_")[0]):
        try:
            known = localedata.load(str(Locale.parse(name)))
        except (UnknownLocaleError, ValueError):
            continue
        # A copy: babel remembers what it resolved for one language in data that others share, and then
        # answers in the wrong language (https://github.com/python-babel/babel/issues/1234).
        data = localedata.LocaleDataDict(copy.deepcopy({kind: known[kind] for kind in ("months", "days")}))
        names = {
            (kind, width, context): dict(data[kind][context][width])
            for kind, width in _NAME_DIRECTIVES.values()
            for context in ("format", "stand-alone")
        }
        if not _ROOT_NAMES.intersection(name for some in names.values() for name in some.values()):
            return names
    raise ValueError(
        f"cannot be written out: the month and day names of the locale {locale} are not known;"
        " show the date in digits, as in %d.%m.%Y"
    )
