"""Surveys a sheet nobody has described yet: where its header is, which column holds the numbers."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dispatcher.errors import SheetError
from dispatcher.loader.formats import open_tables
from dispatcher.loader.formats.tables import HEADER_SEARCH_ROWS, Row, Table
from dispatcher.loader.header import Header, name_columns
from dispatcher.loader.values.phone_numbers import Number, read_number
from dispatcher.loader.values.texts import tidy_text
from dispatcher.models import RecipientRules
from dispatcher.placeholders import parse_text

_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_ROWS_LOOKED_AT = HEADER_SEARCH_ROWS + 20
_INTERNATIONAL = RecipientRules(to=parse_text("{to}"), key=parse_text("{to}"))
# What columns of phone numbers are called in the languages of the customers; "number" alone may be any number.
_PHONE_WORD = re.compile(
    r"(?i)phone|mobil|m[oó]vil|\bcell|celular|whats\s?app|handy|t[eé]l[eé]f|\btel\b|fone\b|portable|msisdn|\bgsm\b"
)
_NUMBER_WORD = re.compile(r"(?i)number|nummer|n[uú]mero|\bnr\b|\bno\b")
_OPT_OUT_WORD = re.compile(r"(?i)\bopt(ed)?[\s_-]*out\b|unsubscribe|do[\s_-]*not[\s_-]*(contact|message|text)|\bdnc\b")
_DIALLED_AT_HOME = re.compile(r"[(\d][\d\s()./-]{5,18}\d")


@dataclass(frozen=True, slots=True)
class SheetSurvey:
    """What a sheet seems to be.

    Attributes:
        sheet_name: the worksheet, None for a CSV file or where there is only one.
        header_row: the row that names the columns, as Excel shows it.
        columns: the columns as the sheet labels them.
        number_column: the column that holds phone numbers.
        is_national: whether most of them are without their country code.
        date_columns: columns that hold dates.
        opt_out_columns: columns that seem to say who must not be messaged.
        other_sheets: further worksheets that hold phone numbers as well.
        other_number_columns: columns that hold phone numbers as well, by their names or the + in them.
    """

    sheet_name: str | None
    header_row: int
    columns: tuple[str, ...]
    number_column: str
    is_national: bool
    date_columns: tuple[str, ...]
    opt_out_columns: tuple[str, ...]
    other_sheets: tuple[str, ...] = ()
    other_number_columns: tuple[str, ...] = ()


def survey_sheet(path: Path) -> SheetSurvey:
    """Find the header and the column of numbers in a recipients file.

    Raises:
        SheetError: the file cannot be read, or no column of it holds phone numbers below a header.
    """
    tables = [table for table in open_tables(path, None) if table.is_visible]
    surveys = [survey for table in tables if (survey := _survey_table(table, is_only=len(tables) == 1))]
    if not surveys:
        raise SheetError(f"{path.name}: {_explain_nothing(tables)}")
    best = max(surveys, key=lambda survey: len(survey.columns))
    others = (survey.sheet_name for survey in surveys if survey is not best)
    return replace(best, other_sheets=tuple(name for name in others if name))


def _explain_nothing(tables: Sequence[Table]) -> str:
    """Say why no column of numbers was found, and what to do."""
    for table in tables:
        rows = _read_start(table)
        if rows and any(map(_looks_like_a_number, rows[0].texts)):
            where = f' of the sheet "{table.name}"' if table.name and len(tables) > 1 else ""
            return (
                f"the first row{where} (row {rows[0].number}) already holds a phone number;"
                " a row with the names of the columns must stand above it"
            )
    return "no column below a header holds phone numbers; write them as +12025550123"


def _read_start(table: Table) -> list[Row]:
    """Return the rows that are looked at; none of a CSV file that is read with the wrong delimiter."""
    try:
        return [row for row in itertools.islice(table.read_rows(), _ROWS_LOOKED_AT) if not row.is_blank]
    except SheetError:
        return []


def _survey_table(table: Table, *, is_only: bool) -> SheetSurvey | None:
    rows = _read_start(table)
    first = _find_first_number(rows)
    if not first:
        return None
    header = name_columns(max(rows[:first], key=_weigh_header))
    data = [row for row in rows if row.number > header.row_number]
    return _describe(table, header, data, is_only=is_only)


def _find_first_number(rows: Sequence[Row]) -> int:
    """Return the first of the rows with a number in it, 0 for none; below "phone" short ones count as well."""
    named: set[int] = set()
    for index, row in enumerate(rows):
        cells = list(enumerate(row.texts))
        if any(_looks_like_a_number(text) for _, text in cells):
            return index
        if any(position in named and _is_dialled_at_home(text, 7) for position, text in cells):
            return index
        named.update(position for position, text in cells if _PHONE_WORD.search(text))
    return 0


def _weigh_header(row: Row) -> tuple[bool, bool, int]:
    """Return how much a row above the first number looks like the header; of equals the first one is it."""
    filled = [text for text in row.texts if text.strip()]
    return len(filled) > 1, any(map(_PHONE_WORD.search, filled)), len(filled)


def _looks_like_a_number(text: str) -> bool:
    return _is_international(text) or (text.strip().startswith(("0", "(")) and _is_dialled_at_home(text, 9))


def _is_international(text: str) -> bool:
    return len(text) >= 10 and isinstance(read_number(text, _INTERNATIONAL), Number)


def _is_dialled_at_home(text: str, digits_min: int) -> bool:
    """Return whether a text looks like a number without its country code."""
    text = text.strip()
    count = sum(character.isdigit() for character in text)
    return digits_min <= count <= 12 and bool(_DIALLED_AT_HOME.fullmatch(text)) and not _ISO_DATE.match(text)


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of the rows looked at."""

    label: str
    texts: Sequence[str]

    @property
    def international(self) -> int:
        """How many cells are numbers with their country code."""
        return sum(map(_is_international, self.texts))

    @property
    def national(self) -> int:
        """How many cells are numbers without it; seven digits are one only where the header says so."""
        if _PHONE_WORD.search(self.label):
            return sum(_is_dialled_at_home(text, 7) and not _is_international(text) for text in self.texts)
        return sum(_looks_like_a_number(text) and not _is_international(text) for text in self.texts)

    @property
    def is_date(self) -> bool:
        """Whether every cell that is not blank is a date."""
        filled = [text for text in self.texts if text]
        return bool(filled) and all(map(_ISO_DATE.match, filled))

    @property
    def weight(self) -> tuple[bool, int, bool, int]:
        """How much it looks like the column of numbers: by its name, by the +, by the rest."""
        plus = sum(text.strip(" '=\"").startswith("+") for text in self.texts)
        count = self.international + self.national
        return bool(_PHONE_WORD.search(self.label)), plus, bool(_NUMBER_WORD.search(self.label)), count


def _describe(table: Table, header: Header, data: list[Row], *, is_only: bool) -> SheetSurvey | None:
    columns = [
        _Column(label, [tidy_text(row.texts[position]).text for row in data if position < len(row.texts)])
        for position, label in enumerate(header.labels)
    ]
    candidates = [column for column in columns if column.international + column.national]
    if not candidates:
        return None
    numbers = max(candidates, key=lambda column: column.weight)
    return SheetSurvey(
        sheet_name=None if is_only else table.name,
        header_row=header.row_number,
        columns=header.labels,
        number_column=numbers.label,
        is_national=numbers.national > numbers.international,
        date_columns=tuple(column.label for column in columns if column.is_date),
        opt_out_columns=tuple(label for label in header.labels if _OPT_OUT_WORD.search(label)),
        other_number_columns=tuple(
            column.label for column in candidates if column is not numbers and any(column.weight[:2])
        ),
    )
