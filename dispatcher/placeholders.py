"""Texts with ``{column}`` placeholders: parsed once, filled in for every row.

There is no evaluation and no attribute access, and what a cell holds is never expanded again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

# The directives whose meaning does not depend on the platform; `%-d` drops a leading zero.
_DIRECTIVES = re.compile(r"%(-?[dmHIMSjy]|[aAbBpY%])|%")
_ISO_VALUE = re.compile(r"(?P<date>\d{4}-\d\d-\d\d)?(?:(?:^|[ T])(?P<time>\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?")
_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<inside>[^{}]*)\}|[{}]")
_DATE_DIRECTIVES = set("dmjyaAbBY")
# Each directive that shows a name, and the Unicode pattern of that name within a date (UTS 35).
_NAME_PATTERNS = {"%B": "MMMM", "%b": "MMM", "%A": "EEEE", "%a": "EEE", "%p": "a"}
_TIME_DIRECTIVES = set("HIMSp")


def fold(name: str) -> str:
    """Return a column name as it is compared: no surplus white space, no difference of case."""
    return " ".join(name.split()).casefold()


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One ``{column}`` or ``{column:format}``; ``column`` is as written, ``key`` as compared."""

    column: str
    key: str
    format: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A text with placeholders, such as ``"Dear {first_name}"``."""

    source: str
    parts: tuple[str | Placeholder, ...]

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """The placeholders in the order they stand in the text."""
        return tuple(part for part in self.parts if isinstance(part, Placeholder))

    def fill(self, values: Mapping[str, str], *, locale: str = "en") -> str:
        """Return the text with every placeholder replaced by its value.

        Args:
            values: the row's cells by folded column name, built-ins included.
            locale: the language of month and day names, as WhatsApp writes it: ``de``, ``pt_BR``.

        Raises:
            KeyError: a column is missing (its ``args[0]`` is the folded name).
            ValueError: a format was asked for and the value is no ISO date or time, or the locale is unknown.
        """
        return "".join(
            part if isinstance(part, str) else format_value(values[part.key], part.format, locale=locale)
            for part in self.parts
        )


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
            raise ValueError(f"a single {token!r} in {source!r}; write {token * 2!r} for a literal brace")
        else:
            parts += [literal, _parse_placeholder(match["inside"], source)]
            literal = ""
    parts.append(literal + source[position:])
    return Text(source, tuple(part for part in parts if part != ""))


def _parse_placeholder(inside: str, source: str) -> Placeholder:
    column, _, form = inside.partition(":")
    if not column.strip():
        raise ValueError(f"{{{inside}}} in {source!r} names no column; write {{column}}")
    if form and "%" not in form:
        raise ValueError(f"the format {form!r} in {source!r} has no date directive; write {{{column}:%d %B}}")
    for directive in _DIRECTIVES.finditer(form):
        if directive.group() == "%":
            unknown = form[directive.start() : directive.start() + 2]
            raise ValueError(f"unknown date directive {unknown!r} in {source!r}; write for example %d %B %Y or %H:%M")
    return Placeholder(" ".join(column.split()), fold(column), form)


def format_value(value: str, form: str, *, locale: str = "en") -> str:
    """Return ``value`` as ``form`` asks; without a form the value stays as it is.

    Raises:
        ValueError: the value is no ISO date or time, or lacks the part the form shows, or nobody knows the
            names of months and days in ``locale``.
    """
    if not form:
        return value
    match = _ISO_VALUE.fullmatch(value.strip())
    used = {directive.group()[-1] for directive in _DIRECTIVES.finditer(form)}
    if not match or not any(match.groups()):
        raise ValueError(f"{value!r} is no date the program can read; write it as 2026-12-31")
    if used & _DATE_DIRECTIVES and not match["date"]:
        raise ValueError(f"{value!r} holds no date")
    if used & _TIME_DIRECTIVES and not match["time"]:
        raise ValueError(f"{value!r} holds no time of day")
    day = date.fromisoformat(match["date"] or "1900-01-01")
    moment = time.fromisoformat(match["time"] or "00:00")
    named = _name_parts(datetime.combine(day, moment), form, locale)
    return datetime.combine(day, moment).strftime(named)


def _name_parts(moment: datetime, form: str, locale: str) -> str:
    """Replace the directives for names by the names in the language of ``locale``."""
    if locale.partition("_")[0] == "en" or not any(name in form for name in _NAME_PATTERNS):
        return form
    from babel import UnknownLocaleError
    from babel.dates import format_datetime

    try:
        if not locale:
            raise UnknownLocaleError(locale)  # babel would take the language of this machine
        return _DIRECTIVES.sub(
            lambda match: (
                format_datetime(moment, _NAME_PATTERNS[match.group()], locale=locale).replace("%", "%%")
                if match.group() in _NAME_PATTERNS
                else match.group()
            ),
            form,
        )
    except (UnknownLocaleError, ValueError) as error:
        raise ValueError(f"{locale!r} is no language whose months are known; write for example de or pt_BR") from error
